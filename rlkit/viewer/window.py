"""Base of the pygame windows: opening, event loop, keys, frame pacing, messages and screenshots."""

import contextlib
import itertools
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pygame

from rlkit.errors import UserError
from rlkit.viewer.theme import BACKGROUND, GREEN

SIZE = (1280, 720)
SMALLEST = (320, 240)  # pixels, below which nothing is drawn
REFRESH = 60  # loops per second
LONGEST_GAP = 0.25  # s; a longer interruption counts as this much
MESSAGE_SECONDS = 3.0
KEY_REPEAT = (350, 50)  # ms until a held key repeats, and between repeats
INVISIBLE_DRIVERS = ("dummy", "offscreen")  # SDL video drivers without a screen

HelpLine = tuple[str, str]
"""Name of a key, and what it does."""


def has_display() -> bool:
    """Whether a visible window can be opened."""
    if os.environ.get("SDL_VIDEODRIVER", "").lower() in INVISIBLE_DRIVERS:
        return False
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    if pygame.display.get_init():
        return pygame.display.get_driver() not in INVISIBLE_DRIVERS
    try:
        pygame.display.init()
    except pygame.error:
        return False
    visible = pygame.display.get_driver() not in INVISIBLE_DRIVERS
    pygame.display.quit()
    return visible


@contextlib.contextmanager
def open_display(size: tuple[int, int] = SIZE, *, instead: str) -> Iterator[None]:
    """Open a resizable window for the duration of the block.

    Args:
        size: (width, height) in pixels.
        instead: What to do where no window can be opened, for the error message.

    Raises:
        UserError: No window can be opened.
    """
    # SDL would fall back to drawing into memory, in a window that cannot be closed; a driver named by the user is used.
    if not os.environ.get("SDL_VIDEODRIVER") and not has_display():
        raise UserError(f"No window can be opened here (there is no display): {instead}", exit_code=1)
    try:
        pygame.display.init()
        pygame.display.set_mode(size, pygame.RESIZABLE)
    except pygame.error as error:
        raise UserError(f"No window can be opened here ({error}): {instead}", exit_code=1) from error
    try:
        yield
    finally:
        pygame.display.quit()


@dataclass(frozen=True)
class Key:
    """A key binding.

    Args:
        codes: pygame key codes, any of which triggers it.
        label: Name of the keys in the help.
        text: What they do, for the help.
        action: Called with the window.
        repeats: Whether it is triggered again while the key is held.
    """

    codes: tuple[int, ...]
    label: str
    text: str
    action: Callable[[Any], None]
    repeats: bool = False


class Window(ABC):
    """A window with an event loop that redraws only when something has changed; the display must be open.

    A subclass lists its key bindings in `keys` and implements `update`, `state` and `paint`.

    Environments may close the display, by `pygame.quit()` for instance: it is opened again when it is next needed, and
    everything is drawn in memory first.

    Args:
        title: Shown in the title bar behind the program's name.
    """

    keys: ClassVar[tuple[Key, ...]] = ()
    """Key bindings, in the order of the help."""

    def __init__(self, title: str):
        self.closed = False
        self.help = False
        self.panels = True
        self.message = ""
        self.held: set[int] = set()
        """Codes of the keys that are down."""
        self._message_left = 0.0  # s
        self._drawn: tuple[object, ...] | None = None
        self._canvas: pygame.Surface | None = None
        self._size = SIZE
        self._caption = ""
        self.set_title(title)
        self._dress()

    @abstractmethod
    def update(self, seconds: float) -> None:
        """Advance by a span of wall-clock time."""

    @abstractmethod
    def state(self) -> tuple[object, ...]:
        """Values that determine the picture beside help, message, panels and size; it is redrawn when one changes."""

    @abstractmethod
    def paint(self, surface: pygame.Surface, message: str, help_lines: Sequence[HelpLine]) -> None:
        """Draw everything.

        Args:
            surface: Where to draw.
            message: A short message, "" for none.
            help_lines: The help, empty for none.
        """

    def run(self) -> None:
        """Loop until the window is closed."""
        clock = pygame.time.Clock()
        last = time.perf_counter()
        while not self.closed:
            self.screen()
            for event in pygame.event.get():
                self.handle(event)
            now = time.perf_counter()
            self.tick(min(now - last, LONGEST_GAP))
            last = now
            self.draw()
            clock.tick(REFRESH)

    def handle(self, event: pygame.event.Event) -> None:
        """React to one event."""
        if event.type == pygame.QUIT:
            self.close()
        elif event.type == pygame.KEYUP:
            self.held.discard(event.key)
        elif event.type == pygame.WINDOWFOCUSLOST:
            self.held.clear()
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED):
            self._drawn = None
        elif event.type == pygame.KEYDOWN:
            repeated = event.key in self.held
            self.held.add(event.key)
            self.press(event.key, repeated)

    def press(self, code: int, repeated: bool) -> None:
        """React to a key.

        Args:
            code: Its pygame code.
            repeated: Whether it was held before.
        """
        key = next((key for key in self.keys if code in key.codes), None)
        if key is not None and (key.repeats or not repeated):
            key.action(self)

    def screen(self) -> pygame.Surface:
        """The surface of the display, which is opened again if something has closed it.

        Raises:
            UserError: It cannot be opened again.
        """
        surface = pygame.display.get_surface() if pygame.display.get_init() else None
        if surface is None:
            try:
                pygame.display.init()
                surface = pygame.display.set_mode(self._size, pygame.RESIZABLE)
            except pygame.error as error:
                raise UserError(
                    f"the window was closed by the environment and cannot be opened again ({error}): record a video "
                    "instead.",
                    exit_code=1,
                ) from error
            self._drawn = None
            self.held.clear()
            self._dress()
            self.reopened()
        self._size = surface.get_size()
        return surface

    def reopened(self) -> None:  # noqa: B027 - most windows have nothing to do
        """React to the display having been opened again."""

    def tick(self, seconds: float) -> None:
        """Let wall-clock time pass."""
        self._message_left -= seconds
        if self._message_left <= 0.0:
            self.message = ""
        self.update(seconds)

    def draw(self) -> None:
        """Draw if anything has changed since the last time."""
        size = self.screen().get_size()
        state = (size, self.panels, self.help, self.message, *self.state())
        if state == self._drawn or size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
            return
        if self._canvas is None or self._canvas.get_size() != size:
            self._canvas = pygame.Surface(size)
        self.paint(self._canvas, self.message, self.help_lines() if self.help else ())
        self.screen().blit(self._canvas, (0, 0))
        pygame.display.flip()
        self._drawn = state

    def help_lines(self) -> tuple[HelpLine, ...]:
        """The lines of the help."""
        return tuple((key.label, key.text) for key in self.keys)

    def set_title(self, title: str) -> None:
        """Name the window in its title bar."""
        self._caption = f"rlkit · {title}"
        self.screen()
        pygame.display.set_caption(self._caption)

    def show_message(self, message: str) -> None:
        """Show a message for some seconds."""
        self.message, self._message_left = message, MESSAGE_SECONDS

    def close(self) -> None:
        """Leave the event loop."""
        self.closed = True

    def toggle_help(self) -> None:
        """Show or hide the help."""
        self.help = not self.help

    def toggle_panels(self) -> None:
        """Show or hide the panels beside the scene."""
        self.panels = not self.panels

    def screenshot(self) -> None:
        """Save the picture as a new PNG file in the current folder."""
        self.show_message(_save_screenshot(self.snapshot()))

    def snapshot(self) -> pygame.Surface:
        """The picture that a screenshot saves: as shown, without help and message."""
        surface = pygame.Surface(self.screen().get_size())
        self.paint(surface, "", ())
        return surface

    def _dress(self) -> None:
        pygame.display.set_caption(self._caption)
        pygame.display.set_icon(_icon())
        pygame.key.set_repeat(*KEY_REPEAT)


def _save_screenshot(surface: pygame.Surface) -> str:
    """Save a picture under a new name in the current folder and return a message about it."""
    stem = time.strftime("rlkit-%Y%m%d-%H%M%S")
    try:
        for number in itertools.count(1):
            path = Path(f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
            try:
                with path.open("xb") as file:  # never over an existing file
                    pygame.image.save(surface, file, "screenshot.png")
            except FileExistsError:
                continue
            return f"Saved {path.resolve()}"
    except (OSError, pygame.error) as error:
        return f"No screenshot: {getattr(error, 'strerror', None) or error}"
    raise AssertionError


def _icon() -> pygame.Surface:
    icon = pygame.Surface((32, 32))
    icon.fill(BACKGROUND)
    pygame.draw.polygon(icon, GREEN, [(9, 6), (26, 16), (9, 26)])
    return icon

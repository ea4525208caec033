"""The window: keys, pace and the loop that keeps it fluid."""

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pygame

from rlkit.errors import UserError
from rlkit.viewer.panels import Painter, Status
from rlkit.viewer.playback import Playback
from rlkit.viewer.theme import BACKGROUND, GREEN
from rlkit.viewer.video import LAST_MOMENT, Recorder

SIZE = (1280, 720)
SMALLEST = (320, 240)  # pixels, below which nothing is drawn
REFRESH = 60  # loops per second
BUDGET = 0.6 / REFRESH  # s that decisions may take of one loop; the rest is for drawing
LONGEST_GAP = 0.25  # s; what a window that was held up has missed beyond that is not made up for
MOST_PICTURES = 60  # between two decisions, however slowly it is played
NOTE_SECONDS = 3.0
REPEAT = (350, 50)  # ms until a key that is held repeats, and between repeats
BLIND_DRIVERS = ("dummy", "offscreen")  # SDL video drivers that show nothing


def has_display() -> bool:
    """Whether a window can be opened here that a person would see."""
    if os.environ.get("SDL_VIDEODRIVER", "").lower() in BLIND_DRIVERS:
        return False
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    if pygame.display.get_init():
        return pygame.display.get_driver() not in BLIND_DRIVERS
    try:
        pygame.display.init()
    except pygame.error:
        return False
    visible = pygame.display.get_driver() not in BLIND_DRIVERS
    pygame.display.quit()
    return visible


def show(playback: Playback, *, record: str | Path | None = None, size: tuple[int, int] = SIZE) -> None:
    """Show a playback in a window until a person closes it.

    Args:
        playback: What to show.
        record: Video file to make of every moment, .mp4 or .gif; complete whenever the window closes.
        size: (width, height) of the window in pixels.

    Raises:
        UserError: If no window can be opened, or the recording cannot be made.
    """
    # Without a display SDL may draw into memory, where nobody could ever press Q. Who names a driver, means it.
    if not os.environ.get("SDL_VIDEODRIVER") and not has_display():
        raise _no_window("there is no display")
    try:
        pygame.display.init()
        pygame.display.set_mode(size, pygame.RESIZABLE)
    except pygame.error as error:
        raise _no_window(str(error)) from error
    try:
        with contextlib.ExitStack() as stack:
            recorder = None if record is None else stack.enter_context(Recorder(record, playback.rate))
            Window(playback, recorder).run()
    finally:
        pygame.display.quit()


@dataclass(frozen=True)
class Key:
    """What some keys do.

    Args:
        codes: pygame's key codes.
        label: How the help names them.
        text: What the help says they do.
        action: What they do.
        repeats: Whether holding the key does it again and again.
    """

    codes: tuple[int, ...]
    label: str
    text: str
    action: Callable[["Window"], None]
    repeats: bool = False


class Window:
    """Passes keys and time on to a playback and draws it whenever something has changed.

    The display must be open; `show` sees to that.

    Args:
        playback: What to show.
        recorder: Gets every moment, if there is one.
    """

    def __init__(self, playback: Playback, recorder: Recorder | None = None):
        self.playback = playback
        self.recorder = recorder
        self.panels = True
        self.help = False
        self._painter = Painter()
        self._note = ""
        self._note_until = 0.0
        self._held: set[int] = set()
        self._drawn: tuple[object, ...] = ()
        self._recorded = -1
        self._share = 1.0
        frame = playback.frame()
        pygame.display.set_caption(f"rlkit · {frame.environment} · {frame.agent}")
        pygame.display.set_icon(window_icon())
        pygame.key.set_repeat(*REPEAT)

    def run(self) -> None:
        """Loop until the window is closed."""
        clock = pygame.time.Clock()
        last = time.perf_counter()
        self._keep()
        while not self.playback.stopped:
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
            self.playback.stop()
        elif event.type == pygame.KEYUP:
            self._held.discard(event.key)
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._held.clear()
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED):
            self._drawn = ()
        elif event.type == pygame.KEYDOWN:
            key = next((key for key in KEYS if event.key in key.codes), None)
            if key is not None and (key.repeats or event.key not in self._held):
                key.action(self)
                self._keep()
            self._held.add(event.key)

    def tick(self, seconds: float) -> None:
        """Let wall-clock time pass."""
        self.playback.elapse(seconds, budget=BUDGET, each=self._keep)
        if self._note and time.perf_counter() > self._note_until:
            self._note = ""

    def draw(self) -> None:
        """Draw, if anything has changed since the last time."""
        surface = pygame.display.get_surface()
        self._share = self._share_to_show()
        state = (
            self.playback.version,
            self._share,
            surface.get_size(),
            self.panels,
            self._painter.errors,
            self.help,
            self._note,
        )
        if state == self._drawn or min(surface.get_width() - SMALLEST[0], surface.get_height() - SMALLEST[1]) < 0:
            return
        self._paint(surface, note=self._note, with_help=self.help)
        pygame.display.flip()
        self._drawn = state

    # What the keys do

    def next_episode(self) -> None:
        """Go to the next episode, or say that there is none."""
        if not self.playback.next_episode():
            self._say("This is the last episode")

    def toggle_help(self) -> None:
        """Show or hide the list of keys."""
        self.help = not self.help

    def toggle_panels(self) -> None:
        """Show the scene with or without panels."""
        self.panels = not self.panels

    def toggle_errors(self) -> None:
        """Show or hide the mistakes of perception."""
        self._painter.errors = not self._painter.errors
        if self.playback.frame().perceived is None:
            self._say("Nothing is perceived here: the agent sees what the environment gives")
        else:
            self._say(f"Mistakes of perception are {'shown' if self._painter.errors else 'hidden'}")

    def screenshot(self) -> None:
        """Save what is shown, without help and notes, under a new name in the current folder."""
        surface = pygame.Surface(pygame.display.get_surface().get_size())
        self._paint(surface, note="", with_help=False)
        self._say(save_screenshot(surface))

    # Inside

    def _say(self, note: str) -> None:
        self._note = note
        self._note_until = time.perf_counter() + NOTE_SECONDS

    def _paint(self, surface: pygame.Surface, *, note: str, with_help: bool) -> None:
        playback = self.playback
        status = Status(
            paused=playback.paused,
            speed=playback.speed,
            recording=self.recorder is not None,
            exhausted=playback.exhausted,
            note=note,
            help=[(key.label, key.text) for key in KEYS] if with_help else (),
        )
        self._painter.draw(surface, playback.frame(self._share), status, self.panels)

    def _share_to_show(self) -> float:
        """How far on its way to the present the scene is drawn: a decision behind, but smooth."""
        playback = self.playback
        pictures = int(min(REFRESH / (playback.rate * playback.speed), MOST_PICTURES))  # that fit between two decisions
        if not playback.smooth or pictures < 2:
            return 1.0
        return min(1.0, (int(playback.share * pictures) + 1) / pictures)

    def _keep(self) -> None:
        """Record the present moment, once."""
        if self.recorder is None or self.playback.moment == self._recorded:
            return
        frame = self.playback.frame()
        self.recorder.write(frame, 1 + (round(LAST_MOMENT * self.recorder.rate) if frame.ended else 0))
        self._recorded = self.playback.moment


def _ask(method: Callable[[Playback], None]) -> Callable[[Window], None]:
    """A key that the playback answers."""
    return lambda window: method(window.playback)


KEYS = (
    Key((pygame.K_SPACE,), "Space", "pause, go on", _ask(Playback.toggle_pause)),
    Key((pygame.K_RIGHT, pygame.K_PERIOD), "→  .", "one step", _ask(Playback.single_step), repeats=True),
    Key((pygame.K_UP, pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS), "↑  +", "faster", _ask(Playback.faster)),
    Key((pygame.K_DOWN, pygame.K_MINUS, pygame.K_KP_MINUS), "↓  −", "slower", _ask(Playback.slower)),
    Key((pygame.K_n,), "N", "next episode or circuit", Window.next_episode),
    Key((pygame.K_r,), "R", "restart the episode", _ask(Playback.restart)),
    Key((pygame.K_TAB,), "Tab", "panels on, off", Window.toggle_panels),
    Key((pygame.K_e,), "E", "mistakes of perception on, off", Window.toggle_errors),
    Key((pygame.K_s, pygame.K_F12), "S  F12", "screenshot", Window.screenshot),
    Key((pygame.K_h, pygame.K_F1), "H  F1", "this help", Window.toggle_help),
    Key((pygame.K_q, pygame.K_ESCAPE), "Q  Esc", "quit", _ask(Playback.stop)),
)
"""Every key, in the order in which the help lists them."""


def _no_window(why: str) -> UserError:
    return UserError(f"No window can be opened here ({why}): record a video (.mp4 or .gif) instead.", exit_code=1)


def save_screenshot(surface: pygame.Surface) -> str:
    """Save a picture under a new name in the current folder, and say so or why not."""
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


def window_icon() -> pygame.Surface:
    """The sign of a window of ours."""
    icon = pygame.Surface((32, 32))
    icon.fill(BACKGROUND)
    pygame.draw.polygon(icon, GREEN, [(9, 6), (26, 16), (9, 26)])
    return icon

"""A window that shows predictions, one image after the other."""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
import pygame

from rlkit.spaces import Pixels
from rlkit.viewer.theme import BACKGROUND, DIM, SMALL, Pen, blit_fitted, scale_for, to_surface
from rlkit.viewer.window import HelpLine, Key, Window, open_display

SIZE = (1280, 780)
HISTORY = 600  # images that one can go back to


R = TypeVar("R")


class PredictionWindow(Window, Generic[R]):
    """Shows each row as a sheet of its own; the display must be open.

    Args:
        rows: What to show, consumed as needed.
        draw: Makes a sheet of a row, (H, W, 3) uint8.
        rate: Images per second while playing.
        title: Shown in the title bar.
        playing: Whether to play from the beginning.
    """

    def __init__(self, rows: Iterator[R], draw: Callable[[R], Pixels], rate: float, *, title: str = "", playing: bool):
        super().__init__(title)
        self.playing = playing
        self.index = -1
        """Position of the image shown in the history."""
        self._rows = rows
        self._draw = draw
        self._rate = rate
        self._history: list[Pixels] = []
        self._due = 0.0  # images that are due
        self._version = 0
        self.step(1)

    @property
    def sheet(self) -> Pixels:
        """What is shown, (H, W, 3) uint8; black if there is nothing."""
        return self._history[self.index] if self._history else np.zeros((120, 160, 3), dtype=np.uint8)

    def update(self, seconds: float) -> None:
        """Go on to the next image when it is due."""
        if not self.playing:
            return
        self._due += seconds * self._rate
        if self._due >= 1.0 - 1e-9:
            self._due = min(self._due - 1.0, 1.0)  # a slow network slows the playback down instead of skipping
            self.step(1)

    def state(self) -> tuple[object, ...]:
        """The image shown."""
        return (self._version,)

    def paint(self, surface: pygame.Surface, message: str, help_lines: Sequence[HelpLine]) -> None:
        """Draw the sheet as large as fits, above a line with the message or the keys."""
        surface.fill(BACKGROUND)
        pen = Pen(scale_for(surface.get_size()))
        foot = pen.line_height(SMALL) + 8
        width, height = surface.get_width(), surface.get_height() - foot
        blit_fitted(surface, to_surface(self.sheet), pygame.Rect(0, 0, width, height))
        line = message or "     ".join(f"{label}  {text}" for label, text in self.help_lines())
        pen.text(surface, line, (width / 2, height + foot / 2), SMALL, DIM, anchor="center", width=width - 16)

    def snapshot(self) -> pygame.Surface:
        """The sheet in its own resolution."""
        return to_surface(self.sheet)

    def step(self, count: int) -> None:
        """Go forward or back by a number of images, at most one forward."""
        index = self.index + count
        if index >= len(self._history):
            row = next(self._rows, None)
            if row is None:
                self.playing = False
                if self._history:
                    self.show_message("This is the last image")
                return
            self._history.append(self._draw(row))
            if len(self._history) > HISTORY:
                del self._history[0]
            index = len(self._history) - 1
        self.index = max(0, index)
        self._version += 1

    def single_step(self, count: int) -> None:
        """Stop playing and go forward or back."""
        self.playing = False
        self.step(count)

    def toggle_playing(self) -> None:
        """Play or pause."""
        self.playing = not self.playing


PredictionWindow.keys = (
    Key((pygame.K_SPACE,), "Space", "play, pause", PredictionWindow.toggle_playing),
    Key((pygame.K_LEFT, pygame.K_COMMA), "←", "previous", lambda window: window.single_step(-1), repeats=True),
    Key((pygame.K_RIGHT, pygame.K_n, pygame.K_PERIOD), "→", "next", lambda window: window.single_step(1), repeats=True),
    Key((pygame.K_s, pygame.K_F12), "S", "screenshot", PredictionWindow.screenshot),
    Key((pygame.K_q, pygame.K_ESCAPE), "Q", "quit", PredictionWindow.close),
)


def show(rows: Iterator[R], draw: Callable[[R], Pixels], rate: float, *, title: str, playing: bool) -> None:
    """Show predictions in a window until the user closes it; arguments as for `PredictionWindow`.

    Raises:
        UserError: No window can be opened.
    """
    with open_display(SIZE, instead="write a file with --out FILE.png instead"):
        PredictionWindow(rows, draw, rate, title=title, playing=playing).run()

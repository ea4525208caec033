"""A window that shows what is found, one picture after the other."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import pygame

from rlkit.errors import UserError
from rlkit.segmentation.visualization.sheet import Row
from rlkit.spaces import Pixels
from rlkit.viewer.theme import BACKGROUND, DIM, SMALL, Pen, picture
from rlkit.viewer.window import save_screenshot, window_icon

SIZE = (1280, 780)
SMALLEST = (160, 120)  # pixels, below which nothing is drawn
REFRESH = 60  # loops per second
KEPT = 600  # pictures that one can go back to
NOTE_SECONDS = 3.0
KEYS = "space goes on or pauses   ← → one picture   S screenshot   Q quit"


class Window:
    """Shows rows as sheets of one row; the display must be open, `show` sees to that.

    Args:
        rows: What is found; drawn from as it is needed.
        draw: Makes a sheet of a row.
        rate: Pictures per second while it goes on.
        playing: Whether it goes on from the beginning.
    """

    def __init__(self, rows: Iterator[Row], draw: Callable[[Row], Pixels], rate: float, *, playing: bool):
        self.playing = playing
        self.closed = False
        self.place = -1
        self._rows = rows
        self._draw = draw
        self._rate = rate
        self._kept: list[Pixels] = []
        self._due = 0.0
        self._note, self._note_until = "", 0.0
        self._ended = False
        self.step(1)

    def run(self) -> None:
        """Loop until the window is closed."""
        clock = pygame.time.Clock()
        while not self.closed:
            for event in pygame.event.get():
                self.handle(event)
            self.tick(time.perf_counter())
            self.paint(pygame.display.get_surface())
            pygame.display.flip()
            clock.tick(REFRESH)

    def handle(self, event: pygame.event.Event) -> None:
        """React to one event."""
        if event.type == pygame.QUIT:
            self.closed = True
        elif event.type == pygame.KEYDOWN:
            if event.key in (pygame.K_q, pygame.K_ESCAPE):
                self.closed = True
            elif event.key == pygame.K_SPACE:
                self.playing = not self.playing
            elif event.key in (pygame.K_RIGHT, pygame.K_n, pygame.K_PERIOD):
                self.playing = False
                self.step(1)
            elif event.key in (pygame.K_LEFT, pygame.K_COMMA):
                self.playing = False
                self.step(-1)
            elif event.key == pygame.K_s:
                self._say(save_screenshot(picture(self.sheet)))

    def tick(self, now: float) -> None:
        """Go on to the next picture when its time has come."""
        if self.playing and now >= self._due:
            period = 1 / self._rate
            self._due = (self._due if self._due > now - period else now) + period  # what was missed is not made up for
            self.step(1)

    def step(self, count: int) -> None:
        """Go forward or back."""
        place = self.place + count
        if place >= len(self._kept):
            row = next(self._rows, None)
            if row is None:
                self._ended, self.playing = True, False
                if self._kept:
                    self._say("This is the last picture")
                return
            self._kept.append(self._draw(row))
            if len(self._kept) > KEPT:
                del self._kept[0]
            place = len(self._kept) - 1
        self.place = max(0, place)

    @property
    def sheet(self) -> Pixels:
        """What is shown, (H, W, 3) uint8."""
        return self._kept[self.place] if self._kept else np.zeros((*SMALLEST[::-1], 3), dtype=np.uint8)

    def paint(self, surface: pygame.Surface) -> None:
        """Draw the picture as large as it fits, and a line about the keys."""
        surface.fill(BACKGROUND)
        pen = Pen(1.0)
        foot = pen.line_height(SMALL) + 8
        width, height = surface.get_width(), surface.get_height() - foot
        if width < SMALLEST[0] or height < SMALLEST[1]:
            return
        sheet = picture(self.sheet)
        zoom = min(width / sheet.get_width(), height / sheet.get_height())
        size = (max(1, round(zoom * sheet.get_width())), max(1, round(zoom * sheet.get_height())))
        surface.blit(pygame.transform.smoothscale(sheet, size), ((width - size[0]) // 2, (height - size[1]) // 2))
        noted = self._note if time.perf_counter() < self._note_until else KEYS
        pen.text(surface, noted, (width / 2, height + foot / 2), SMALL, DIM, anchor="center", width=width - 16)

    def _say(self, note: str) -> None:
        self._note, self._note_until = note, time.perf_counter() + NOTE_SECONDS


def show(rows: Iterator[Row], draw: Callable[[Row], Pixels], rate: float, *, title: str, playing: bool) -> None:
    """Open a window and show rows in it until a person closes it; arguments as for `Window`.

    Raises:
        UserError: No window can be opened.
    """
    try:
        pygame.display.init()
        pygame.display.set_mode(SIZE, pygame.RESIZABLE)
    except pygame.error as error:
        raise UserError(f"No window can be opened here ({error}): say --out FILE.png instead", exit_code=1) from error
    try:
        pygame.display.set_caption(f"rlkit · {title}")
        pygame.display.set_icon(window_icon())
        Window(rows, draw, rate, playing=playing).run()
    finally:
        pygame.display.quit()

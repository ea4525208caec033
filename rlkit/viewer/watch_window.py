"""The window that shows an agent act."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pygame

from rlkit.viewer.panels import Painter, Status
from rlkit.viewer.playback import Playback
from rlkit.viewer.recorder import LAST_FRAME_SECONDS, Recorder
from rlkit.viewer.window import REFRESH, SIZE, HelpLine, Key, Window, open_display

TIME_BUDGET = 0.6 / REFRESH  # s of each loop for decisions; the rest is for drawing
MAX_INTERPOLATED = 60  # pictures between two decisions, however slow the playback


def show(playback: Playback, *, record: str | Path | None = None, size: tuple[int, int] = SIZE) -> None:
    """Show a playback in a window until the user closes it.

    Args:
        playback: What to show.
        record: Video file to make, .mp4 or .gif, with every decision; complete whenever the window closes.
        size: (width, height) of the window in pixels.

    Raises:
        UserError: No window can be opened, or the video cannot be written.
    """
    playback.frame()  # an environment may close the display when it first draws
    with open_display(size, instead="record a video (.mp4 or .gif) instead."), contextlib.ExitStack() as stack:
        recorder = None if record is None else stack.enter_context(Recorder(record, playback.rate))
        WatchWindow(playback, recorder).run()


class WatchWindow(Window):
    """Shows a playback; the keys control its pace.

    Args:
        playback: What to show.
        recorder: Receives every moment, if there is one.
    """

    def __init__(self, playback: Playback, recorder: Recorder | None = None):
        frame = playback.frame()
        super().__init__(f"{frame.environment} · {frame.agent}")
        self.playback = playback
        self.recorder = recorder
        self.painter = Painter()
        self._recorded = -1
        self._record()

    def press(self, code: int, repeated: bool) -> None:
        """React to a key, and record the moment that it led to."""
        super().press(code, repeated)
        self._record()

    def update(self, seconds: float) -> None:
        """Carry out the decisions that are due."""
        self.playback.elapse(seconds, budget=TIME_BUDGET, each=self._record)

    def state(self) -> tuple[object, ...]:
        """The moment, the interpolation, and whether perception errors are shown."""
        return self.playback.version, self._interpolation(), self.painter.errors

    def paint(self, surface: pygame.Surface, message: str, help_lines: Sequence[HelpLine]) -> None:
        """Draw the present moment."""
        playback = self.playback
        status = Status(
            paused=playback.paused,
            speed=playback.speed,
            recording=self.recorder is not None,
            exhausted=playback.exhausted,
            message=message,
            help=help_lines,
        )
        self.painter.draw(surface, playback.frame(self._interpolation()), status, self.panels)

    def next_episode(self) -> None:
        """Go to the next episode if there is one."""
        if not self.playback.next_episode():
            self.show_message("This is the last episode")

    def toggle_errors(self) -> None:
        """Show or hide the errors of perception."""
        self.show_message(self.painter.toggle_errors(self.playback.frame()))

    def _interpolation(self) -> float:
        """How far between the last two decisions the scene is drawn, 0 to 1: one decision behind, but smooth."""
        playback = self.playback
        pictures = int(min(REFRESH / (playback.rate * playback.speed), MAX_INTERPOLATED))  # between two decisions
        if not playback.smooth or pictures < 2:
            return 1.0
        return min(1.0, (int(playback.share * pictures) + 1) / pictures)

    def _record(self) -> None:
        """Record the present moment, once."""
        if self.recorder is None or self.playback.moment == self._recorded:
            return
        frame = self.playback.frame()
        self.recorder.write(frame, 1 + (round(LAST_FRAME_SECONDS * self.recorder.rate) if frame.ended else 0))
        self._recorded = self.playback.moment


def _control(method: Callable[[Playback], None]) -> Callable[[WatchWindow], None]:
    """Turn a method of the playback into the action of a key."""
    return lambda window: method(window.playback)


WatchWindow.keys = (
    Key((pygame.K_SPACE,), "Space", "pause, resume", _control(Playback.toggle_pause)),
    Key((pygame.K_RIGHT, pygame.K_PERIOD), "→  .", "single step", _control(Playback.single_step), repeats=True),
    Key((pygame.K_UP, pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS), "↑  +", "faster", _control(Playback.faster)),
    Key((pygame.K_DOWN, pygame.K_MINUS, pygame.K_KP_MINUS), "↓  −", "slower", _control(Playback.slower)),
    Key((pygame.K_n,), "N", "next episode or circuit", WatchWindow.next_episode),
    Key((pygame.K_r,), "R", "restart the episode", _control(Playback.restart)),
    Key((pygame.K_TAB,), "Tab", "panels on, off", WatchWindow.toggle_panels),
    Key((pygame.K_e,), "E", "perception errors on, off", WatchWindow.toggle_errors),
    Key((pygame.K_s, pygame.K_F12), "S  F12", "screenshot", WatchWindow.screenshot),
    Key((pygame.K_h, pygame.K_F1), "H  F1", "this help", WatchWindow.toggle_help),
    Key((pygame.K_q, pygame.K_ESCAPE), "Q  Esc", "quit", WatchWindow.close),
)

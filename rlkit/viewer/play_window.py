"""The window in which a person plays: the game, the attempts so far, the instruments."""

import contextlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pygame

from rlkit.errors import UserError
from rlkit.viewer.controls import START_BUTTON, Controls, Gamepad
from rlkit.viewer.frame import Frame, short_name
from rlkit.viewer.panels import INSTRUMENTS, Painter, Panel, Status, camera_panels
from rlkit.viewer.play_panels import demand_keys, demand_map, demand_table, draw_keys, draw_map, draw_table
from rlkit.viewer.play_session import Place, PlaySession
from rlkit.viewer.recorder import LAST_FRAME_SECONDS, SMOOTH_RATE, Recorder
from rlkit.viewer.scores import Attempt, BestFile
from rlkit.viewer.theme import Pen
from rlkit.viewer.window import REFRESH, SIZE, HelpLine, Key, Window, has_display, open_display

CLOSING_SECONDS = 2.0  # between the last attempt and the closing of the window


def play(
    places: Sequence[Place],
    seeds: Callable[[int], int],
    *,
    bests: BestFile,
    record: Path | None = None,
    episodes: int | None = None,
    size: tuple[int, int] = SIZE,
) -> list[Attempt]:
    """Let a person play in a window until they close it.

    Args:
        places: What can be played; N goes to the next, and from the last to the first.
        seeds: Maps how often N was pressed to a seed.
        bests: The best attempts so far; better ones are stored there.
        record: Video to make, .mp4 or .gif.
        episodes: Number of attempts after which the window closes; None for no limit.
        size: (width, height) of the window in pixels.

    Returns:
        The attempts that were completed.

    Raises:
        UserError: No window can be opened, or an environment cannot be played.
    """
    instead = "`rlkit watch POLICY --record FILE` records an agent without one"
    if not has_display():
        raise UserError(f"there is no display here, which playing needs; {instead}")
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(PlaySession(places[0], seeds(0), bests))
        Controls(first.env)  # reports missing keys before a window opens
        stack.enter_context(open_display(size, instead=instead))
        pygame.joystick.init()
        window = PlayWindow(first, lambda: _later_games(places, first, seeds, bests, stack), episodes)
        if record is not None:
            window.recorder = stack.enter_context(Recorder(record, window.video_rate, painter=window.painter))
        window.run()
        return window.attempts


def _later_games(
    places: Sequence[Place],
    first: PlaySession,
    seeds: Callable[[int], int],
    bests: BestFile,
    stack: contextlib.ExitStack,
) -> Iterator[PlaySession]:
    """The games that follow the first, each made when it is first reached."""
    games = {0: first}
    for turn in itertools.count(1):
        index = turn % len(places)
        if index in games:
            games[index].begin(seeds(turn))
        else:
            games[index] = stack.enter_context(PlaySession(places[index], seeds(turn), bests))
        yield games[index]


class PlayWindow(Window):
    """Passes keys and time to a game and draws it; the game waits for the first key of its own.

    A key that the game uses itself has no other function.

    Args:
        game: What is played first.
        others: Gives the games that follow.
        episodes: Number of attempts after which to close; None for no limit.
    """

    def __init__(self, game: PlaySession, others: Callable[[], Iterator[PlaySession]], episodes: int | None = None):
        super().__init__("play")
        self.attempts: list[Attempt] = []
        """Completed attempts, of all games."""
        self.painter = Painter(self.arrange_panels)
        self.recorder: Recorder | None = None
        self.paused = False
        self.waiting = True
        self._others = others
        self._coming: Iterator[PlaySession] | None = None
        self._episodes = episodes
        self._tapped: set[int] = set()  # pressed since the last decision, so that a short press is not lost
        self._gamepad: Gamepad | None = None
        self._start_was_held = False
        self._elapsed = 1.0  # fraction of the time between two decisions that has passed
        self._since_end = 0.0  # s since the attempt ended
        self._frames_due = 0.0  # of the video; negative once the end of the attempt is recorded
        self._enter(game)
        self._find_gamepad()

    @property
    def video_rate(self) -> float:
        """Pictures per second of a video: about 30 where the game moves smoothly, else one per decision."""
        return self.game.rate * (max(1, round(SMOOTH_RATE / self.game.rate)) if self.game.smooth else 1)

    @property
    def prompt(self) -> str:
        """What can be done now; "" while the game runs."""
        if self.game.over:
            prompt = "Enter  again     N  next     Esc  quit"
            return f"Your best so far!     {prompt}" if self.game.was_best else prompt
        if self.waiting:
            keys = self.controls.description
            return f"{keys}  to start" if keys else "Move a stick to start"
        return "Paused     P  resume" if self.paused else ""

    def reopened(self) -> None:
        """Find the gamepad again."""
        pygame.joystick.init()
        self._find_gamepad()

    def handle(self, event: pygame.event.Event) -> None:
        """React to one event."""
        super().handle(event)
        if event.type == pygame.WINDOWFOCUSLOST:
            self._tapped.clear()
            if not self.game.over and not self.waiting:
                self.paused = True
        elif event.type in (pygame.JOYDEVICEADDED, pygame.JOYDEVICEREMOVED):
            self._find_gamepad()

    def press(self, code: int, repeated: bool) -> None:
        """React to a key: one of the game's, else one of the window's."""
        if code not in self.controls.codes:
            super().press(code, repeated)
        elif not repeated:
            self._tapped.add(code)
            self._start()

    def update(self, seconds: float) -> None:
        """Carry out the decisions that are due."""
        self._read_gamepad()
        if self.game.over:
            self._since_end += seconds
            if self._episodes is not None and len(self.attempts) >= self._episodes:
                self.closed = self.closed or self._since_end > CLOSING_SECONDS
        if self.paused or self.waiting or self.closed:
            return
        self._elapsed += seconds * self.game.rate
        while self._elapsed >= 1.0 and not self.game.over:
            over = self.game.step(self.controls.action(self.held | self._tapped, self._gamepad))
            self.screen()  # opens display and gamepad again if the environment has closed them
            self._tapped.clear()
            # A machine that is too slow plays slowly instead of skipping.
            self._elapsed = min(self._elapsed - 1.0, 1.0)
            if over:
                self.attempts.append(self.game.attempts[-1])
                self._since_end = 0.0
        self._record(seconds)

    def state(self) -> tuple[object, ...]:
        """The moment, the interpolation, the prompt, the keys that are held, and whether errors are shown."""
        stopped = self.paused or self.waiting
        held = frozenset(self.held)
        return self.game.version, self._interpolation(), self.prompt, stopped, held, self.painter.errors

    def paint(self, surface: pygame.Surface, message: str, help_lines: Sequence[HelpLine]) -> None:
        """Draw the game."""
        status = Status(
            paused=self.paused or self.waiting,
            speed=0.0,
            recording=self.recorder is not None,
            message=message,
            prompt=self.prompt,
            help=help_lines,
        )
        self.painter.draw(surface, self.game.frame(self._interpolation()), status, self.panels)

    def help_lines(self) -> tuple[HelpLine, ...]:
        """The keys of the game, and those of the window that the game does not use."""
        own = ((self.controls.description, "play"),) if self.controls.own else ()
        return (*own, *((key.label, key.text) for key in self.keys if not set(key.codes) <= self.controls.codes))

    def toggle_pause(self) -> None:
        """Pause or resume."""
        if not self.waiting and not self.game.over:
            self.paused = not self.paused

    def toggle_help(self) -> None:
        """Show or hide the help; the game pauses meanwhile."""
        super().toggle_help()
        if not self.waiting and not self.game.over:
            self.paused = self.help

    def toggle_errors(self) -> None:
        """Show or hide the errors of perception."""
        self.show_message(self.painter.toggle_errors(self.game.frame()))

    def restart(self) -> None:
        """Begin this attempt again."""
        self.game.begin()
        self._wait()

    def start(self) -> None:
        """Start a waiting game, or begin the next attempt if this one is over."""
        if self.game.over:
            self.restart()
        else:
            self._start()

    def next_place(self) -> None:
        """Go to the next circuit, level or seed."""
        if self._coming is None:
            self._coming = self._others()
        self._enter(next(self._coming))

    def arrange_panels(self, frame: Frame, columns: int) -> list[list[Panel]]:
        """The panels of each column, top to bottom."""
        instruments = [INSTRUMENTS] if frame.telemetry else []
        table: Panel = (demand_table, self._draw_table)
        keys: Panel = (demand_keys, self._draw_keys)
        track: list[Panel] = [(demand_map, self._draw_map)] if self.game.outline else []
        camera = camera_panels(frame)
        if columns == 1:
            return [[*camera, table, *track, *instruments, keys]]
        if camera:
            return [[*camera, table], [*track, *instruments, keys]]
        return [[table, *track], [*instruments, keys]]

    def _enter(self, game: PlaySession) -> None:
        self.game = game
        self.controls = Controls(game.env)
        self.set_title(f"{short_name(game.place.config.id)} · play")
        self._wait()

    def _wait(self) -> None:
        self.waiting, self.paused = True, False
        self._elapsed, self._since_end, self._frames_due = 1.0, 0.0, 0.0
        self._tapped.clear()

    def _start(self) -> None:
        if not self.game.over:
            self.waiting = False

    def _interpolation(self) -> float:
        """How far between the last two decisions the scene is drawn, in steps of the display's refresh rate."""
        pictures = int(REFRESH / self.game.rate)
        if not self.game.smooth or pictures < 2 or len(self.game.returns) < 2:
            return 1.0
        return min(1.0, math.floor(self._elapsed * pictures + 1.0) / pictures)

    def _record(self, seconds: float) -> None:
        """Append as many pictures to the video as time has passed; the end of an attempt stays for a while."""
        if self.recorder is None or (self.game.over and self._frames_due < 0.0):
            return
        self._frames_due += seconds * self.recorder.rate
        times = int(self._frames_due)
        at_end = self.game.over and self._elapsed >= 1.0
        if at_end:
            times = round(LAST_FRAME_SECONDS * self.recorder.rate)
        if times > 0:
            self.recorder.write(self.game.frame(self._interpolation()), times)
            self._frames_due -= times
        if at_end:
            self._frames_due = -1.0

    def _find_gamepad(self) -> None:
        was = self._gamepad is not None
        self._gamepad = None
        if pygame.joystick.get_init() and pygame.joystick.get_count():
            joystick = pygame.joystick.Joystick(0)
            self._gamepad = Gamepad(joystick)
            if not was:
                self.show_message(f"Gamepad: {joystick.get_name()}")

    def _read_gamepad(self) -> None:
        """Its sticks start a waiting game; its start button pauses, or begins the next attempt."""
        if self._gamepad is None:
            return
        if self._gamepad.keys():
            self._start()
        start = self._gamepad.button(START_BUTTON)
        if start and not self._start_was_held:
            (self.start if self.game.over else self.toggle_pause)()
        self._start_was_held = start

    def _draw_map(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        best = self.game.best
        draw_map(surface, rect, self.game.outline, self.game.trail, None if best is None else best.poses, pen)

    def _draw_table(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        draw_table(surface, rect, self.game.attempts, self.game.best, pen)

    def _draw_keys(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        held = self.controls.meant(self.held)
        if self._gamepad is not None:
            held |= self.controls.meant(self._gamepad.keys())
        draw_keys(surface, rect, self.controls.own, held, pen)


PlayWindow.keys = (
    Key((pygame.K_RETURN, pygame.K_KP_ENTER), "Enter", "start, next attempt", PlayWindow.start),
    Key((pygame.K_p, pygame.K_SPACE), "P  Space", "pause, resume", PlayWindow.toggle_pause),
    Key((pygame.K_r,), "R", "restart", PlayWindow.restart),
    Key((pygame.K_n,), "N", "next circuit, level or seed", PlayWindow.next_place),
    Key((pygame.K_TAB,), "Tab", "panels on, off", PlayWindow.toggle_panels),
    Key((pygame.K_e,), "E", "perception errors on, off", PlayWindow.toggle_errors),
    Key((pygame.K_F12,), "F12", "screenshot", PlayWindow.screenshot),
    Key((pygame.K_h, pygame.K_F1), "H  F1", "this help", PlayWindow.toggle_help),
    Key((pygame.K_ESCAPE, pygame.K_q), "Esc  Q", "quit", PlayWindow.close),
)

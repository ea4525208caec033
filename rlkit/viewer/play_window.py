"""The window for a person at the keys: the game, the attempts so far, the instruments."""

import contextlib
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pygame

from rlkit.errors import UserError
from rlkit.viewer.controls import START_BUTTON, Controls, Gamepad
from rlkit.viewer.frame import Frame, short_name
from rlkit.viewer.game import Game, Place
from rlkit.viewer.panels import EYES, INSTRUMENTS, Painter, Panel, Status
from rlkit.viewer.play_panels import demand_keys, demand_map, demand_table, draw_keys, draw_map, draw_table
from rlkit.viewer.scores import Attempt, BestFile
from rlkit.viewer.theme import Pen
from rlkit.viewer.video import LAST_MOMENT, SMOOTH, Recorder
from rlkit.viewer.window import LONGEST_GAP, REFRESH, SIZE, SMALLEST, has_display, save_screenshot, window_icon

NOTE_SECONDS = 3.0
CLOSING = 2.0  # s for which the last result stays before the window closes by itself


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
        places: Where; N goes to the next, and from the last to the first.
        seeds: The seed, by how often N has been pressed.
        bests: The best attempts so far; better ones are put there.
        record: Film to make, .mp4 or .gif.
        episodes: After how many attempts the window closes by itself; None for never.
        size: (width, height) of the window in pixels.

    Returns:
        The attempts that were carried to their end.

    Raises:
        UserError: No window can be opened, or an environment cannot be played.
    """
    if not has_display():
        raise UserError(
            "there is no display here, and a person has to see where they go; "
            "`rlkit watch WHO --record FILE` films an agent without one"
        )
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Game(places[0], seeds(0), bests))
        Controls(first.env)  # says what is missing before a window opens
        pygame.display.init()
        stack.callback(pygame.display.quit)
        pygame.joystick.init()
        pygame.display.set_mode(size, pygame.RESIZABLE)
        window = PlayWindow(first, lambda: _others(places, first, seeds, bests, stack), episodes)
        if record is not None:
            window.recorder = stack.enter_context(Recorder(record, window.film_rate, painter=window.painter))
        window.run()
        return window.done


def _others(
    places: Sequence[Place],
    first: Game,
    seeds: Callable[[int], int],
    bests: BestFile,
    stack: contextlib.ExitStack,
) -> Iterator[Game]:
    """The games that come after the first, each made when it is first reached."""
    games = {0: first}
    for turn in itertools.count(1):
        index = turn % len(places)
        if index in games:
            games[index].begin(seeds(turn))
        else:
            games[index] = stack.enter_context(Game(places[index], seeds(turn), bests))
        yield games[index]


@dataclass(frozen=True)
class PlayKey:
    """What some keys do in this window, unless the game uses them itself.

    Args:
        codes: pygame's key codes.
        label: How the help names them.
        text: What the help says they do.
        action: What they do.
    """

    codes: tuple[int, ...]
    label: str
    text: str
    action: Callable[["PlayWindow"], None]


class PlayWindow:
    """Passes keys and time on to a game and draws it; the display must be open.

    The game stands still until the first key of it is pressed, so that nobody is late.

    Args:
        game: What is played first.
        others: Gives the games that follow.
        episodes: After how many attempts to stop; None for never.
    """

    def __init__(self, game: Game, others: Callable[[], Iterator[Game]], episodes: int | None = None):
        self.done: list[Attempt] = []
        self.painter = Painter(self._panels)
        self.recorder: Recorder | None = None
        self.stopped = False
        self.paused = False
        self.waiting = True
        self.panels = True
        self.help = False
        self._others = others
        self._coming: Iterator[Game] | None = None
        self._episodes = episodes
        self._held: set[int] = set()
        self._tapped: set[int] = set()  # pressed since the last decision: a short tap between two must not be lost
        self._gamepad: Gamepad | None = None
        self._debt = 1.0  # share of the way from the last decision to the next that has passed
        self._rested = 0.0  # s since the attempt ended
        self._note = ""
        self._note_until = 0.0
        self._drawn: tuple[object, ...] = ()
        self._filmed = 0.0
        self._start_was_held = False
        pygame.key.set_repeat()
        pygame.display.set_icon(window_icon())
        self._enter(game)
        self._find_gamepad()

    @property
    def film_rate(self) -> float:
        """Pictures per second of a film: about 30 where the game moves smoothly, else one per decision."""
        return self.game.rate * (max(1, round(SMOOTH / self.game.rate)) if self.game.smooth else 1)

    def run(self) -> None:
        """Loop until the window is closed."""
        clock = pygame.time.Clock()
        last = time.perf_counter()
        while not self.stopped:
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
            self.stop()
        elif event.type == pygame.KEYUP:
            self._held.discard(event.key)
        elif event.type == pygame.WINDOWFOCUSLOST:
            self._held.clear()
            self._tapped.clear()
            if not self.game.over and not self.waiting:
                self.paused = True
        elif event.type in (pygame.WINDOWEXPOSED, pygame.WINDOWSIZECHANGED):
            self._drawn = ()
        elif event.type in (pygame.JOYDEVICEADDED, pygame.JOYDEVICEREMOVED):
            self._find_gamepad()
        elif event.type == pygame.KEYDOWN:
            self._held.add(event.key)
            self._tapped.add(event.key)
            if event.key in self.hands.codes:
                self._go()
            else:
                key = next((key for key in KEYS if event.key in key.codes), None)
                if key is not None:
                    key.action(self)

    def tick(self, seconds: float) -> None:
        """Let wall-clock time pass: a decision whenever one is due."""
        if self._note and time.perf_counter() > self._note_until:
            self._note = ""
        self._ask_gamepad()
        if self.game.over:
            self._rested += seconds
            if self._episodes is not None and len(self.done) >= self._episodes and self._rested > CLOSING:
                self.stop()
        if self.paused or self.waiting or self.stopped:
            return
        self._debt += seconds * self.game.rate
        while self._debt >= 1.0 and not self.game.over:
            over = self.game.step(self.hands.action(self._held | self._tapped, self._gamepad))
            self._tapped.clear()
            # Time that a slow machine has missed is dropped: it plays slowly instead of in leaps.
            self._debt = min(self._debt - 1.0, 1.0)
            if over:
                self._finish()
        self._film(seconds)

    def draw(self) -> None:
        """Draw, if anything has changed since the last time."""
        surface = pygame.display.get_surface()
        share = self._share()
        state = (
            self.game.version,
            share,
            self.status(),
            self.panels,
            self.painter.errors,
            surface.get_size(),
            frozenset(self._held),
        )
        if state == self._drawn or min(surface.get_width() - SMALLEST[0], surface.get_height() - SMALLEST[1]) < 0:
            return
        self.painter.draw(surface, self.game.frame(share), self.status(), self.panels)
        pygame.display.flip()
        self._drawn = state

    def status(self) -> Status:
        """What the view says beside the game."""
        prompt = ""
        if self.game.over:
            prompt = "Enter  again     N  next     Esc  quit"
            if self.game.was_best:
                prompt = f"Your best so far!     {prompt}"
        elif self.waiting:
            keys = self.hands.described
            prompt = f"{keys}  to start" if keys else "Move a stick to start"
        elif self.paused:
            prompt = "Paused     P  go on"
        own = ((self.hands.described, "play"),) if self.hands.own else ()
        helps = tuple((key.label, key.text) for key in KEYS if not set(key.codes) <= self.hands.codes)
        return Status(
            paused=self.paused or self.waiting,
            speed=0.0,
            recording=self.recorder is not None,
            note=self._note,
            prompt=prompt,
            help=(*own, *helps) if self.help else (),
        )

    # What the keys do

    def stop(self) -> None:
        """Close the window."""
        self.stopped = True

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if not self.waiting and not self.game.over:
            self.paused = not self.paused

    def restart(self) -> None:
        """Begin this attempt again."""
        self._begin()

    def again(self) -> None:
        """Begin the next attempt once one is over."""
        if self.game.over:
            self._begin()
        else:
            self._go()

    def next_place(self) -> None:
        """Go to the next circuit, level or seed."""
        if self._coming is None:
            self._coming = self._others()
        self._enter(next(self._coming))

    def toggle_help(self) -> None:
        """Show or hide the list of keys; the game pauses meanwhile."""
        self.help = not self.help
        if not self.waiting and not self.game.over:
            self.paused = self.help

    def toggle_panels(self) -> None:
        """Show the game with or without panels."""
        self.panels = not self.panels

    def toggle_errors(self) -> None:
        """Show or hide the mistakes of perception."""
        self.painter.errors = not self.painter.errors
        if self.game.frame().perceived is None:
            self._say("Nothing is perceived here: start with --perception to see what a network sees")
        else:
            self._say(f"Mistakes of perception are {'shown' if self.painter.errors else 'hidden'}")

    def screenshot(self) -> None:
        """Save what is shown under a new name in the current folder."""
        self._say(save_screenshot(pygame.display.get_surface()))

    # Inside

    def _enter(self, game: Game) -> None:
        self.game = game
        self.hands = Controls(game.env)
        pygame.display.set_caption(f"rlkit · {short_name(game.place.config.id)} · play")
        self._ready()

    def _begin(self) -> None:
        self.game.begin()
        self._ready()

    def _ready(self) -> None:
        self.waiting, self.paused = True, False
        self._debt, self._rested, self._filmed = 1.0, 0.0, 0.0
        self._tapped.clear()

    def _go(self) -> None:
        """A key of the game: it begins, where it has been waiting for one."""
        if self.waiting and not self.game.over:
            self.waiting = False

    def _finish(self) -> None:
        self.done.append(self.game.attempts[-1])
        self._rested = 0.0

    def _share(self) -> float:
        """How far on its way from the last decision the scene is drawn, in steps that the screen can show."""
        pictures = int(REFRESH / self.game.rate)
        if not self.game.smooth or pictures < 2 or len(self.game.returns) < 2:
            return 1.0
        return min(1.0, math.floor(self._debt * pictures + 1.0) / pictures)

    def _film(self, seconds: float) -> None:
        """Give the film as many pictures as time has passed."""
        if self.recorder is None or (self.game.over and self._filmed < 0.0):
            return
        self._filmed += seconds * self.recorder.rate
        times = int(self._filmed)
        if self.game.over and self._debt >= 1.0:
            times = round(LAST_MOMENT * self.recorder.rate)
        if times > 0:
            self.recorder.write(self.game.frame(self._share()), times)
            self._filmed -= times
        if self.game.over and self._debt >= 1.0:
            self._filmed = -1.0

    def _say(self, note: str) -> None:
        self._note = note
        self._note_until = time.perf_counter() + NOTE_SECONDS

    def _find_gamepad(self) -> None:
        was = self._gamepad is not None
        self._gamepad = None
        if pygame.joystick.get_init() and pygame.joystick.get_count():
            joystick = pygame.joystick.Joystick(0)
            self._gamepad = Gamepad(joystick)
            if not was:
                self._say(f"Gamepad: {joystick.get_name()}")

    def _ask_gamepad(self) -> None:
        """Its sticks begin a waiting game; its start button pauses, and begins anew when all is over."""
        if self._gamepad is None:
            return
        if self._gamepad.keys():
            self._go()
        start = self._gamepad.button(START_BUTTON)
        if start and not self._start_was_held:
            (self.again if self.game.over else self.toggle_pause)()
        self._start_was_held = start

    def _panels(self, frame: Frame, columns: int) -> list[list[Panel]]:
        """The panels beside the scene, from above."""
        instruments = [INSTRUMENTS] if frame.telemetry else []
        table: Panel = (demand_table, self._draw_table)
        keys: Panel = (demand_keys, self._draw_keys)
        track: list[Panel] = [(demand_map, self._draw_map)] if self.game.outline else []
        eyes = [EYES] if frame.perceived is not None else []
        if columns == 1:
            return [[*eyes, table, *track, *instruments, keys]]
        if eyes:
            return [[*eyes, table], [*track, *instruments, keys]]
        return [[table, *track], [*instruments, keys]]

    def _draw_map(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        best = self.game.best
        draw_map(surface, rect, self.game.outline, self.game.trail, None if best is None else best.poses, pen)

    def _draw_table(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        draw_table(surface, rect, self.game.attempts, self.game.best, pen)

    def _draw_keys(self, surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
        held = self.hands.meant(self._held)
        if self._gamepad is not None:
            held |= self.hands.meant(self._gamepad.keys())
        draw_keys(surface, rect, self.hands.own, held, pen)


KEYS = (
    PlayKey((pygame.K_RETURN, pygame.K_KP_ENTER), "Enter", "start; again when all is over", PlayWindow.again),
    PlayKey((pygame.K_p, pygame.K_SPACE), "P  Space", "pause, go on", PlayWindow.toggle_pause),
    PlayKey((pygame.K_r,), "R", "begin again", PlayWindow.restart),
    PlayKey((pygame.K_n,), "N", "next circuit, level or seed", PlayWindow.next_place),
    PlayKey((pygame.K_TAB,), "Tab", "panels on, off", PlayWindow.toggle_panels),
    PlayKey((pygame.K_e,), "E", "mistakes of perception on, off", PlayWindow.toggle_errors),
    PlayKey((pygame.K_F12,), "F12", "screenshot", PlayWindow.screenshot),
    PlayKey((pygame.K_h, pygame.K_F1), "H  F1", "this help", PlayWindow.toggle_help),
    PlayKey((pygame.K_ESCAPE, pygame.K_q), "Esc  Q", "quit", PlayWindow.stop),
)
"""Every key of the window, in the order in which the help lists them."""

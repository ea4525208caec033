"""Games side by side: their records, their last pictures, and the rules that hold for all of them."""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit_envs.arcade.config import Settings
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.arcade.game import Game
from rlkit_envs.utils import Threads

_GAMES_PER_TASK = 64  # with fewer, handing them to another thread costs more than it gains


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one decision did, game by game; arrays of this decision alone, which the receiver may keep.

    Args:
        rewards: (N,) float32.
        terminated: (N,) bool, lost or won, or a life lost where that ends an episode.
        truncated: (N,) bool, out of time.
    """

    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]


class GameBatch:
    """N copies of one game, each with random numbers of its own.

    Args:
        game: Which.
        count: N.
        settings: What was chosen about it.
        num_threads: Threads that share a large batch. Results do not depend on it.

    Attributes:
        records: (N,) records of ``game.state``.
    """

    def __init__(self, game: Game, count: int, settings: Settings, num_threads: int):
        self.game = game
        self.settings = settings
        self.records = np.zeros(count, dtype=game.state)
        self.begun = np.zeros(count, dtype=np.bool_)
        self._lives = np.zeros(count, dtype=np.int64)  # at the last decision
        self._lost = np.zeros(count, dtype=np.bool_)  # whose episode ended with a life
        self._randoms: list[np.random.Generator | None] = [None] * count
        self._pictures = np.zeros((count, SIZE, SIZE), dtype=np.uint8)
        self._threads = Threads(num_threads, _GAMES_PER_TASK)

    def ended(self) -> npt.NDArray[np.bool_]:
        """(N,) bool, whose episode is over."""
        out_of_time = self.records["steps"] >= self.settings.max_episode_steps
        return self._terminated() | out_of_time

    def begin(self, mask: npt.NDArray[np.bool_], seeds: list[int | None]) -> None:
        """Begin episodes of the games in a mask.

        Args:
            mask: (N,) bool.
            seeds: One per game; None goes on drawing from the game's own generator.
        """
        for i in np.flatnonzero(mask):
            random = self._randoms[i]
            if random is None or seeds[i] is not None:
                random = self._randoms[i] = gymnasium.utils.seeding.np_random(seeds[i])[0]
            self.records[i] = np.zeros((), dtype=self.game.state)
            self.records[i]["random"] = random.integers(0, 2**64, dtype=np.uint64)
        self.begun |= mask
        self.game.begin(self.records, mask)
        if self.settings.terminal_on_life_loss:
            for i in np.flatnonzero(mask):
                random = self._randoms[i]
                assert random is not None
                self.records[i]["lives"] = random.integers(1, self.records[i]["lives"], endpoint=True)
        self._lives[mask] = self.records["lives"][mask]
        self._lost[mask] = False
        self._pictures = self._pictures.copy()  # what was handed out stays as it was
        self.game.draw(0, len(self.records), self.records, mask, self._pictures)

    def step(self, actions: npt.NDArray[np.int64]) -> Outcome:
        """Carry out one decision in each game, and draw it."""
        count = len(self.records)
        rewards = np.zeros(count, dtype=np.float32)
        self._pictures = np.empty((count, SIZE, SIZE), dtype=np.uint8)
        self._threads.share(self._play, count, actions, rewards, np.ones(count, dtype=np.bool_))
        if self.settings.terminal_on_life_loss:
            self._lost = self.records["lives"] < self._lives
            self._lives = self.records["lives"].copy()
        terminated = self._terminated()
        truncated = (self.records["steps"] >= self.settings.max_episode_steps) & ~terminated
        return Outcome(rewards, terminated, truncated)

    def _terminated(self) -> npt.NDArray[np.bool_]:
        terminated: npt.NDArray[np.bool_] = (self.records["over"] != 0) | self._lost
        return terminated

    def _play(
        self,
        low: int,
        high: int,
        actions: npt.NDArray[np.int64],
        rewards: npt.NDArray[np.float32],
        everyone: npt.NDArray[np.bool_],
    ) -> None:
        """Step and draw a range of games; one kernel for both would have to be compiled for longer."""
        repeat = float(self.settings.repeat_action_probability)
        self.game.step(low, high, self.records, actions, repeat, rewards)
        self.game.draw(low, high, self.records, everyone, self._pictures)

    def observations(self) -> npt.NDArray[np.uint8]:
        """(N, 84, 84, 1) uint8; never written again."""
        return self._pictures[..., None]

    def report(self) -> dict[str, npt.NDArray[np.int64]]:
        """(N,) arrays of what people want to know: points, level, and lives left."""
        return {name: self.records[name].copy() for name in ("score", "level", "lives")}

    def expert_actions(self) -> npt.NDArray[np.int64]:
        """(N,) what a good player would do now."""
        actions = np.zeros(len(self.records), dtype=np.int64)
        self.game.expert(self.records, actions)
        return actions

    def get_state(self, i: int) -> dict[str, Any]:
        """Everything that decides what a game does next, as plain numbers that JSON can hold."""
        random = self._randoms[i]
        if random is None:
            raise gymnasium.error.ResetNeeded("get_state() before the first reset(): call reset() first")
        names = self.records.dtype.names or ()
        game = {name: self.records[i][name].tolist() for name in names}
        return {"game": game, "lost": bool(self._lost[i]), "random": random.bit_generator.state}

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` gave.

        Raises:
            ValueError: It is the state of another game.
        """
        names = self.records.dtype.names or ()
        if set(state["game"]) != set(names):
            raise ValueError(f"this is not a state of {self.game.name}: it should have the fields {', '.join(names)}")
        for name in names:
            self.records[i][name] = state["game"][name]
        self._lives[i], self._lost[i] = self.records[i]["lives"], state["lost"]
        random = np.random.Generator(np.random.PCG64())
        random.bit_generator.state = state["random"]
        self._randoms[i] = random
        mask = np.zeros(len(self.records), dtype=np.bool_)
        mask[i] = self.begun[i] = True
        self._pictures = self._pictures.copy()
        self.game.draw(0, len(self.records), self.records, mask, self._pictures)

    def close(self) -> None:
        """Let the threads go."""
        self._threads.close()

"""A batch of copies of one game: their records, observations, lives, time limits and saved states."""

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit_envs.arcade.config import ArcadeConfig
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.arcade.game import Game
from rlkit_envs.utils import Threads

_GAMES_PER_TASK = 64  # below that, a second thread costs more than it gains


@dataclass(frozen=True, eq=False)
class Outcome:
    """Result of a step, in new arrays.

    Args:
        rewards: (N,) float32.
        terminated: (N,) bool; lost or won, or with ``terminal_on_life_loss`` a life lost.
        truncated: (N,) bool; out of time.
    """

    rewards: npt.NDArray[np.float32]
    terminated: npt.NDArray[np.bool_]
    truncated: npt.NDArray[np.bool_]


class GameBatch:
    """N copies of one game, each with its own random numbers.

    Args:
        game: The game.
        count: N.
        settings: Its options.
        num_threads: Threads that share a large batch. Results do not depend on it.

    Attributes:
        records: (N,) records of ``game.state``.
        begun: (N,) bool, whether an episode has ever begun.
    """

    def __init__(self, game: Game, count: int, settings: ArcadeConfig, num_threads: int):
        self.game = game
        self.settings = settings
        self.records = np.zeros(count, dtype=game.state)
        self.begun = np.zeros(count, dtype=np.bool_)
        self._lives = np.zeros(count, dtype=np.int64)  # after the previous step
        self._life_lost = np.zeros(count, dtype=np.bool_)  # in the last step, which ended the episode
        self._generators: list[np.random.Generator | None] = [None] * count
        self._canvases = np.zeros((count, SIZE, SIZE), dtype=np.uint8)
        self._threads = Threads(num_threads, _GAMES_PER_TASK)

    def ended(self) -> npt.NDArray[np.bool_]:
        """(N,) bool, whether the episode is over."""
        return self._terminated() | (self.records["steps"] >= self.settings.max_episode_steps)

    def begin(self, mask: npt.NDArray[np.bool_], seeds: list[int | None]) -> None:
        """Begin episodes of the games in a mask.

        Args:
            mask: (N,) bool.
            seeds: One per game; None continues the game's own generator.
        """
        for i in np.flatnonzero(mask):
            generator = self._generators[i]
            if generator is None or seeds[i] is not None:
                generator = self._generators[i] = gymnasium.utils.seeding.np_random(seeds[i])[0]
            self.records[i] = np.zeros((), dtype=self.game.state)
            self.records[i]["random"] = generator.integers(0, 2**64, dtype=np.uint64)
        self.begun |= mask
        self.records["level"][mask], self.records["lives"][mask] = 1, self.game.lives
        self.game.reset(self.records, mask)
        if self.settings.terminal_on_life_loss:
            for i in np.flatnonzero(mask):
                generator = self._generators[i]
                assert generator is not None
                self.records[i]["lives"] = generator.integers(1, self.records[i]["lives"], endpoint=True)
        self._lives[mask] = self.records["lives"][mask]
        self._life_lost[mask] = False
        self._redraw(mask)

    def step(self, actions: npt.NDArray[np.int64]) -> Outcome:
        """Carry out one action in each game, and draw it."""
        count = len(self.records)
        rewards = np.zeros(count, dtype=np.float32)
        self._canvases = np.empty((count, SIZE, SIZE), dtype=np.uint8)
        self._threads.share(self._step_range, count, actions, rewards, np.ones(count, dtype=np.bool_))
        if self.settings.terminal_on_life_loss:
            self._life_lost = self.records["lives"] < self._lives
            self._lives = self.records["lives"].copy()
        terminated = self._terminated()
        truncated = (self.records["steps"] >= self.settings.max_episode_steps) & ~terminated
        return Outcome(rewards, terminated, truncated)

    def _terminated(self) -> npt.NDArray[np.bool_]:
        terminated: npt.NDArray[np.bool_] = (self.records["over"] != 0) | self._life_lost
        return terminated

    def _step_range(
        self,
        low: int,
        high: int,
        actions: npt.NDArray[np.int64],
        rewards: npt.NDArray[np.float32],
        mask: npt.NDArray[np.bool_],
    ) -> None:
        """Step and draw a range of games, in two kernels because one for both takes longer to compile."""
        self.game.step(low, high, self.records, actions, float(self.settings.repeat_action_probability), rewards)
        self.game.draw(low, high, self.records, mask, self._canvases)

    def _redraw(self, mask: npt.NDArray[np.bool_]) -> None:
        self._canvases = self._canvases.copy()  # observations that were returned stay as they are
        self.game.draw(0, len(self.records), self.records, mask, self._canvases)

    def observations(self) -> npt.NDArray[np.uint8]:
        """(N, 84, 84, 1) uint8; never written again."""
        return self._canvases[..., None]

    def report(self) -> dict[str, npt.NDArray[np.int64]]:
        """Score, level and lives as (N,) arrays, for the infos."""
        return {name: self.records[name].copy() for name in ("score", "level", "lives")}

    def expert_actions(self) -> npt.NDArray[np.int64]:
        """(N,) actions of the scripted player."""
        actions = np.zeros(len(self.records), dtype=np.int64)
        self.game.expert(self.records, actions)
        return actions

    def get_state(self, i: int) -> dict[str, Any]:
        """The state of one game, its random state included, in plain values that JSON can hold."""
        generator = self._generators[i]
        if generator is None:
            raise gymnasium.error.ResetNeeded("get_state() before the first reset(): call reset() first")
        names = self.records.dtype.names or ()
        game = {name: self.records[i][name].tolist() for name in names}
        return {"game": game, "lost": bool(self._life_lost[i]), "random": generator.bit_generator.state}

    def set_state(self, i: int, state: dict[str, Any]) -> None:
        """Restore one game from what ``get_state`` returned.

        Raises:
            ValueError: It is the state of another game.
        """
        names = self.records.dtype.names or ()
        if set(state["game"]) != set(names):
            raise ValueError(f"this is not a state of {self.game.name}: it should have the fields {', '.join(names)}")
        for name in names:
            self.records[i][name] = state["game"][name]
        self._lives[i], self._life_lost[i] = self.records[i]["lives"], state["lost"]
        generator = np.random.Generator(np.random.PCG64())
        generator.bit_generator.state = state["random"]
        self._generators[i] = generator
        mask = np.zeros(len(self.records), dtype=np.bool_)
        mask[i] = self.begun[i] = True
        self._redraw(mask)

    def close(self) -> None:
        """Stop the threads."""
        self._threads.close()

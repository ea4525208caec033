"""Running episodes of the training environments: their seeds, actions and returns.

A checkpoint stores a running episode as its seed and actions. To resume, the actions are repeated, and the last
observation is compared with a digest of the original one.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.agent import State
from rlkit.capabilities import EpisodeMetric
from rlkit.env.seeding import digest, episode_seed
from rlkit.env.vector import Step, VecEnv
from rlkit.utils.state_check import check_counts, check_state

RECENT = 100  # finished episodes that running means cover, as in Stable-Baselines3


class Collector:
    """The running episodes of N environments and the latest finished ones.

    Args:
        environments: Stepped and reset by the collector alone.
        seed: Seed of the run; the seeds of all episodes follow from it.
        first: Number of the first of these environments among all of the run, those of all learners or actors.
        numbers: Number of the first episode of each environment; None for 0.
    """

    def __init__(self, environments: VecEnv, seed: int, first: int = 0, numbers: Sequence[int] | None = None):
        self._environments = environments
        self._seed = seed
        self._first = first
        count = environments.num_envs
        # Of the episode that is running in each environment.
        self._numbers = np.zeros(count, dtype=np.int64) if numbers is None else np.array(numbers, dtype=np.int64)
        self._actions: list[list[int]] = [[] for _ in range(count)]
        self._returns = np.zeros(count)
        self._recent: deque[dict[str, Any]] = deque(maxlen=RECENT)
        self.finished = 0
        self._digests: list[str] = []  # of the observations at which a checkpoint was written
        self.observations = environments.reset(self._seeds())

    def _seeds(self) -> list[int]:
        numbers = enumerate(self._numbers.tolist(), self._first)
        return [episode_seed(self._seed, index, number) for index, number in numbers]

    def advance(self, actions: npt.NDArray[np.int64]) -> Step:
        """Take one action in every environment; the returned step holds the last observations of ended episodes."""
        step = self._environments.step(actions)
        self._returns += step.rewards
        for index, action in enumerate(actions.tolist()):
            self._actions[index].append(action)
        self.observations = step.observations
        ended = step.terminated | step.truncated
        if ended.any():
            self._begin_anew(step, ended)
        return step

    def _begin_anew(self, step: Step, ended: npt.NDArray[np.bool_]) -> None:
        for index in np.flatnonzero(ended).tolist():
            episode = {"reward": float(self._returns[index]), "length": len(self._actions[index])}
            self._recent.append(episode | self._environments.episode_metrics(step, index))
            self._actions[index] = []
        self.finished += int(ended.sum())
        self._returns[ended] = 0
        self._numbers[ended] += 1
        self.observations = self._environments.reset(self._seeds(), ended)

    @property
    def numbers(self) -> list[int]:
        """Number of the running episode of each environment."""
        numbers: list[int] = self._numbers.tolist()
        return numbers

    def recent(self) -> list[dict[str, Any]]:
        """The latest finished episodes: reward, length, and the environment's own metrics."""
        return list(self._recent)

    # -------------------------------------------------------------------------------------------------------- saving

    def state(self) -> State:
        """What is needed to continue the running episodes."""
        return {
            "numbers": self._numbers.tolist(),
            "actions": {str(index): np.asarray(done, np.int32) for index, done in enumerate(self._actions)},
            "returns": self._returns.tolist(),
            "recent": list(self._recent),
            "finished": self.finished,
            "digests": [digest(self.observations, index) for index in range(len(self._actions))],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Read what `state` returned; `replay` has to follow.

        Raises:
            KeyError, TypeError, ValueError, AttributeError, OverflowError: It is not of that form.
        """
        # More is known of actions and finished episodes; they are checked below.
        like = {key: value for key, value in self.state().items() if key not in ("actions", "recent")}
        check_state({key: state[key] for key in like}, like, "episodes")
        check_counts(state, "finished")
        for number in state["numbers"]:
            check_counts({"numbers": number}, "numbers")
        self._numbers[:] = state["numbers"]
        count = self._environments.spaces.num_actions
        self._actions = [_checked_actions(state["actions"][str(index)], count) for index in range(len(self._actions))]
        self._returns[:] = state["returns"]
        self._recent.extend(checked_episode(episode, self._environments.metrics) for episode in state["recent"])
        self.finished = state["finished"]
        self._digests = list(state["digests"])

    def replay(self) -> bool:
        """Repeat the running episodes; return whether they ended in the same observations.

        If not (an environment that its seed does not determine), new episodes have begun.
        """
        self._replay()
        exact = self._digests == [digest(self.observations, index) for index in range(len(self._actions))]
        if not exact:
            self._numbers += 1
            self._returns[:] = 0
            self._actions = [[] for _ in self._actions]
            self.observations = self._environments.reset(self._seeds())
        return exact

    def _replay(self) -> None:
        """Step all environments together so that every running episode reaches its latest step at the same time."""
        seeds = self._seeds()
        self.observations = self._environments.reset(seeds)
        lengths = np.array([len(done) for done in self._actions])
        for left in range(int(lengths.max()), 0, -1):
            begins = lengths == left
            if begins.any():  # until now they were stepped only because all are stepped together
                self._environments.reset(seeds, begins)
            actions = [done[-left] if left <= len(done) else 0 for done in self._actions]
            step = self._environments.step(np.asarray(actions, dtype=np.int64))
            ended = step.terminated | step.truncated
            self.observations = self._environments.reset(seeds, ended) if ended.any() else step.observations
        idle = lengths == 0
        if idle.any():
            self.observations = self._environments.reset(seeds, idle)


def _checked_actions(actions: Any, count: int) -> list[int]:
    """The actions of one episode from a checkpoint."""
    taken = np.asarray(actions)
    if taken.ndim != 1 or taken.dtype.kind not in "iu" or not ((taken >= 0) & (taken < count)).all():
        raise ValueError(f"an episode's actions should be a list of numbers from 0 to {count - 1}")
    found: list[int] = taken.tolist()
    return found


def checked_episode(episode: Any, metrics: Mapping[str, EpisodeMetric]) -> dict[str, Any]:
    """A finished episode from a checkpoint.

    Raises:
        KeyError, TypeError, ValueError: It is none.
    """
    if not isinstance(episode, Mapping):
        raise TypeError(f"an episode should be an object, not {episode!r}")
    check_counts(episode, "length")
    check_state(episode["reward"], 0.0, "reward")
    kinds = {key: str if metric.kind == "label" else (bool, int, float) for key, metric in metrics.items()}
    for key, value in episode.items():
        if value is not None and not isinstance(value, kinds.get(key, object)):
            raise TypeError(f"{key} of an episode is {value!r}")
    return dict(episode)

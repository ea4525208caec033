"""A trained agent for use in other programs: plain observations in, plain actions out."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector.utils import concatenate, create_empty_array

from rlkit import preprocessing
from rlkit.agent import Agent, Inspection
from rlkit.environments import make_environments
from rlkit.spaces import Observations
from rlkit.who import Who, find


class Policy:
    """Chooses actions for the observations of one environment, greedily.

    It remembers the last frames where the agent sees several at once: call `reset` when an episode begins.

    Args:
        who: Who acts, and in which environment.
    """

    def __init__(self, who: Who):
        with make_environments(who.environment, 1) as environments:
            self._spaces = environments.spaces
            self._space: gymnasium.Space[Any] = environments.single_observation_space
            self._first_action = environments.first_action
            self.agent: Agent = who.agent(environments.spaces, 1)
        self.action_names = self._spaces.action_names
        self._rules = preprocessing.leaf_rules(self._space)
        self._seen: Observations | None = None

    def reset(self) -> None:
        """Forget the frames of the last episode."""
        self._seen = None

    def act(self, observation: Any) -> int:
        """The greedy action for an observation as the Gymnasium environment gives it, as that environment takes it."""
        actions: npt.NDArray[np.int64] = self.agent.act(self._see(observation), explore=False)
        return int(actions[0]) + self._first_action

    def q_values(self, observation: Any) -> npt.NDArray[np.float32] | None:
        """Expected return of each action, (A,) float32; None if the agent has no such thing. Remembers no frame."""
        inspection: Inspection = self.agent.inspect(self._look(observation), want=("q",))
        return None if inspection.q is None else inspection.q[0]

    def _see(self, observation: Any) -> Observations:
        self._seen = self._look(observation)
        return self._seen

    def _look(self, observation: Any) -> Observations:
        out: Any = create_empty_array(self._space, n=1)
        batch = concatenate(self._space, [observation], out)
        leaves = preprocessing.convert(self._rules, batch, 1)
        for leaf in self._spaces.observations.values():
            if leaf.stack > 1:
                frame = leaves[leaf.name]
                leaves[leaf.name] = (
                    preprocessing.repeat_frame(frame, leaf.stack)
                    if self._seen is None
                    else preprocessing.push_frame(self._seen[leaf.name], frame)
                )
        return leaves


def load(who: str | Path, env: str | None = None) -> Policy:
    """Load what a run learned.

    Args:
        who: A run folder, the folder of one checkpoint, or the name of an agent that needs no training.
        env: The environment's id; needed where the run's environment is a file or a module to import.

    Raises:
        UserError: If there is no such run or agent.
    """
    return Policy(find(who, env=env))

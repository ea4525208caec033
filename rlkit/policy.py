"""A trained agent for use in other programs: plain observations in, plain actions out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit import preprocessing
from rlkit.agent import Agent, Inspection
from rlkit.environments import make_environments
from rlkit.perception.perception_config import PerceptionConfig
from rlkit.spaces import Observations
from rlkit.who import Who, find


class Policy:
    """Chooses actions for the observations of one environment, greedily.

    It remembers the last frames where the agent sees several at once: call `reset` when an episode begins. Where it
    drives by perception, it takes the camera's picture and finds the drivable area itself.

    Args:
        who: Who acts, and in which environment.
    """

    def __init__(self, who: Who):
        with make_environments(who.environment, 1) as environments:
            self._spaces = environments.spaces
            self._observer = environments.observer
            self._actions = environments.actions
            self.agent: Agent = who.agent(environments.spaces, 1)
        self.action_names = self._spaces.action_names
        self._seen: Observations | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the frames of the last episode."""
        self._seen = None
        self._observer.begin([0], np.ones(1, dtype=np.bool_))

    def act(self, observation: Any) -> Any:
        """The greedy action for an observation as the Gymnasium environment gives it, as that environment takes it."""
        actions: npt.NDArray[np.int64] = self.agent.act(self._see(observation), explore=False)
        given = self._actions.chosen(actions)[0]
        return int(given) if given.ndim == 0 else given

    def q_values(self, observation: Any) -> npt.NDArray[np.float32] | None:
        """Expected return of each action, (A,) float32; None if the agent has no such thing. Remembers no frame."""
        inspection: Inspection = self.agent.inspect(self._look(observation), want=("q",))
        return None if inspection.q is None else inspection.q[0]

    def _see(self, observation: Any) -> Observations:
        self._seen = self._look(observation)
        return self._seen

    def _look(self, observation: Any) -> Observations:
        leaves = self._observer.see(self._observer.batch_of_one(observation))
        for leaf in self._spaces.observations.values():
            if leaf.stack > 1:
                frame = leaves[leaf.name]
                leaves[leaf.name] = (
                    preprocessing.repeat_frame(frame, leaf.stack)
                    if self._seen is None
                    else preprocessing.push_frame(self._seen[leaf.name], frame)
                )
        return leaves


def load(
    who: str | Path,
    env: str | None = None,
    *,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
) -> Policy:
    """Load what a run learned.

    Args:
        who: A run folder, the folder of one checkpoint, or the name of an agent that needs no training.
        env: The environment's id; needed where the run's environment is a file or a module to import.
        perception: What replaces the camera's picture (`truth`, `none`, a segmentation model), if not what the run was
            trained with.
        perception_kwargs: How it is shown, as far as it differs.

    Raises:
        UserError: If there is no such run or agent.
    """
    return Policy(find(who, env=env, perception=perception, perception_kwargs=perception_kwargs))

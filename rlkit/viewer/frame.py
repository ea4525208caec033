"""One moment of a playback: plain data for whatever draws, records or measures it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.capabilities import Reading
from rlkit.perception.result import PerceptionResult
from rlkit.spaces import Leaf

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Metric:
    """One figure about an episode that is over.

    Args:
        value: As the environment gave it.
        kind: "share", "seconds", "ratio", "label", or "" where the environment does not say.
    """

    value: Any
    kind: str = ""


@dataclass(frozen=True)
class Frame:
    """Everything that can be shown of one moment: what is seen, what is thought, what will be done.

    Args:
        environment: Name of the environment.
        agent: Name of the agent.
        episode: Number of the episode, counted from 1.
        label: Which episode it is, such as "seed 7" or the name of a circuit.
        step: Decisions made in this episode.
        seconds: Simulated seconds since the episode began.
        scene: (H, W, 3) uint8 picture for people; None if the environment draws none.
        inputs: What the agent sees by leaf name, without the batch axis.
        as_network: Whether `inputs` went through the agent's own preprocessing; else they are plain observations.
        leaves: Description of the observation leaves by name.
        reach: Largest magnitude that each component of a vector leaf has had so far, by leaf name.
        action_names: One name per action.
        action: The action that comes next; None when the episode is over.
        q: (A,) float32 expected return of each action; None if the agent has no such thing.
        values: (step + 1,) float32 value of the best action from the first moment until now; empty without `q`.
        returns: (step + 1,) float64 sum of rewards from the first moment until now, starting with 0.
        telemetry: The environment's instruments by name.
        ended: "" while the episode runs, "terminated" or "truncated" when it is over.
        metrics: What the environment measured, by name, once the episode is over.
        spread: (A, 2) float32 returns that those of each action fall between eight times in ten; None if nobody knows.
        perceived: What was made of the camera's picture; None where the agent sees what the environment gives.
    """

    environment: str
    agent: str
    episode: int
    label: str
    step: int
    seconds: float
    scene: npt.NDArray[np.uint8] | None
    inputs: Mapping[str, Array]
    as_network: bool
    leaves: Mapping[str, Leaf]
    reach: Mapping[str, npt.NDArray[np.float32]]
    action_names: tuple[str, ...]
    action: int | None
    q: npt.NDArray[np.float32] | None
    values: npt.NDArray[np.float32]
    returns: npt.NDArray[np.float64]
    telemetry: Mapping[str, Reading] = field(default_factory=dict)
    ended: str = ""
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    spread: npt.NDArray[np.float32] | None = None
    perceived: PerceptionResult | None = None

    @property
    def episode_return(self) -> float:
        """Sum of the rewards of this episode until now."""
        return float(self.returns[-1])


def short_name(environment_id: str) -> str:
    """Name an environment without the folders of its file."""
    code, colon, name = environment_id.rpartition(":")
    return f"{Path(code).name}:{name}" if colon and code.endswith(".py") else environment_id

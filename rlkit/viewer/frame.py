"""A frame of a playback: plain data for drawing, recording and measuring."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.boxes import BoxedImage
from rlkit.capabilities import Reading
from rlkit.perception.result import PerceptionResult
from rlkit.spaces import Leaf

Array = npt.NDArray[np.generic]

DEFAULT_RATE = 30.0  # decisions per second, where metadata["render_fps"] is missing


@dataclass(frozen=True)
class Metric:
    """A metric of a completed episode.

    Args:
        value: As the environment gave it.
        kind: "share", "seconds", "ratio", "label", or "" if the environment declares none.
    """

    value: Any
    kind: str = ""


@dataclass(frozen=True)
class Frame:
    """Everything that can be shown of one moment: scene, observation, values, action and metrics.

    Args:
        environment: Name of the environment.
        agent: Name of the agent.
        episode: Number of the episode, counted from 1.
        label: Name of the episode, such as "seed 7" or that of a circuit.
        step: Decisions made in this episode.
        seconds: Simulated seconds since the episode began.
        scene: (H, W, 3) uint8 rendered image; None if the environment renders none.
        inputs: Observation of the agent by leaf name, without the batch axis.
        as_network: Whether `inputs` are those of the network, after the agent's own preprocessing.
        leaves: Description of the observation leaves by name.
        reach: Largest magnitude of each component of a vector leaf so far, by leaf name.
        action_names: One name per action.
        action: The next action; None when the episode is over.
        q: (A,) float32 Q-values; None if the agent has none.
        values: (step + 1,) float32 maximum of the Q-values at each step so far; empty without `q`.
        returns: (step + 1,) float64 sum of rewards at each step so far, starting with 0.
        telemetry: Readings of the environment by name.
        ended: "" while the episode runs, "terminated" or "truncated" when it is over.
        metrics: Metrics of the environment by name, once the episode is over.
        spread: (A, 2) float32, 10 % and 90 % quantiles of the return of each action; None if the agent estimates none.
        perceived: Result of perception on the camera image; None without perception.
        boxed: The camera image with the true boxes of the objects in it; None where the environment offers none.
        sentence: What a commentary says, drawn under the scene; None without a commentary.
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
    boxed: BoxedImage | None = None
    sentence: str | None = None

    @property
    def episode_return(self) -> float:
        """Sum of the rewards of this episode so far."""
        return float(self.returns[-1])


def short_name(environment_id: str) -> str:
    """The id of an environment without the folders of its file."""
    code, colon, name = environment_id.rpartition(":")
    return f"{Path(code).name}:{name}" if colon and code.endswith(".py") else environment_id

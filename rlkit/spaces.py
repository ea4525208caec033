"""What an agent is told about a task: named observation leaves and a list of actions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Observations = dict[str, npt.NDArray[np.generic]]
"""Named leaves, batch first: pictures (N, H, W, C) uint8, vectors (N, D) float32."""


def digest(observations: Observations, index: int) -> str:
    """SHA-256 of what one environment shows, to tell whether it shows the same elsewhere."""
    content = hashlib.sha256()
    for name in sorted(observations):
        content.update(np.ascontiguousarray(observations[name][index]).tobytes())
    return content.hexdigest()


@dataclass(frozen=True)
class Leaf:
    """One named part of an observation.

    Args:
        name: Its key in every `Observations`.
        shape: (H, W, C) of a picture or (D,) of a vector, without the batch axis.
        dtype: "uint8" for pictures, "float32" for vectors.
        stack: How many frames lie behind each other on the last axis, oldest first; C (or D) counts all of them.
        components: What each entry of a vector is, for people; empty where the environment does not say.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    stack: int = 1
    components: tuple[str, ...] = ()

    @property
    def is_picture(self) -> bool:
        """Whether a convolutional encoder should read it."""
        return len(self.shape) == 3

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame of the stack."""
        return (*self.shape[:-1], self.shape[-1] // self.stack)

    @property
    def frame_bytes(self) -> int:
        """Memory that one frame takes."""
        return int(np.prod(self.frame_shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Mirror:
    """How a task looks in a mirror, where it does not know left from right: pictures are turned over sideways.

    Args:
        signs: What each entry of a vector is multiplied by, by leaf.
        actions: For each action the one that does the same to the other side.
    """

    signs: Mapping[str, tuple[float, ...]]
    actions: tuple[int, ...]


@dataclass(frozen=True)
class Spaces:
    """What goes into an agent and what may come out.

    Args:
        observations: Leaves by name.
        action_names: One name per discrete action.
        mirror: How to mirror them; None where the task is not known to be the same in a mirror.
        reward_clip: Rewards beyond ± this count as this while learning; None where the environment advises none.
    """

    observations: Mapping[str, Leaf]
    action_names: tuple[str, ...]
    mirror: Mirror | None = None
    reward_clip: float | None = None

    @property
    def num_actions(self) -> int:
        """Number of discrete actions."""
        return len(self.action_names)

"""Types shared by environments and agents: observation leaves, spaces, mirror symmetry, segmentation classes."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError

Observations = dict[str, npt.NDArray[np.generic]]
"""Named leaves, batch first: images (N, H, W, C) uint8, vectors (N, D) float32."""

IGNORED = 255  # label of pixels that are excluded from losses and metrics
MAX_NAME = 100  # characters

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Leaf:
    """One named part of an observation.

    Args:
        name: Its key in every `Observations`.
        shape: (H, W, C) of an image or (D,) of a vector, without the batch axis.
        dtype: "uint8" for images, "float32" for vectors.
        stack: Number of stacked frames on the last axis, oldest first; included in C (or D).
        components: Names of a vector's entries, or of the channels of an image's frame; empty if unknown.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    stack: int = 1
    components: tuple[str, ...] = ()

    @property
    def is_picture(self) -> bool:
        """Whether it is an image, for a convolutional encoder."""
        return len(self.shape) == 3

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Shape of one frame of the stack."""
        return (*self.shape[:-1], self.shape[-1] // self.stack)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return int(np.prod(self.frame_shape)) * np.dtype(self.dtype).itemsize


@dataclass(frozen=True)
class Mirror:
    """Mirror symmetry of a task: left and right may be exchanged. Images are flipped horizontally.

    Args:
        signs: Factor (1 or -1) of each entry of a vector, by leaf.
        actions: The mirrored action of each action.
    """

    signs: Mapping[str, tuple[float, ...]]
    actions: tuple[int, ...]


@dataclass(frozen=True)
class Spaces:
    """Observations and actions of an agent.

    Args:
        observations: Leaves by name.
        action_names: One name per discrete action.
        mirror: Mirror symmetry; None if the task has none.
        reward_clip: Rewards are clipped to ± this value in training; None if the environment recommends none.
    """

    observations: Mapping[str, Leaf]
    action_names: tuple[str, ...]
    mirror: Mirror | None = None
    reward_clip: float | None = None

    @property
    def num_actions(self) -> int:
        """Number of discrete actions."""
        return len(self.action_names)

    def describe(self) -> dict[str, str]:
        """Describe what a network depends on: each leaf by kind and shape, and the number of actions."""
        leaves = {
            name: f"image {'×'.join(map(str, leaf.shape))}" if leaf.is_picture else f"vector of {leaf.shape[0]}"
            for name, leaf in self.observations.items()
        }
        return {**leaves, "actions": str(self.num_actions)}


def space_changes(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Compare two descriptions of `Spaces`: `state: vector of 3 then, vector of 4 now`, for each difference."""
    names = dict.fromkeys([*then, *now])
    return [
        f"{name}: {then.get(name, 'missing')} then, {now.get(name, 'missing')} now"
        for name in names
        if then.get(name) != now.get(name)
    ]


@dataclass(frozen=True)
class Classes:
    """The classes of a data set or a network, by number.

    Args:
        names: Name of class 0, 1, and so on.
        drivable: The drivable ones of `names`.

    Raises:
        UserError: There are fewer than two or more than 255 names, one is repeated, too long or not printable, or
            `drivable` is empty or not a subset of `names`.
    """

    names: tuple[str, ...]
    drivable: tuple[str, ...]

    def __post_init__(self) -> None:
        names, drivable = self.names, self.drivable
        if not 2 <= len(names) <= IGNORED or len(set(names)) < len(names):
            raise UserError(
                f"A segmentation needs 2 to {IGNORED} classes of distinct names, not {len(names):,}: {_shown(names)}."
            )
        for name in names:
            if not name or not is_word(name):
                raise UserError(
                    f"A class name must have 1 to {MAX_NAME} printable characters, not {reprlib.repr(name)}."
                )
        if not 0 < len(drivable) <= len(names) or not set(names).issuperset(drivable):
            raise UserError(f"Drivable must be at least one of the classes {list(names)}, not {_shown(drivable)}.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def drivable_mask(self) -> npt.NDArray[np.bool_]:
        """(C,) bool, drivable classes."""
        return np.array([name in self.drivable for name in self.names])

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        return {"names": list(self.names), "drivable": list(self.drivable)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            UserError: The tree has another form.
        """
        parts: list[Any] = [tree.get(key) for key in ("names", "drivable")] if isinstance(tree, Mapping) else []
        if len(parts) != 2 or not all(_is_texts(part) for part in parts):
            raise UserError(
                f"Classes must be an object with 'names' and 'drivable', lists of strings, not {reprlib.repr(tree)}."
            )
        return cls(*(tuple(part) for part in parts))


def is_word(text: str) -> bool:
    """Whether a text has at most `MAX_NAME` characters, all printable; it may be empty."""
    return len(text) <= MAX_NAME and text.isprintable()


def _shown(names: Sequence[str]) -> str:
    return reprlib.repr(list(names))


def _is_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(text, str) for text in value)

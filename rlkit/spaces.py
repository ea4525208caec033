"""Data types that environments and agents share: observation leaves, spaces, mirror symmetry, segmentation classes."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError

Observations = dict[str, npt.NDArray[np.generic]]
"""Named leaves, batch first: pictures (N, H, W, C) uint8, vectors (N, D) float32."""

IGNORED = 255  # label of pixels that count neither for the loss nor for any measure
LONGEST_NAME = 100  # characters

Pixels = npt.NDArray[np.uint8]


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


@dataclass(frozen=True)
class Classes:
    """The classes of a data set or a network, by number.

    Args:
        names: Name of class 0, 1, and so on.
        drivable: Those of `names` that can be driven on.

    Raises:
        UserError: There are fewer than two or more than 255 names, one stands twice, is too long or cannot be printed,
            or a drivable one is none of them.
    """

    names: tuple[str, ...]
    drivable: tuple[str, ...]

    def __post_init__(self) -> None:
        names, drivable = self.names, self.drivable
        if not 2 <= len(names) <= IGNORED or len(set(names)) < len(names):
            raise UserError(
                f"A segmentation needs 2 to {IGNORED} classes of different names, not {len(names):,}: {_shown(names)}."
            )
        for name in names:
            if not name or not is_word(name):
                raise UserError(
                    f"A class's name is a text of 1 to {LONGEST_NAME} printable characters, not {reprlib.repr(name)}."
                )
        if not 0 < len(drivable) <= len(names) or not set(names).issuperset(drivable):
            raise UserError(f"Drivable has to be at least one of the classes {list(names)}, not {_shown(drivable)}.")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def drivable_mask(self) -> npt.NDArray[np.bool_]:
        """(C,) bool, which classes can be driven on."""
        return np.array([name in self.drivable for name in self.names])

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes."""
        return {"names": list(self.names), "drivable": list(self.drivable)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: The tree is not of that form.
        """
        parts: list[Any] = [tree.get(key) for key in ("names", "drivable")] if isinstance(tree, Mapping) else []
        if len(parts) != 2 or not all(_is_texts(part) for part in parts):
            raise UserError(
                f"Classes are an object with 'names' and 'drivable', lists of texts, not {reprlib.repr(tree)}."
            )
        return cls(*(tuple(part) for part in parts))


def is_word(text: str) -> bool:
    """Whether a text can stand in a table: not too long, without control characters or line breaks; it may be empty."""
    return len(text) <= LONGEST_NAME and text.isprintable()


def _shown(names: Sequence[str]) -> str:
    return reprlib.repr(list(names))


def _is_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(text, str) for text in value)

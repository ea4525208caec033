"""What the numbers of a segmentation mean."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError

IGNORED = 255  # label of pixels that count neither for the loss nor for any measure
LONGEST_NAME = 100  # characters


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

"""The model card: what a segmentation model is and how it was trained, in the header of its weights file."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rlkit.errors import UserError
from rlkit.spaces import Classes
from rlkit.utils.card import parse_card, read_header

FORMAT = "rlkit-segmentation-1"
MAX_SIDE = 4096  # pixels of the training images


@dataclass(frozen=True)
class ModelCard:
    """Description of a segmentation model, stored in the header of its weights file.

    Args:
        network: A key of `networks.NETWORKS`, or `my_package:MyNet`.
        classes: Names of the output channels, and which of them are drivable.
        size: Height and width of the training images.
        trained: Data, steps, seed and versions of the training; shown by `rlkit perception evaluate`.
    """

    network: str
    classes: Classes
    size: tuple[int, int]
    trained: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        return dataclasses.asdict(self) | {"classes": self.classes.to_json(), "trained": dict(self.trained)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            ValueError: The tree has another form.
            UserError: The classes are invalid.
        """
        if not isinstance(tree, Mapping) or not isinstance(tree.get("network"), str):
            raise ValueError("it names no network")
        size, trained = tree.get("size"), tree.get("trained")
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise ValueError(f"the size {size!r} is not a height and a width")
        if not all(1 <= side <= MAX_SIDE for side in size):
            raise ValueError(f"the size {size!r} is not from 1 to {MAX_SIDE} pixels")
        if not isinstance(trained, Mapping):
            raise ValueError("it does not say how the model was trained")
        return cls(tree["network"], Classes.from_json(tree.get("classes")), (size[0], size[1]), trained)


def read_model_card(path: Path) -> ModelCard:
    """Read the model card in the header of a weights file, without its weights.

    Raises:
        UserError: There is no such file, or it is no model of rlkit.
    """
    header = read_header(path, "model")
    if header.get("format") != FORMAT:
        raise UserError(f"{path} holds no segmentation model of rlkit: its header lacks the format {FORMAT!r}.")
    return parse_card(path, header, ModelCard.from_json)

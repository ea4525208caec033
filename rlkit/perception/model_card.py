"""The model card: what a segmentation model or a detector is and how it was trained, in the header of its weights."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rlkit.errors import UserError
from rlkit.spaces import MAX_NAME, Classes, is_word
from rlkit.utils.card import parse_card, read_header

FORMAT = "rlkit-segmentation-1"
DETECTOR_FORMAT = "rlkit-detection-1"
CAPTIONER_FORMAT = "rlkit-captioning-1"  # for its card see `rlkit.captioning.captioner`
MOST_KINDS = 1000  # of objects
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
        network, size, trained = basic_fields(tree)
        return cls(network, Classes.from_json(tree.get("classes")), size, trained)


@dataclass(frozen=True)
class DetectorCard:
    """Description of a detector, stored in the header of its weights file.

    Args:
        network: A key of `networks.DETECTORS`.
        objects: Names of the kinds of objects.
        classes: Names of the classes of pixels, and which of them are drivable; None for a detector without them.
        size: Height and width of the training images.
        has_distances: Whether it was trained to measure distances.
        trained: Data, steps, seed and versions of the training.
    """

    network: str
    objects: tuple[str, ...]
    classes: Classes | None
    size: tuple[int, int]
    has_distances: bool
    trained: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        classes = None if self.classes is None else self.classes.to_json()
        return dataclasses.asdict(self) | {"classes": classes, "trained": dict(self.trained)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            ValueError: The tree has another form.
            UserError: The kinds of objects or the classes are invalid.
        """
        network, size, trained = basic_fields(tree)
        objects, classes, distances = (tree.get(key) for key in ("objects", "classes", "has_distances"))
        if not isinstance(objects, list) or type(distances) is not bool:
            raise ValueError("it does not say which objects the model finds, and whether it measures distances")
        parsed = None if classes is None else Classes.from_json(classes)
        return cls(network, check_kinds(tuple(objects)), parsed, size, distances, trained)


def check_kinds(names: tuple[str, ...]) -> tuple[str, ...]:
    """Check and return the names of kinds of objects.

    Raises:
        UserError: There are none or too many, or a name is repeated, too long or not printable.
    """
    if not 1 <= len(names) <= MOST_KINDS:
        raise UserError(f"A detector finds 1 to {MOST_KINDS} kinds of objects, not {len(names)}.")
    for name in names:
        if not isinstance(name, str) or not name or not is_word(name):
            raise UserError(f"A kind of object has a name of 1 to {MAX_NAME} printable characters, not {name!r:.60}.")
    if len(set(names)) < len(names):
        raise UserError(f"Kinds of objects need distinct names, not {', '.join(names[:8])}.")
    return names


def basic_fields(tree: Any) -> tuple[str, tuple[int, int], Mapping[str, Any]]:
    """Network, size and training of a card.

    Raises:
        ValueError: The tree has another form.
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
    return tree["network"], (size[0], size[1]), trained


def is_detector(path: Path) -> bool:
    """Whether a weights file holds a detector, by its header.

    Raises:
        UserError: There is no such file, or it is damaged.
    """
    return read_header(path, "model").get("format") == DETECTOR_FORMAT


def is_captioner(path: Path) -> bool:
    """Whether a weights file holds a captioner, by its header; errors as of `is_detector`."""
    return read_header(path, "model").get("format") == CAPTIONER_FORMAT


def read_detector_card(path: Path) -> DetectorCard:
    """Read the card in the header of a detector's weights, without its weights.

    Raises:
        UserError: There is no such file, or it is no detector of rlkit.
    """
    header = read_header(path, "model")
    if header.get("format") != DETECTOR_FORMAT:
        raise UserError(f"{path} holds no detector of rlkit: its header lacks the format {DETECTOR_FORMAT!r}.")
    return parse_card(path, header, DetectorCard.from_json)


def read_model_card(path: Path) -> ModelCard:
    """Read the model card in the header of a weights file, without its weights.

    Raises:
        UserError: There is no such file, or it is no model of rlkit.
    """
    header = read_header(path, "model")
    if header.get("format") == DETECTOR_FORMAT:
        raise UserError(f"{path} holds a detector, which finds objects: expected a segmentation model.")
    if header.get("format") == CAPTIONER_FORMAT:
        raise UserError(f"{path} holds a captioner, which writes sentences: expected a segmentation model.")
    if header.get("format") != FORMAT:
        raise UserError(f"{path} holds no segmentation model of rlkit: its header lacks the format {FORMAT!r}.")
    return parse_card(path, header, ModelCard.from_json)

"""Boxes around the objects in an image, and how an environment's observation `boxes` is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.spaces import Pixels

BOXES = "boxes"  # key of the observation
CORNERS = ("x1", "y1", "x2", "y2")
CLASS = "class"

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Boxes:
    """The objects in one image, in the format of torchvision's detection targets.

    Args:
        boxes: (n, 4) float32 x1, y1, x2, y2 in pixels, of the visible parts; x2 - x1 is the width.
        labels: (n,) int64 numbers of classes.
        attributes: (n,) float32 further numbers by name, such as `distance` (m), `occlusion` (share).
    """

    boxes: Numbers
    labels: npt.NDArray[np.int64]
    attributes: Mapping[str, Numbers] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def resized(self, size: tuple[int, int], new_size: tuple[int, int]) -> "Boxes":
        """The same objects in the image resized from (height, width) to another size."""
        if size == new_size:
            return self
        down, across = new_size[0] / size[0], new_size[1] / size[1]
        factors = np.array([across, down, across, down], dtype=np.float32)
        return Boxes(self.boxes * factors, self.labels, self.attributes)


@dataclass(frozen=True)
class BoxedImage:
    """An image with the objects in it.

    Args:
        image: (H, W, 3) uint8.
        boxes: Its objects.
        classes: Names of their classes.
    """

    image: Pixels
    boxes: Boxes
    classes: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """Typical size of the objects of a class, in metres."""

    length: float
    width: float
    height: float


UNKNOWN_SIZE = Size(4.0, 2.0, 1.5)  # of classes whose size is not declared: about that of a car


@dataclass(frozen=True)
class BoxLabels:
    """How the rows of an observation `boxes` (K, F) are read.

    Args:
        classes: Names of the classes, by number.
        fields: Names of the F columns: `class` (-1 for a row without an object), `x1`, `y1`, `x2`, `y2`, and others,
            which become attributes.
        sizes: Typical size of the objects, by class; `UNKNOWN_SIZE` for those that have none.
    """

    classes: tuple[str, ...]
    fields: tuple[str, ...]
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def read(self, rows: Any, size: tuple[int, int]) -> Boxes:
        """Read the objects of one image.

        Args:
            rows: (K, F) numbers.
            size: (height, width) of the image, in pixels.

        Raises:
            UserError: A number is not finite, a class is unknown, or a box has no area or leaves the image.
        """
        table = np.array(rows, dtype=np.float32)
        table = table[table[:, self.fields.index(CLASS)] != -1.0]
        columns = {name: table[:, index] for index, name in enumerate(self.fields)}
        labels = columns.pop(CLASS)
        boxes = np.stack([columns.pop(name) for name in CORNERS], axis=1)
        for row, label, box in zip(table, labels.tolist(), boxes.tolist(), strict=True):
            if not np.isfinite(row).all():
                raise UserError(f"A box has the numbers {row.tolist()}: finite ones are expected.", exit_code=1)
            if label not in range(len(self.classes)):
                raise UserError(
                    f"A box has the class {label:g}; expected 0 to {len(self.classes) - 1} "
                    f"({', '.join(self.classes)}), or -1 for a row without an object.",
                    exit_code=1,
                )
            x1, y1, x2, y2 = box
            if not (0.0 <= x1 < x2 <= size[1] and 0.0 <= y1 < y2 <= size[0]):
                raise UserError(
                    f"A box has the corners {box}: expected 0 <= x1 < x2 <= {size[1]} and 0 <= y1 < y2 <= {size[0]}.",
                    exit_code=1,
                )
        return Boxes(boxes, labels.astype(np.int64), columns)

    def boxed(self, image: Any, rows: Any) -> BoxedImage | None:
        """An image with its objects, in new arrays; None if it is not (H, W, 3) uint8.

        Args:
            image: The observation `camera`.
            rows: (K, F) numbers, the observation `boxes`.

        Raises:
            UserError: As `read`.
        """
        pixels = np.array(image)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            return None
        return BoxedImage(pixels, self.read(rows, (pixels.shape[0], pixels.shape[1])), self.classes)

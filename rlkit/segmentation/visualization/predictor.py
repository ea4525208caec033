"""Predict classes and uncertainty for images of any size."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from rlkit.perception.model import SegmentationModel
from rlkit.segmentation.visualization.sheet import Row, draw_sheet, draw_single
from rlkit.segmentation.visualization.sources import View
from rlkit.spaces import IGNORED, Classes, Pixels

DRIVABLE = Classes(("other", "drivable"), ("drivable",))


class Predictor:
    """Predicts at the size of each image, which is resized for the model.

    If labels and model have different classes, both are reduced to drivable and other.

    Args:
        model: The model.
        truth: Classes of the labels; None if there are no labels.
        samples: MC dropout samples for the uncertainty; a model without dropout is evaluated once.
    """

    def __init__(self, model: SegmentationModel, truth: Classes | None = None, samples: int = 10):
        self._model = model
        self._truth = truth
        self._samples = samples
        self._joined = truth is not None and truth.names != model.classes.names
        self.classes = DRIVABLE if self._joined else model.classes

    @property
    def description(self) -> str:
        """Network, size and input resolution of the model."""
        card = self._model.card
        return f"{card.network}, {self._model.parameters:,} parameters, input {card.size[0]}×{card.size[1]} pixels"

    @property
    def note(self) -> str:
        """A remark about the classes shown; "" if there is none."""
        if not self._joined or self._truth is None:
            return ""
        return (
            f"the labels have other classes ({', '.join(self._truth.names)}) than the model "
            f"({', '.join(self._model.classes.names)}): only drivable or not is shown"
        )

    def rows(self, views: Iterable[View]) -> Iterator[Row]:
        """Predict one image after the other."""
        for view in views:
            yield self.row(view)

    def sheet(self, rows: Sequence[Row], title: str) -> Pixels:
        """Draw all rows on one sheet: (height, width, 3) uint8."""
        return draw_sheet(rows, self.classes, title, self.description)

    def single(self, row: Row) -> Pixels:
        """Draw one row, for videos and windows."""
        return draw_single(row, self.classes)

    def row(self, view: View) -> Row:
        """Predict one image."""
        answer = self._model.sampled(resized(view.image, self._model.card.size)[None], self._samples)
        size = (view.image.shape[0], view.image.shape[1])
        found = resized_classes(answer.probabilities[0], size)
        truth = view.truth
        if self._joined and self._truth is not None:
            found = self._model.classes.drivable_mask[found].astype(np.uint8)
            truth = None if truth is None else _drivable(truth, self._truth)
        return Row(view.image, found, truth, enlarged(answer.entropy[0], size), view.caption, view.boxed)


def resized(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize an image to (height, width), antialiased."""
    if image.shape[:2] == size:
        return image
    made: Pixels = np.array(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BILINEAR))
    return made


def resized_classes(probabilities: npt.NDArray[np.float32], size: tuple[int, int]) -> Pixels:
    """The most probable class of each pixel at another size, by interpolating probabilities.

    Args:
        probabilities: (C, h, w).
        size: (height, width) of the result.

    Returns:
        (*size) uint8.
    """
    best = enlarged(probabilities[0], size).copy()
    found: Pixels = np.zeros(size, dtype=np.uint8)
    for number in range(1, len(probabilities)):  # one at a time, to save memory
        share = enlarged(probabilities[number], size)
        more = share > best
        found[more] = number
        best[more] = share[more]
    return found


def enlarged(shares: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize (h, w) float32 bilinearly."""
    if shares.shape == size:
        return shares
    tensor = torch.from_numpy(np.ascontiguousarray(shares))[None, None]
    larger: npt.NDArray[np.float32] = F.interpolate(tensor, size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return larger


def _drivable(labels: Pixels, classes: Classes) -> Pixels:
    table = np.full(256, IGNORED, dtype=np.uint8)
    table[: len(classes)] = classes.drivable_mask
    return table[labels]

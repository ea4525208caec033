"""Find objects in images of any size, for display."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rlkit.detection.datasets.base import DetectionDataset
from rlkit.detection.objects import Objects
from rlkit.detection.visualization import FoundRow, draw_found
from rlkit.perception.detections import THRESHOLD
from rlkit.perception.detector import Detector
from rlkit.segmentation.datasets.io import resize_labels
from rlkit.segmentation.visualization.predictor import resized
from rlkit.segmentation.visualization.sources import View, Views
from rlkit.spaces import Pixels


@dataclass(frozen=True)
class ObjectView(View):
    """An image with its true objects.

    Args:
        image: (H, W, 3) uint8.
        truth: Not used.
        caption: One line about it.
        objects: Its objects; None if they are unknown.
    """

    objects: Objects | None = None


class ObjectPredictor:
    """Finds objects at the size of each image, which is resized for the detector.

    Args:
        detector: The detector.
        truth: Names of the kinds of true objects; None if there are none.
        threshold: Lowest score of an object that is shown.
    """

    note = ""

    def __init__(self, detector: Detector, truth: Sequence[str] | None = None, threshold: float = THRESHOLD):
        self._detector = detector
        self._truth = truth
        self._threshold = threshold

    @property
    def description(self) -> str:
        """Network, size and input resolution of the detector."""
        card = self._detector.card
        return f"{card.network}, {self._detector.parameters:,} parameters, input {card.size[0]}×{card.size[1]} pixels"

    def rows(self, views: Iterable[View]) -> Iterator[FoundRow]:
        """Find objects in one image after the other."""
        for view in views:
            size = (view.image.shape[0], view.image.shape[1])
            card = self._detector.card
            found, labels = self._detector.perceive(resized(view.image, card.size)[None], self._threshold)
            classes = None if labels is None else resize_labels(np.ascontiguousarray(labels[0]), size)
            objects = view.objects if isinstance(view, ObjectView) else None
            yield FoundRow(view.image, found[0].resized(card.size, size), objects, classes, view.caption)

    def sheet(self, rows: Sequence[FoundRow], title: str) -> Pixels:
        """Draw all rows on one sheet: (height, width, 3) uint8."""
        card = self._detector.card
        return draw_found(rows, card.objects, card.classes, f"{title}: {self.description}", self._truth)

    def single(self, row: FoundRow) -> Pixels:
        """Draw one row, for videos and windows."""
        card = self._detector.card
        return draw_found([row], card.objects, card.classes, true_kinds=self._truth)


def views_of_boxes(source: DetectionDataset, split: str, count: int) -> Views:
    """The first pictures of a split with their objects, at most so many."""
    views: list[View] = []
    for batch in source.measured(split):
        for number in range(min(len(batch), count - len(views))):
            view = ObjectView(batch.images[number].copy(), None, batch.names[number], objects=batch.objects[number])
            views.append(view)
        if len(views) >= count:
            break
    return Views(iter(views), count=len(views))

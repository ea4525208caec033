"""`BoxedDataset`: a simulator, or a folder with `boxes/`, whose pictures have classes of pixels and boxes."""

from collections.abc import Iterator

import numpy as np

from rlkit.boxes import Boxes
from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.errors import UserError
from rlkit.perception.model_card import check_kinds
from rlkit.segmentation.datasets.base import BoxDataset, CheckedDataset, Dataset, LabelledImages
from rlkit.spaces import Classes

DISTANCE = "distance"  # attribute in metres


class BoxedDataset:
    """A `DetectionDataset` of the pictures of a segmentation's data set that has boxes too.

    Args:
        source: A `Dataset` and `BoxDataset`.

    Raises:
        UserError: Its pictures have no boxes.
    """

    def __init__(self, source: Dataset):
        kinds = source.box_classes if isinstance(source, BoxDataset) else ()
        if not kinds:
            raise UserError(
                f"The pictures of {source.name} have no boxes, which a detector is trained on: name an environment "
                "with an observation `boxes`, such as env:rlkit/DrivingTrafficCamera-v0, or a folder with boxes."
            )
        self._source = source
        self.name = source.name
        self.objects = check_kinds(tuple(kinds))
        self.classes: Classes | None = source.classes
        self.size = source.size
        self.splits = source.splits
        self.training_pictures = source.training_pictures
        self.notes: tuple[str, ...] = source.notes if isinstance(source, CheckedDataset) else ()
        self.has_distances = self._has_distances()

    def _has_distances(self) -> bool:
        """Whether the first object of the validation or test pictures has a distance."""
        for batches in (self._source.selection(), self._source.measured(self.splits[0])):
            for batch in batches:
                for boxes in batch.boxes or ():
                    if len(boxes):
                        return DISTANCE in boxes.attributes
        return False

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledObjects]:
        """Yield batches without end."""
        stream = self._source.training(batch_size, generator)
        try:
            for batch in stream:
                yield with_objects(batch)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def selection(self) -> Iterator[LabelledObjects]:
        """Yield the validation pictures."""
        return map(with_objects, self._source.selection())

    def measured(self, split: str) -> Iterator[LabelledObjects]:
        """Yield the pictures of a split.

        Raises:
            UserError: There is no such split.
        """
        return map(with_objects, self._source.measured(split))


def with_objects(batch: LabelledImages) -> LabelledObjects:
    """A batch whose boxes are objects to find."""
    boxes = batch.boxes or (_NONE,) * len(batch)
    objects = tuple(map(_objects, boxes))
    return LabelledObjects(batch.images, batch.labels, batch.names, batch.conditions, objects=objects)


_NONE = Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))


def _objects(boxes: Boxes) -> Objects:
    count = len(boxes)
    unknown = np.full(count, np.nan, np.float32)
    distances = boxes.attributes.get(DISTANCE, unknown).astype(np.float32)
    return Objects(boxes.boxes.astype(np.float32), boxes.labels, np.zeros(count, np.bool_), distances)

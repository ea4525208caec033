"""Choosing the best weights: how much is found right in pictures that nobody learned from."""

from collections.abc import Iterator
from dataclasses import dataclass

from rlkit.perception.metrics import Confusion
from rlkit.perception.model import SegmentationModel
from rlkit.perception.pictures import LabelledPictures, PictureSource
from rlkit.perception.showing.sheets import Row

ROWS = 4  # of the sheet of pictures
AT_ONCE = 16  # pictures that a network sees together
KEPT = 2**29  # bytes of pictures that are kept in memory from one selection to the next


@dataclass(frozen=True)
class Selected:
    """What came of a selection.

    Args:
        scores: By name: `drivable_iou`, `mean_iou`, `global_accuracy`, and `iou/CLASS` of each class that was there.
        rows: A few of the pictures, for a sheet.
        pictures: How many there were.
    """

    scores: dict[str, float]
    rows: list[Row]
    pictures: int


class Selection:
    """The pictures that weights are chosen by; what fits is kept in memory.

    Args:
        source: Where they come from.
    """

    def __init__(self, source: PictureSource):
        self._source = source
        self._kept: list[LabelledPictures] | None = None

    def measure(self, model: SegmentationModel) -> Selected:
        """Measure a model on all of them."""
        classes = self._source.classes
        matrix = Confusion(len(classes))
        rows: list[Row] = []
        pictures = 0
        for batch in self._batches():
            found = model.labels(batch.images)
            matrix.add(batch.labels, found)
            pictures += len(batch)
            # The first of each batch, which is of another place or time than the one before.
            if len(rows) < ROWS:
                rows.append(Row(batch.images[0], found[0], batch.labels[0], caption=batch.names[0]))
        if pictures == 0:
            return Selected({}, [], 0)
        scores = {
            "drivable_iou": matrix.drivable_iou(classes.drivable_mask),
            "mean_iou": matrix.mean_iou,
            "global_accuracy": matrix.global_accuracy,
        }
        by_class = zip(classes.names, matrix.iou.tolist(), strict=True)
        scores |= {f"iou/{name}": value for name, value in by_class if value == value}
        return Selected(scores, rows, pictures)

    def _batches(self) -> Iterator[LabelledPictures]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[LabelledPictures] | None = []
        size = 0
        for pictures in self._source.selection():
            for batch in _split(pictures):
                size += batch.images.nbytes + batch.labels.nbytes
                kept = None if kept is None or size > KEPT else [*kept, batch]
                yield batch
        self._kept = kept


def _split(pictures: LabelledPictures) -> Iterator[LabelledPictures]:
    for start in range(0, len(pictures), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        yield LabelledPictures(
            pictures.images[part], pictures.labels[part], pictures.names[part], pictures.conditions[part]
        )

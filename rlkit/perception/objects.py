"""Objects in the images of N environments as one array of rows: read from an environment's boxes, or found by a model.

A row has the columns `KIND` (-1 for a row without an object), `X1`, `Y1`, `X2`, `Y2` (pixels, torchvision's corners)
and `DISTANCE` (metres over the ground to the object's nearest point; NaN where it is unknown).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rlkit.boxes import CLASS, CORNERS, Boxes, BoxLabels
from rlkit.utils.jit import kernel

if TYPE_CHECKING:
    from rlkit.perception.detections import Detections

KIND, X1, Y1, X2, Y2, DISTANCE = range(6)
COLUMNS = 6
MIN_HEIGHT = 4.0  # pixels; lower boxes are no objects, as in the training of detectors

Rows = npt.NDArray[np.float32]


class BoxReader:
    """Reads the observation `boxes` of N environments.

    Args:
        labels: Its classes and fields.
        size: Height and width of the images.
    """

    def __init__(self, labels: BoxLabels, size: tuple[int, int]):
        self._labels = labels
        self._size = size
        names = (CLASS, *CORNERS)
        self._columns = [labels.fields.index(name) for name in names]
        self._distance = labels.fields.index("distance") if "distance" in labels.fields else None

    def __call__(self, table: Any) -> Rows:
        """(N, K, F) numbers -> (N, K, `COLUMNS`); boxes lower than `MIN_HEIGHT` are left out.

        Raises:
            UserError: As `BoxLabels.read`.
        """
        table = np.asarray(table)
        rows = np.full((*table.shape[:2], COLUMNS), np.nan, dtype=np.float32)
        rows[..., :DISTANCE] = table[..., self._columns]
        if self._distance is not None:
            rows[..., DISTANCE] = table[..., self._distance]
        if not _keep_tall(rows, len(self._labels.classes), *self._size, self._distance is not None):
            for one in table:
                self._labels.read(one, self._size)
        return rows


@kernel
def _keep_tall(rows: Rows, kinds: int, height: int, width: int, has_distances: bool) -> bool:
    """Empty the rows of low boxes, in place; False if a row is not as it is declared."""
    for n in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            row = rows[n, k]
            if row[KIND] == -1.0:
                continue
            known = row[KIND] >= 0.0 and row[KIND] < kinds and row[KIND] == np.floor(row[KIND])
            inside = 0.0 <= row[X1] < row[X2] <= width and 0.0 <= row[Y1] < row[Y2] <= height
            if not (known and inside) or (has_distances and not np.isfinite(row[DISTANCE])):
                return False
            if row[Y2] - row[Y1] < MIN_HEIGHT:
                row[KIND] = -1.0
    return True


def rows_of(found: Sequence["Detections"], kinds: npt.NDArray[np.int64]) -> Rows:
    """The rows of detections; those lower than `MIN_HEIGHT` are left out.

    Args:
        found: Of N images.
        kinds: Number of each of the detector's kinds in the rows.
    """
    rows = empty_rows(len(found), max(map(len, found), default=0))
    for n, one in enumerate(found):
        tall = one.boxes[:, 3] - one.boxes[:, 1] >= MIN_HEIGHT
        count = int(tall.sum())
        rows[n, :count, KIND] = kinds[one.labels[tall]]
        rows[n, :count, X1 : Y2 + 1] = one.boxes[tall]
        rows[n, :count, DISTANCE] = one.distances[tall]
    return rows


def empty_rows(images: int, count: int) -> Rows:
    """(N, K, `COLUMNS`) rows without objects."""
    rows = np.full((images, count, COLUMNS), np.nan, dtype=np.float32)
    rows[..., KIND] = -1.0
    return rows


def boxes_of(rows: Rows) -> Boxes:
    """The objects (K, `COLUMNS`) of one image, for display."""
    rows = rows[rows[:, KIND] >= 0.0]
    distances = rows[:, DISTANCE]
    known = {} if np.isnan(distances).any() else {"distance": distances}
    return Boxes(rows[:, X1 : Y2 + 1], rows[:, KIND].astype(np.int64), known)

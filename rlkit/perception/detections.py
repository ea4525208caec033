"""Objects found in pictures."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from rlkit.perception.networks.decoding import FARTHEST, LARGEST, STRIDE, Candidates, DetectorOutput
from rlkit.utils.jit import kernel

THRESHOLD = 0.3  # score from which on an object counts as found, where one has to decide

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """Objects found in one picture, the most certain first.

    Args:
        boxes: (n, 4) float32, x1, y1, x2, y2 in pixels.
        labels: (n,) int64, kinds of objects.
        scores: (n,) float32 from 0 to 1.
        distances: (n,) float32 in metres; NaN from a model that was trained without distances.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    scores: Floats
    distances: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    def above(self, threshold: float) -> Self:
        """Those of at least this score."""
        kept = self.scores >= threshold
        return type(self)(self.boxes[kept], self.labels[kept], self.scores[kept], self.distances[kept])

    def resized(self, before: tuple[int, int], after: tuple[int, int]) -> Self:
        """The same in a picture that was resized; heights and widths in pixels."""
        factor = np.tile(np.array([after[1] / before[1], after[0] / before[0]], dtype=np.float32), 2)
        return type(self)(self.boxes * factor, self.labels, self.scores, self.distances)


def split(candidates: Candidates, threshold: float = 0.0, *, has_distances: bool = True) -> list[Detections]:
    """The objects of each picture, without those below the threshold and those of no area.

    Args:
        candidates: Of B pictures.
        threshold: Lowest score.
        has_distances: Whether the detector was trained to measure distances.
    """
    boxes, labels, scores, distances = (part.detach().cpu().numpy() for part in candidates)
    found = []
    for n in range(len(boxes)):
        sides = boxes[n, :, 2:] - boxes[n, :, :2]
        kept = (scores[n] > 0) & (scores[n] >= threshold) & (sides > 0).all(1)
        metres = distances[n, kept] if has_distances else np.full(int(kept.sum()), np.nan, np.float32)
        found.append(Detections(boxes[n, kept], labels[n, kept], scores[n, kept], metres))
    return found


def find_objects(
    output: DetectorOutput, size: tuple[int, int], threshold: float, most: int, *, has_distances: bool = True
) -> list[Detections]:
    """The objects in the output of a one-stage detector: those of `split(decode(output, size, most), threshold)`.

    A compiled kernel finds the peaks, 0.04 ms for a picture of 24×32 cells where torch's operators take 0.5.

    Args:
        output: Of B pictures, float32.
        size: Height and width of the pictures in pixels.
        threshold: Lowest score.
        most: Most objects of a picture.
        has_distances: Whether the detector was trained to measure distances.
    """
    centres, boxes, distances = (
        tensor.contiguous().cpu().numpy() for tensor in (output.centres, output.boxes, output.distances)
    )
    least = -np.inf if threshold <= 0 else np.log(threshold / (1 - threshold)) if threshold < 1 else np.inf
    peaks = np.empty((centres[0].size, 3), dtype=np.int64)
    found = []
    for n in range(len(centres)):
        kinds, rows, columns = peaks[: _find_peaks(centres[n], np.float32(least), peaks)].T
        logits = centres[n, kinds, rows, columns]
        order = np.argsort(-logits, kind="stable")[:most]
        kinds, rows, columns = kinds[order], rows[order], columns[order]
        across, down, wide, tall = boxes[n][:, rows, columns]
        half = 0.5 * np.exp(np.minimum(np.stack([wide, tall], 1), LARGEST))
        middle = np.stack([columns + 0.5 + across, rows + 0.5 + down], 1, dtype=np.float32)
        corners = STRIDE * np.concatenate([middle - half, middle + half], 1)
        corners = np.clip(corners, 0, np.array([size[1], size[0]] * 2, np.float32))
        metres = np.exp(np.minimum(distances[n, rows, columns], FARTHEST))
        if not has_distances:
            metres[:] = np.nan
        kept = (corners[:, 2:] > corners[:, :2]).all(axis=1)
        scores = 1 / (1 + np.exp(-logits[order]))
        found.append(Detections(corners[kept], kinds[kept], scores[kept], metres[kept]))
    return found


@kernel
def _find_peaks(centres: Floats, least: np.float32, peaks: npt.NDArray[np.int64]) -> int:
    """Write kind, row and column of the logits (K, h, w) that are the highest of 3×3 cells; return their number."""
    kinds, height, width = centres.shape
    count = 0
    for kind in range(kinds):
        for row in range(height):
            for column in range(width):
                value = centres[kind, row, column]
                if value < least:
                    continue
                highest = True
                for i in range(max(0, row - 1), min(height, row + 2)):
                    for j in range(max(0, column - 1), min(width, column + 2)):
                        highest &= centres[kind, i, j] <= value
                if highest:
                    peaks[count, 0], peaks[count, 1], peaks[count, 2] = kind, row, column
                    count += 1
    return count

"""Objects found in pictures."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from rlkit.perception.networks.decoding import Candidates

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

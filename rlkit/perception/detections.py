"""Found objects: decoding them from a detector's output (CenterNet, Zhou et al. 2019).

Boxes are x1, y1 (upper left), x2, y2 (lower right) in pixels, as torchvision's: a box of one pixel has a width of 1,
and the picture is the box (0, 0, W, H).
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from rlkit.perception.networks.centernet import STRIDE, DetectorOutput

MOST_OBJECTS = 100  # per picture, as in COCO's evaluation
THRESHOLD = 0.3  # score from which on an object counts as found, where one has to decide
NEIGHBOURS = 3  # cells, side of the square in which a centre has the highest score
LARGEST = 6.0  # logarithm of the width of a box in cells
FARTHEST = 7.0  # logarithm of a distance in metres

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


class Candidates(NamedTuple):
    """The k most certain objects of each of B pictures, sorted by score.

    Args:
        boxes: (B, k, 4), in pixels.
        labels: (B, k) int64.
        scores: (B, k).
        distances: (B, k), in metres.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    distances: Tensor


def cell_boxes(boxes: Tensor) -> Tensor:
    """Boxes in pixels of all cells, from a detector's `boxes`: (B, 4, h, w) -> (B, 4, h, w)."""
    height, width = boxes.shape[-2:]
    rows = torch.arange(height, device=boxes.device, dtype=boxes.dtype)[:, None] + 0.5
    columns = torch.arange(width, device=boxes.device, dtype=boxes.dtype)[None, :] + 0.5
    x, y = columns + boxes[:, 0], rows + boxes[:, 1]
    half_width, half_height = (0.5 * boxes[:, k].clamp(max=LARGEST).exp() for k in (2, 3))
    return STRIDE * torch.stack([x - half_width, y - half_height, x + half_width, y + half_height], 1)


def decode(output: DetectorOutput, size: tuple[int, int], most: int = MOST_OBJECTS) -> Candidates:
    """The most certain objects: cells whose score is the highest of the 3×3 cells around them.

    Args:
        output: Of a detector.
        size: Height and width of the pictures in pixels; boxes are clipped to it.
        most: k, at most as many as there are cells.
    """
    scores = output.centres.sigmoid()
    peaks = scores * (F.max_pool2d(scores, NEIGHBOURS, 1, NEIGHBOURS // 2) == scores)
    cells = scores.shape[-2] * scores.shape[-1]
    best, place = peaks.flatten(1).topk(min(most, scores.shape[1] * cells))
    cell = place % cells
    boxes = cell_boxes(output.boxes).flatten(2).gather(2, cell[:, None].expand(-1, 4, -1)).transpose(1, 2)
    limit = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    distances = output.distances.flatten(1).gather(1, cell).clamp(max=FARTHEST).exp()
    return Candidates(torch.minimum(boxes.clamp(min=0), limit), place // cells, best, distances)


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

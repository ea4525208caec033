"""The output of a one-stage detector, and the objects in it (CenterNet, Zhou et al. 2019).

Boxes are x1, y1 (upper left), x2, y2 (lower right) in pixels, as torchvision's: a box of one pixel has a width of 1,
and the picture is the box (0, 0, W, H).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

STRIDE = 4  # pixels per cell of the object head
MOST_OBJECTS = 100  # per picture, as in COCO's evaluation
NEIGHBOURS = 3  # cells, side of the square in which a centre has the highest score
LARGEST = 6.0  # logarithm of the width of a box in cells
FARTHEST = 7.0  # logarithm of a distance in metres


class DetectorOutput(NamedTuple):
    """What a detector computes of B images of height H and width W, for K kinds of objects and C classes of pixels.

    Args:
        centres: (B, K, h, w) logits that a cell holds the centre of an object; h = H // 4, w = W // 4.
        boxes: (B, 4, h, w), the box of an object whose centre is in the cell: horizontal and vertical offset of its
            centre from that of the cell, and the logarithms of its width and height; in cells.
        distances: (B, h, w), logarithm of its distance in metres.
        classes: (B, C, H, W) logits of every pixel; None for a network without that head.
    """

    centres: Tensor
    boxes: Tensor
    distances: Tensor
    classes: Tensor | None

    def floats(self) -> "DetectorOutput":
        """The same in float32."""
        classes = None if self.classes is None else self.classes.float()
        return DetectorOutput(self.centres.float(), self.boxes.float(), self.distances.float(), classes)


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
    distances = output.distances.flatten(1).gather(1, cell).clamp(max=FARTHEST).exp()
    return Candidates(clipped(boxes, size), place // cells, best, distances)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (..., 4) clipped to a picture of this height and width."""
    limit = boxes.new_tensor([size[1], size[0], size[1], size[0]])
    return torch.minimum(boxes.clamp(min=0), limit)

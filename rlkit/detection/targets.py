"""Targets of a detector: cells of centres, and what is regressed there (TTFNet, Liu et al. 2020)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rlkit.detection.objects import Objects
from rlkit.perception.networks.decoding import STRIDE

SPREAD = 0.54  # of a box's sides, that centres are spread over (Liu et al. 2020)
LEAST_WEIGHT = 0.05  # of a cell in the regression, which cells further from the centre lack


class PaddedObjects(NamedTuple):
    """The objects of B pictures, padded to the most of a picture.

    Args:
        boxes: (B, N, 4) float32, in pixels.
        labels: (B, N) int64; -1 for padding.
        ignored: (B, N) bool.
        distances: (B, N) float32, in metres; NaN if unknown.
    """

    boxes: Tensor
    labels: Tensor
    ignored: Tensor
    distances: Tensor


class Targets(NamedTuple):
    """What a detector should compute of B pictures, for K kinds of objects and h × w cells.

    Args:
        centres: (B, K, h, w), 1 in the cell of an object's centre, less around it.
        valid: (B, 1, h, w) bool, cells that count in the loss of the centres.
        boxes: (B, 4, h, w), the box of each cell's object in pixels.
        weights: (B, h, w), of the cell in the regression of the boxes; 0 without an object.
        log_distances: (B, h, w), of each cell's object in metres.
        distance_weights: (B, h, w), as `weights`; 0 also where the distance is unknown.
    """

    centres: Tensor
    valid: Tensor
    boxes: Tensor
    weights: Tensor
    log_distances: Tensor
    distance_weights: Tensor


def padded(objects: Sequence[Objects], device: str = "cpu") -> PaddedObjects:
    """Objects of pictures as tensors; at least one per picture, which may be padding."""
    count, most = len(objects), max(1, *(len(one) for one in objects)) if objects else 1
    boxes, labels = np.zeros((count, most, 4), np.float32), np.full((count, most), -1, np.int64)
    ignored, distances = np.zeros((count, most), np.bool_), np.full((count, most), np.nan, np.float32)
    for n, one in enumerate(objects):
        boxes[n, : len(one)], labels[n, : len(one)] = one.boxes, one.labels
        ignored[n, : len(one)], distances[n, : len(one)] = one.ignored, one.distances
    return PaddedObjects(*(torch.from_numpy(array).to(device) for array in (boxes, labels, ignored, distances)))


def make_targets(objects: PaddedObjects, num_objects: int, cells: tuple[int, int]) -> Targets:
    """Compute the targets of a batch.

    An object with sides of s cells spreads as a Gaussian of the standard deviation (0.54 s + 1) / 6 along each axis
    around the cell of its centre. A cell belongs to the object of the highest value there, on ties to the smallest, and
    its value is its weight in the regression. Cells within ignored boxes count in no loss of the centres, except the
    centres of other objects.

    Args:
        objects: The objects.
        num_objects: K.
        cells: h and w.
    """
    height, width = cells
    boxes = objects.boxes / STRIDE
    device = boxes.device
    rows, columns = torch.arange(height, device=device), torch.arange(width, device=device)
    x1, y1, x2, y2 = boxes.unbind(-1)
    learned = (objects.labels >= 0) & ~objects.ignored
    column = ((x1 + x2) / 2).floor().clamp(0, width - 1)
    row = ((y1 + y2) / 2).floor().clamp(0, height - 1)
    across = _gaussian(columns - column[..., None], x2 - x1)  # (B, N, w)
    down = _gaussian(rows - row[..., None], y2 - y1)  # (B, N, h)
    spread = down[..., None] * across[..., None, :] * learned[..., None, None]  # (B, N, h, w)

    centres = spread.new_zeros((len(boxes), num_objects, height, width))
    kinds = objects.labels.clamp(min=0)[..., None, None].expand_as(spread)
    centres.scatter_reduce_(1, kinds, spread, "amax")

    # Sorted by area, so that the first of equal values is the smallest object.
    order = ((x2 - x1) * (y2 - y1)).argsort(dim=1, stable=True)
    sorted_spread = spread.gather(1, order[..., None, None].expand_as(spread))
    value, first = sorted_spread.max(1, keepdim=True)
    ties = torch.arange(spread.shape[1], 0, -1, device=device)[None, :, None, None] * (sorted_spread == value)
    first = ties.argmax(1)  # (B, h, w), which of the sorted objects
    owner = order.gather(1, first.flatten(1))  # (B, h · w)
    weights = value[:, 0] * (value[:, 0] >= LEAST_WEIGHT)
    targets = objects.boxes.gather(1, owner[..., None].expand(-1, -1, 4)).transpose(1, 2)
    distances = objects.distances.gather(1, owner).view(-1, height, width)
    known = distances.isfinite() & (distances > 0)

    hidden = (
        objects.ignored[..., None, None] & _inside(columns, x1, x2)[..., None, :] & _inside(rows, y1, y2)[..., None]
    )
    valid = ~hidden.any(1, keepdim=True) | (centres == 1).any(1, keepdim=True)
    return Targets(
        centres,
        valid,
        targets.view(-1, 4, height, width),
        weights,
        torch.where(known, distances, 1.0).log(),
        weights * known,
    )


def _gaussian(offset: Tensor, side: Tensor) -> Tensor:
    deviation = (SPREAD * side + 1) / 6
    return torch.exp(-0.5 * (offset / deviation[..., None]).square())


def _inside(positions: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Whether the middles of cells along one axis lie within boxes: (B, N, cells) bool."""
    middles = positions + 0.5
    return (middles >= low[..., None]) & (middles <= high[..., None])

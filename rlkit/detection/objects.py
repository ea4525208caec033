"""Labelled objects of pictures, and pictures with them."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.spaces import Pixels

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Objects:
    """The objects of one picture.

    Args:
        boxes: (n, 4) float32, x1, y1 (upper left), x2, y2 (lower right) in pixels, as torchvision's.
        labels: (n,) int64, kinds of objects; any number for ignored ones.
        ignored: (n,) bool, boxes that are neither learned nor measured: COCO's `iscrowd`, KITTI's DontCare.
        distances: (n,) float32 in metres; NaN if unknown.
    """

    boxes: Floats
    labels: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]
    distances: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls) -> Self:
        """No objects."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int64), np.zeros(0, np.bool_), np.zeros(0, np.float32))

    def chosen(self, which: npt.NDArray[np.bool_]) -> Self:
        """Some of the objects, by (n,) bool."""
        return type(self)(self.boxes[which], self.labels[which], self.ignored[which], self.distances[which])

    def resized(self, before: tuple[int, int], after: tuple[int, int]) -> Self:
        """The same in a picture that was resized; heights and widths in pixels."""
        factor = np.tile(np.array([after[1] / before[1], after[0] / before[0]], np.float32), 2)
        return replace(self, boxes=self.boxes * factor)

    def moved(self, window: npt.NDArray[np.float64], size: tuple[int, int]) -> Self:
        """The same in a window of `segmentation.transforms.geometry`, clipped to it.

        A box whose area is cut to less than `LEAST_VISIBLE` is ignored, and one outside of the window is left out.

        Args:
            window: (4,), source row and column of the first output pixel's centre, and the steps down and right.
            size: Height and width of the output.
        """
        top, left, down, right = window
        # Pixel centres have whole numbers in windows, and halves in boxes.
        x = ((self.boxes[:, 0::2] - 0.5 - left) / right + 0.5).astype(np.float32)
        y = ((self.boxes[:, 1::2] - 0.5 - top) / down + 0.5).astype(np.float32)
        x.sort(axis=1)
        whole = (x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0])
        x, y = x.clip(0, size[1]), y.clip(0, size[0])
        visible = (x[:, 1] - x[:, 0]) * (y[:, 1] - y[:, 0])
        boxes = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
        ignored = self.ignored | (visible < LEAST_VISIBLE * whole)
        distances = self.distances * np.float32(down)  # what is magnified looks nearer
        return type(self)(boxes, self.labels, ignored, distances).chosen(visible > 0)

    def without_low(self, least: float) -> Self:
        """The same, with boxes lower than so many pixels ignored."""
        return replace(self, ignored=self.ignored | (self.boxes[:, 3] - self.boxes[:, 1] < least))


LEAST_VISIBLE = 0.25  # share of a box's area within a window


@dataclass(frozen=True)
class LabelledObjects(LabelledImages):
    """A batch of images of one size, with their objects; `labels` are `IGNORED` where classes of pixels are unknown.

    Args:
        objects: One per image.
    """

    objects: tuple[Objects, ...] = ()

    def with_pixels(self, images: Pixels, labels: Pixels, windows: npt.NDArray[np.float64] | None = None) -> Self:
        """See `LabelledImages.with_pixels`."""
        if windows is None:
            return replace(self, images=images, labels=labels)
        size = (labels.shape[1], labels.shape[2])
        moved = tuple(one.moved(window, size) for one, window in zip(self.objects, windows, strict=True))
        return replace(self, images=images, labels=labels, objects=moved)

    def part(self, rows: slice) -> Self:
        """See `LabelledImages.part`."""
        return replace(super().part(rows), objects=self.objects[rows])

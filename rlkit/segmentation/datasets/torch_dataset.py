"""A map-style `torch.utils.data.Dataset` of (image, label) pairs, as a data set to train on."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.bounds import check_batch, check_size
from rlkit.segmentation.datasets.drivable import check_labels, described
from rlkit.segmentation.datasets.image_file import in_colour
from rlkit.segmentation.datasets.io import resize_labels, resize_picture
from rlkit.spaces import IGNORED, Classes, Pixels

AT_ONCE = 16  # items in a batch of validation


class TorchDataset:
    """Items of a map-style dataset, brought to one size; a `Dataset`.

    An image is (H, W, 3) uint8, a PIL image, or a (3, H, W) tensor of uint8 or of floats from 0 to 1. A label is
    (H, W) integers: the class of each pixel, or 255 where it is to be ignored. Augmentation belongs to the
    hyperparameters of the training: where one index does not always give the same item, runs do not resume exactly.

    Args:
        dataset: Has a length, and gives an (image, label) pair for each index.
        classes: What the labels mean.
        size: Height and width that all items are resized to; None for those of the first.
        held_out: Share of the items, from the end, that is set apart for validation.

    Raises:
        UserError: It is empty or no map-style dataset, or its first item is not as above.
    """

    splits: tuple[str, ...] = ("all",)

    def __init__(self, dataset: Any, classes: Classes, size: tuple[int, int] | None = None, *, held_out: float = 0.1):
        kind = type(dataset).__name__
        if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
            raise UserError(
                f"{kind} has no length or no items by index: expected a map-style torch.utils.data.Dataset that gives "
                "(image, label) pairs."
            )
        if len(dataset) == 0:
            raise UserError(f"{kind} is empty: there is nothing to train on.")
        if not 0 <= held_out < 1:
            raise UserError(f"The share of items held out for validation is from 0 to below 1, not {held_out:g}.")
        if size is not None:
            check_size(size)
        count = len(dataset)
        self.name = f"dataset:{kind}"
        self.notes: tuple[str, ...] = ()
        self.classes = classes
        self._dataset = dataset
        apart = min(count - 1, max(1, round(held_out * count))) if held_out else 0
        self.training_pictures: int | None = count - apart
        image, _ = self._pair(0, None)
        self.size = size or (image.shape[0], image.shape[1])

    def check_training(self) -> tuple[str, ...]:
        """Check that the labels of training items hold drivable pixels; return warnings.

        Raises:
            UserError: Not one pixel is drivable.
        """
        return self._check(range(self.training_pictures or 0), "training items")

    def check_split(self, split: str) -> tuple[str, ...]:
        """Check that labels hold drivable pixels; return warnings.

        Raises:
            UserError: Not one pixel is drivable.
        """
        return self._check(range(len(self._dataset)), "items")

    def _check(self, indices: Sequence[int], what: str) -> tuple[str, ...]:
        labels = (self._pair(index, None)[1] for index in indices)
        what = f"{len(indices)} {what} of {self.name}"
        warning = check_labels(labels, self.classes, what, lambda counts: described(counts, self.classes))
        return (warning,) if warning else ()

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledImages]:
        """Give full batches for ever; each pass over the training items goes in another order.

        Raises:
            UserError: Batches would not fit into memory, or an item is not as expected.
        """
        check_batch(batch_size, self.size)
        passes = (generator.permutation(self.training_pictures or 0).tolist() for _ in itertools.count())
        order = itertools.chain.from_iterable(passes)
        while True:
            yield self._batch(list(itertools.islice(order, batch_size)))

    def selection(self) -> Iterator[LabelledImages]:
        """Give the items that were set apart for validation, in order."""
        return self._in_order(range(self.training_pictures or 0, len(self._dataset)))

    def measured(self, split: str) -> Iterator[LabelledImages]:
        """Give all items, in order.

        Raises:
            UserError: Another split than "all" is asked for, or an item is not as expected.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}: {', '.join(self.splits)} is there.")
        return self._in_order(range(len(self._dataset)))

    def _in_order(self, indices: Sequence[int]) -> Iterator[LabelledImages]:
        for start in range(0, len(indices), AT_ONCE):
            yield self._batch(indices[start : start + AT_ONCE])

    def _batch(self, indices: Sequence[int]) -> LabelledImages:
        pairs = [self._pair(index, self.size) for index in indices]
        return LabelledImages(
            np.stack([image for image, _ in pairs]),
            np.stack([label for _, label in pairs]),
            tuple(f"item {index}" for index in indices),
            ("",) * len(pairs),
        )

    def _pair(self, index: int, size: tuple[int, int] | None) -> tuple[Pixels, Pixels]:
        """One item: (H, W, 3) uint8 and (H, W) uint8, resized to `size` if it is given."""
        item, where = self._dataset[index], f"Item {index} of {self.name}"
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise UserError(f"{where} is a {type(item).__name__}: expected a pair (image, label).")
        image, label = _image(item[0], where), _label(item[1], where, self.classes)
        if image.shape[:2] != label.shape:
            raise UserError(
                f"{where}: the image has {image.shape[0]}×{image.shape[1]} pixels (height × width) and its label "
                f"{label.shape[0]}×{label.shape[1]}: both should be of one size."
            )
        return (image, label) if size is None else (resize_picture(image, size), resize_labels(label, size))


def _image(given: Any, where: str) -> Pixels:
    """An image as (H, W, 3) uint8."""
    pixels = np.asarray(in_colour(given, where)) if isinstance(given, Image.Image) else _array(given)
    if isinstance(given, torch.Tensor) and pixels.ndim == 3:
        pixels = np.moveaxis(pixels, 0, -1)
    expected = "expected (H, W, 3) uint8, a PIL image, or a tensor (3, H, W) of uint8 or of floats from 0 to 1"
    if pixels.ndim != 3 or pixels.shape[-1] != 3 or 0 in pixels.shape:
        raise UserError(f"{where}: the image has the shape {np.shape(given)}: {expected}.")
    if isinstance(given, torch.Tensor) and pixels.dtype.kind == "f":
        if not (pixels.min() >= 0 and pixels.max() <= 1):  # written so that NaN fails too
            raise UserError(f"{where}: the image holds {pixels.min():g} to {pixels.max():g}: {expected}.")
        pixels = np.rint(pixels * 255).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise UserError(f"{where}: the image is of type {pixels.dtype}: {expected}.")
    return np.ascontiguousarray(pixels)


def _label(given: Any, where: str, classes: Classes) -> Pixels:
    """The class of each pixel as (H, W) uint8."""
    numbers = _array(given)
    if numbers.dtype.kind not in "iub":
        raise UserError(f"{where}: the label is of type {numbers.dtype}: expected integers, the class of each pixel.")
    if numbers.ndim != 2:
        raise UserError(f"{where}: the label has the shape {numbers.shape}: expected (H, W).")
    wrong = numbers[((numbers < 0) | (numbers >= len(classes))) & (numbers != IGNORED)]
    if wrong.size:
        raise UserError(
            f"{where}: the label holds the class {wrong.flat[0]}: expected 0 to {len(classes) - 1} "
            f"({', '.join(classes.names)}), or {IGNORED} for pixels to ignore."
        )
    return numbers.astype(np.uint8)


def _array(given: Any) -> npt.NDArray[Any]:
    return given.detach().cpu().numpy() if isinstance(given, torch.Tensor) else np.asarray(given)

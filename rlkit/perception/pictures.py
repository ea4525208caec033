"""Pictures with the class of every pixel: what perception learns from and is measured on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rlkit.classes import Classes

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class LabelledPictures:
    """A batch of pictures of one size.

    Args:
        images: (B, H, W, 3) uint8, red, green, blue.
        labels: (B, H, W) uint8 class numbers; `IGNORED` where nothing is known.
        names: One per picture: its file, or how to make it again.
        conditions: One per picture: weather or sequence, by which figures are split; "" where nothing is known.
    """

    images: Pixels
    labels: Pixels
    names: tuple[str, ...]
    conditions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)


class PictureSource(Protocol):
    """Where labelled pictures come from: a folder of files or a simulator.

    `training` gives pictures to learn from, `selection` others by which the best weights are chosen, and `measured`
    yet others (a split's name) that nothing was chosen by.
    """

    name: str
    """For people: the folder, or the environment's id."""
    classes: Classes
    size: tuple[int, int]
    """Height and width of every picture it gives, in pixels."""
    splits: tuple[str, ...]
    """What `measured` takes; the first is the usual one."""
    training_pictures: int | None
    """How many there are to learn from; None where they never end."""

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledPictures]:
        """Give batches for ever, each pass in another order (files) or always new ones (simulator).

        A simulator's batch depends on nothing but the generator's state before it, so that a run can go on with any.
        """
        ...

    def selection(self) -> Iterator[LabelledPictures]:
        """Give each picture of the held-out block once, the same every time."""
        ...

    def measured(self, split: str) -> Iterator[LabelledPictures]:
        """Give each picture of a split once, the same every time."""
        ...

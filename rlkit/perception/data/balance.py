"""How much each class is to count in the loss, where some fill pictures and others a few pixels."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from rlkit.classes import IGNORED
from rlkit.perception.pictures import LabelledPictures


def median_frequency_weights(batches: Iterable[LabelledPictures], num_classes: int) -> npt.NDArray[np.float32]:
    """Weigh classes by how rare they are where they occur: the median frequency over their own (Eigen, Fergus 2015).

    The frequency of a class is its pixels over all known pixels of the pictures that hold it; so a class that is small
    weighs more, one that is merely seldom does not.

    Args:
        batches: Of training pictures.
        num_classes: C.

    Returns:
        (C,) float32; 1 for the class of the median frequency, 0 for one that no picture holds.
    """
    pixels = np.zeros(num_classes)
    around = np.zeros(num_classes)  # known pixels of the pictures that hold the class
    for batch in batches:
        for labels in batch.labels:
            counts = np.bincount(labels[labels != IGNORED], minlength=num_classes)[:num_classes]
            pixels += counts
            around += np.where(counts > 0, counts.sum(), 0)
    there = pixels > 0
    if not there.any():
        return np.zeros(num_classes, dtype=np.float32)
    frequency = pixels[there] / around[there]
    weights = np.zeros(num_classes, dtype=np.float32)
    weights[there] = np.median(frequency) / frequency
    return weights

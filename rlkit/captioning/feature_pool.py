"""A pool of training examples whose features are kept: for a frozen encoder, and data that cost more than a step."""

from collections.abc import Callable, Generator
from dataclasses import replace

import numpy as np

from rlkit.captioning.datasets.base import CaptionedImages
from rlkit.captioning.features import Features
from rlkit.segmentation.loader import TrainingPictures
from rlkit.spaces import Pixels

POOL = 8  # purpose of a generator


class FeaturePool(TrainingPictures[CaptionedImages]):
    """Training batches drawn from a fixed number of examples, which are encoded once.

    The pool is filled before the first batch, in a resumed run again, with the same examples. Features are kept in
    float16: 49 kB of an example.

    Args:
        pictures: The examples, batch by batch.
        encode: Features of (N, F, H, W, 3) uint8.
        examples: Size of the pool.
        batch_size: Examples in a batch.
        seed: Fixes the draws.
    """

    def __init__(
        self,
        pictures: TrainingPictures[CaptionedImages],
        encode: Callable[[Pixels], Features],
        examples: int,
        batch_size: int,
        seed: int,
    ):
        self.statistics = []
        self._pictures, self._encode = pictures, encode
        self._examples, self._batch_size, self._seed = examples, batch_size, seed

    @property
    def ready(self) -> bool:
        """Always: a frozen encoder's batch norm is not estimated."""
        return True

    def batches(self, first: int = 0) -> Generator[CaptionedImages, None, None]:
        """Yield batch number `first` and all after it, for ever."""
        pool: list[CaptionedImages] = []
        stream = self._pictures.batches()
        while len(pool) < self._examples:
            batch = next(stream)
            features = self._encode(batch.images).stored()
            encoded = replace(batch, images=np.zeros((*batch.images.shape[:2], 0, 0, 3), np.uint8), features=features)
            pool += [encoded.part(slice(row, row + 1)) for row in range(len(batch))]
        stream.close()
        del pool[self._examples :]
        number = first
        while True:
            rows = np.random.default_rng([self._seed, POOL, number]).choice(len(pool), self._batch_size, replace=True)
            yield joined([pool[row] for row in rows.tolist()])
            number += 1


def joined(examples: list[CaptionedImages]) -> CaptionedImages:
    """One batch of several, with features and without slots."""
    return CaptionedImages(
        np.concatenate([one.images for one in examples]),
        np.concatenate([one.signals for one in examples]),
        tuple(captions for one in examples for captions in one.captions),
        tuple(name for one in examples for name in one.names),
        tuple(condition for one in examples for condition in one.conditions),
        features=Features.joined([one.features for one in examples if one.features is not None]),
    )

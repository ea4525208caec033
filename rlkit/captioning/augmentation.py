"""Augmentation of captioned pictures: all pictures of an example vary alike."""

from dataclasses import dataclass

import numpy as np

from rlkit.captioning.datasets.base import CaptionedImages
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.transforms import NOTHING, Augmentation
from rlkit.spaces import IGNORED


@dataclass(frozen=True)
class CaptionAugmentation:
    """Random transforms of captioned pictures; sentences stay what they are.

    Args:
        transforms: Of single pictures.
    """

    transforms: Augmentation

    def __call__(self, batch: CaptionedImages, generator: np.random.Generator) -> CaptionedImages:
        """Return transformed pictures in new arrays; the same draws for all pictures of an example.

        Args:
            batch: Not modified.
            generator: Random numbers.
        """
        if self.transforms == NOTHING:
            return batch
        seed = int(generator.integers(2**63))
        labels = np.full(batch.images[:, 0].shape[:3], IGNORED, np.uint8)
        frames = []
        for frame in range(batch.images.shape[1]):
            pictures = LabelledImages(
                np.ascontiguousarray(batch.images[:, frame]), labels, batch.names, batch.conditions
            )
            frames.append(self.transforms(pictures, np.random.default_rng(seed)).images)
        return batch.with_images(np.stack(frames, 1))

"""Random augmentation of labelled images for training, and its presets."""

from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.transforms.colour import apply_colours, draw_colours
from rlkit.segmentation.transforms.domain import blotch, haze, recolour
from rlkit.segmentation.transforms.geometry import cut_windows, draw_windows
from rlkit.segmentation.transforms.sensor import add_noise, blur

L = TypeVar("L", bound=LabelledImages)


@dataclass(frozen=True)
class Augmentation:
    """Random transforms of labelled images; each is disabled at 0. Geometric ones apply to the labels too.

    Args:
        crop: Height and width of a random crop; None for the whole image.
        scale: Smallest and largest magnification before the crop; pixels beyond the image are ignored.
        flip: Probability of a horizontal flip.
        recolour: Probability of new colours, drawn for each class.
        blotches: Probability of blotches of one colour, like snow, leaves or puddles.
        haze: Probability of haze that increases with distance.
        brightness: Maximum change: 0.3 for factors from 1 / 1.3 to 1.3.
        contrast: As brightness.
        saturation: As brightness.
        hue: Maximum rotation of the hue, as a fraction of half a turn.
        gamma: As brightness, for the exponent of a gamma curve.
        blur: Maximum standard deviation of a Gaussian blur, in pixels; half of the images are not blurred.
        noise: Maximum standard deviation of Gaussian noise, as a fraction of full scale.

    Raises:
        UserError: A value is out of range.
    """

    crop: tuple[int, int] | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    flip: float = 0.0
    recolour: float = 0.0
    blotches: float = 0.0
    haze: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    gamma: float = 0.0
    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale
        if not 0.1 <= low <= high <= 10.0:
            raise UserError(f"scale = {self.scale}: expected the smaller magnification first, both from 0.1 to 10.")
        if self.crop is not None and not all(8 <= pixels <= 4096 for pixels in self.crop):
            raise UserError(f"crop = {self.crop}: expected height and width from 8 to 4096 pixels.")
        highest = {"blur": 20.0, "brightness": 4.0, "contrast": 4.0, "saturation": 4.0, "gamma": 4.0}
        for name in (field.name for field in fields(self) if field.name not in ("crop", "scale")):
            value, most = getattr(self, name), highest.get(name, 1.0)
            if not 0.0 <= value <= most:
                raise UserError(f"{name} = {value:g}: expected a number from 0 to {most:g}.")

    @property
    def moves(self) -> bool:
        """Whether a geometric transform is enabled."""
        return self.crop is not None or self.scale != (1.0, 1.0) or self.flip > 0.0

    @property
    def colours(self) -> dict[str, float]:
        """Strengths of the colour transforms of whole images, by name."""
        names = ("brightness", "contrast", "saturation", "hue", "gamma")
        return {name: getattr(self, name) for name in names}

    def __call__(self, pictures: L, generator: np.random.Generator) -> L:
        """Return transformed images in new arrays, in the order of image formation: scene, light, lens, sensor.

        Args:
            pictures: Not modified.
            generator: Random numbers.
        """
        images, labels, windows = pictures.images, pictures.labels, None
        if self.moves:
            count, size = len(images), (labels.shape[1], labels.shape[2])
            wanted = self.crop or size
            windows = draw_windows(count, size, wanted, self.scale, self.flip, generator)
            images, labels = np.empty((count, *wanted, 3), np.uint8), np.empty((count, *wanted), np.uint8)
            cut_windows(np.ascontiguousarray(pictures.images), pictures.labels, windows, images, labels)
        else:
            images, labels = images.copy(), labels.copy()
        if self.recolour:
            recolour(images, labels, self.recolour, generator)
        if self.blotches:
            blotch(images, labels, self.blotches, generator)
        if self.haze:
            haze(images, self.haze, generator)
        if any(self.colours.values()):
            apply_colours(images, draw_colours(images, generator, **self.colours))
        if self.blur:
            blur(images, self.blur, generator)
        if self.noise:
            add_noise(images, self.noise, generator)
        return pictures.with_pixels(images, labels, windows)


NOTHING = Augmentation()
SIMULATOR = Augmentation(
    flip=0.5,
    recolour=0.45,
    blotches=0.45,
    haze=0.25,
    brightness=0.3,
    contrast=0.3,
    saturation=0.4,
    hue=0.05,
    gamma=0.2,
    blur=0.7,
    noise=0.03,
)
FILES = Augmentation(
    scale=(0.75, 2.0),
    flip=0.5,
    brightness=0.3,
    contrast=0.3,
    saturation=0.4,
    hue=0.05,
    gamma=0.2,
    blur=0.8,
    noise=0.02,
)


__all__ = ["FILES", "NOTHING", "SIMULATOR", "Augmentation"]

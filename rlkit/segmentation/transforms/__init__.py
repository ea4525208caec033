"""Random changes of pictures and labels for training: which ones a batch goes through, how strong, in which order."""

from dataclasses import dataclass, fields, replace

import numpy as np

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.transforms.colour import apply_colours, draw_colours
from rlkit.segmentation.transforms.domain import blotch, haze, recolour
from rlkit.segmentation.transforms.geometry import cut_windows, draw_windows
from rlkit.segmentation.transforms.sensor import add_noise, blur


@dataclass(frozen=True)
class Augmentation:
    """Changes labelled pictures by chance; each change is off at 0, and labels follow what moves.

    Args:
        crop: Height and width of a part of each picture, somewhere in it; None for the pictures' own.
        scale: Smallest and largest magnification before that; what then lies beyond the picture is ignored.
        flip: Probability of exchanging left and right.
        recolour: Share of pictures whose classes take on other colours, each class its own.
        blotches: Share of pictures strewn with blotches of one colour, as snow, leaves or puddles are.
        haze: Share of pictures under a veil that is thickest far away.
        brightness: Largest change of light: 0.3 for factors from 1 / 1.3 to 1.3.
        contrast: The same for contrast.
        saturation: The same for colourfulness.
        hue: Largest turn of all colours, as a share of half a turn around the colour circle.
        gamma: As brightness, for the exponent of a gamma curve.
        blur: Largest standard deviation of a blur, in pixels; half of the pictures stay sharp.
        noise: Largest standard deviation of noise, as a share of full scale.

    Raises:
        UserError: A value is out of its range.
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
            raise UserError(f"scale = {self.scale}: the smaller magnification comes first, from 0.1 to 10.")
        if self.crop is not None and not all(8 <= pixels <= 4096 for pixels in self.crop):
            raise UserError(f"crop = {self.crop}: height and width in pixels, from 8 to 4096.")
        highest = {"blur": 20.0, "brightness": 4.0, "contrast": 4.0, "saturation": 4.0, "gamma": 4.0}
        for name in (field.name for field in fields(self) if field.name not in ("crop", "scale")):
            value, most = getattr(self, name), highest.get(name, 1.0)
            if not 0.0 <= value <= most:
                raise UserError(f"{name} = {value:g}: expected a number from 0 to {most:g}.")

    @property
    def moves(self) -> bool:
        """Whether pixels change their places."""
        return self.crop is not None or self.scale != (1.0, 1.0) or self.flip > 0.0

    @property
    def colours(self) -> dict[str, float]:
        """Strengths of what happens to the colours of whole pictures, by name."""
        names = ("brightness", "contrast", "saturation", "hue", "gamma")
        return {name: getattr(self, name) for name in names}

    def __call__(self, pictures: LabelledImages, generator: np.random.Generator) -> LabelledImages:
        """Give changed pictures in new arrays, in the order in which nature would: scene, light, lens, sensor.

        Args:
            pictures: Not written.
            generator: Draws are taken from it.
        """
        images, labels = pictures.images, pictures.labels
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
        return replace(pictures, images=images, labels=labels)


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

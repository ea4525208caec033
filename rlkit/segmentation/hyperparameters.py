"""How a segmentation network is taught: the settings, and what suits a simulator or a folder of pictures."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rlkit.errors import UserError
from rlkit.hyperparameters import hyperparameter
from rlkit.segmentation.transforms import FILES, SIMULATOR, Augmentation
from rlkit.spaces import Classes

MANY_CLASSES = 5  # from which on rare classes are worth weights of their own


@dataclass(frozen=True)
class Hyperparameters:
    """Every setting of a training, with its meaning; `--set KEY=VALUE` reaches each."""

    batch_size: int = hyperparameter(16, "Pictures per step.", low=1, high=65_536)
    optimizer: str = hyperparameter(
        "adamw", "Who steps.", "AdamW: Loshchilov, Hutter 2019; SGD as in the SegNet paper", choices=("adamw", "sgd")
    )
    learning_rate: float = hyperparameter(3e-3, "Largest step size of the run.", low=0.0, high=1e3)
    schedule: str = hyperparameter(
        "one-cycle",
        "How the step size moves over the budget.",
        "one-cycle: Smith, Topin 2018; poly: Chen et al. 2017",
        choices=("one-cycle", "poly", "constant"),
    )
    warmup: float = hyperparameter(0.1, "Share of the budget in which the step size rises.", low=0.0, high=0.9)
    momentum: float = hyperparameter(0.9, "Of sgd (Nesterov's).", low=0.0, high=0.999)
    weight_decay: float = hyperparameter(
        1e-2,
        "Pull of kernels towards 0; biases and batch norm are left alone.",
        "Loshchilov, Hutter 2019",
        low=0.0,
        high=1e3,
    )
    max_grad_norm: float = hyperparameter(5.0, "Longest gradient; 0 for no limit.", "Pascanu 2013", low=0.0, high=1e9)
    class_weights: str = hyperparameter(
        "none",
        "Whether rare classes count more.",
        "median-frequency: Eigen, Fergus 2015; root-…: its square root, which spoils frequent classes less",
        choices=("none", "median-frequency", "root-median-frequency"),
    )
    label_smoothing: float = hyperparameter(
        0.0, "Share of the truth that is spread over all classes.", "Szegedy 2016", low=0.0, high=0.5
    )
    dice: float = hyperparameter(
        0.0,
        "Weight of the Dice loss beside cross-entropy: overlap of each class.",
        "Milletari 2016",
        low=0.0,
        high=1e6,
    )
    ema_decay: float = hyperparameter(
        0.99, "Share that the averaged weights keep at each step; these are measured and saved.", "Polyak 1992",
        low=0.0, high=0.99999,
    )  # fmt: skip
    bn_samples: int = hyperparameter(
        128,
        "Training pictures by which batch norm is estimated anew for the averaged weights; 0 averages it too.",
        "SegNet 2017; Izmailov 2018",
        low=0,
        high=1_000_000,
    )
    crop: tuple[int, ...] = hyperparameter(
        (), "Height and width of the part of a picture that is learned from; () for all of it."
    )
    scale_min: float = hyperparameter(1.0, "Least magnification of a training picture.", low=0.1, high=10.0)
    scale_max: float = hyperparameter(1.0, "Greatest magnification of a training picture.", low=0.1, high=10.0)
    flip: float = hyperparameter(0.5, "Probability of mirroring.", low=0.0, high=1.0)
    recolour: float = hyperparameter(
        0.0, "Share of pictures whose classes take on other colours.", "Tobin 2017", low=0.0, high=1.0
    )
    blotches: float = hyperparameter(0.0, "Share of pictures strewn with snow, leaves, puddles.", low=0.0, high=1.0)
    haze: float = hyperparameter(0.0, "Share of pictures under a veil of haze.", low=0.0, high=1.0)
    brightness: float = hyperparameter(0.0, "Largest change of light, as a share.", low=0.0, high=4.0)
    contrast: float = hyperparameter(0.0, "Largest change of contrast, as a share.", low=0.0, high=4.0)
    saturation: float = hyperparameter(0.0, "Largest change of colourfulness, as a share.", low=0.0, high=4.0)
    hue: float = hyperparameter(0.0, "Largest turn of all colours, as a share of half a circle.", low=0.0, high=1.0)
    gamma: float = hyperparameter(0.0, "Largest change of the gamma curve, as a share.", low=0.0, high=4.0)
    blur: float = hyperparameter(0.0, "Largest blur in pixels (standard deviation).", low=0.0, high=20.0)
    noise: float = hyperparameter(
        0.0, "Largest noise as a share of full scale (standard deviation).", low=0.0, high=1.0
    )
    precision: str = hyperparameter(
        "auto",
        "Of convolutions while learning; auto is bfloat16 where the device has instructions for it.",
        choices=("auto", "float32", "bfloat16"),
    )
    select_by: str = hyperparameter(
        "drivable_iou", "What the best weights are chosen by.", choices=("drivable_iou", "mean_iou")
    )
    patience: int = hyperparameter(
        0, "Selections without a better one until training stops; 0 for never.", low=0, high=10**9
    )
    threads: int = hyperparameter(
        0, "Threads of a processor that learns; 0 for as many as torch likes.", low=0, high=1024
    )
    prefetch: int = hyperparameter(
        4, "Batches that a thread of its own prepares ahead; 0 for no thread.", low=0, high=64
    )

    def check(self) -> None:
        """Refuse what does not fit together.

        Raises:
            UserError: Naming the settings.
        """
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate = {self.learning_rate:g} teaches nothing: expected more than 0")
        if len(self.crop) not in (0, 2):
            raise UserError(f"crop = {self.crop}: expected height and width in pixels, such as 240,320")
        if self.scale_min > self.scale_max:
            raise UserError(f"scale_min = {self.scale_min:g} is larger than scale_max = {self.scale_max:g}")
        self.augmentation()

    def augmentation(self) -> Augmentation:
        """What training pictures go through.

        Raises:
            UserError: A setting is out of its range.
        """
        same = {name: getattr(self, name) for name in _names(Augmentation) & _names(Hyperparameters) - {"crop"}}
        crop = (self.crop[0], self.crop[1]) if self.crop else None
        return Augmentation(crop=crop, scale=(self.scale_min, self.scale_max), **same)


def _names(kind: type[Augmentation] | type[Hyperparameters]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _strengths(augmentation: Augmentation) -> dict[str, Any]:
    """The hyperparameters that give this augmentation."""
    same = {name: getattr(augmentation, name) for name in _names(Augmentation) & _names(Hyperparameters) - {"crop"}}
    low, high = augmentation.scale
    return {"crop": augmentation.crop or (), "scale_min": low, "scale_max": high, **same}


def simulator(classes: Classes, pictures: int | None) -> Hyperparameters:
    """New pictures for ever: light, colours and lenses change, so that nobody leans on those of the simulator."""
    return Hyperparameters(learning_rate=4e-3, **_strengths(SIMULATOR))


def files(classes: Classes, pictures: int | None) -> Hyperparameters:
    """A folder of pictures, seen again and again: every pass cuts, mirrors, scales and colours them anew."""
    many = len(classes) >= MANY_CLASSES
    return Hyperparameters(
        batch_size=8,
        class_weights="median-frequency" if many else "none",
        select_by="mean_iou" if many else "drivable_iou",
        ema_decay=0.998,
        **_strengths(FILES),
    )


PRESETS: dict[str, Callable[[Classes, int | None], Hyperparameters]] = {"simulator": simulator, "files": files}


def usual_preset(pictures: int | None) -> str:
    """Name the preset that suits a source with so many training pictures; None means that they never end."""
    return "simulator" if pictures is None else "files"

"""Hyperparameters of the training of a segmentation network, and presets for a simulator and for files."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rlkit.errors import UserError
from rlkit.hyperparameters import hyperparameter
from rlkit.segmentation.transforms import FILES, SIMULATOR, Augmentation
from rlkit.spaces import Classes

MANY_CLASSES = 5  # from which on the preset for files weights rare classes


@dataclass(frozen=True)
class Hyperparameters:
    """Every hyperparameter with its meaning; `--set KEY=VALUE` sets each."""

    batch_size: int = hyperparameter(16, "Pictures per step.", low=1, high=65_536)
    optimizer: str = hyperparameter(
        "adamw", "Optimizer.", "AdamW: Loshchilov, Hutter 2019; SGD as in the SegNet paper", choices=("adamw", "sgd")
    )
    learning_rate: float = hyperparameter(3e-3, "Peak learning rate.", low=0.0, high=1e3)
    schedule: str = hyperparameter(
        "one-cycle",
        "Learning rate schedule over the budget.",
        "one-cycle: Smith, Topin 2018; poly: Chen et al. 2017",
        choices=("one-cycle", "poly", "constant"),
    )
    warmup: float = hyperparameter(0.1, "Share of the budget in which the learning rate rises.", low=0.0, high=0.9)
    momentum: float = hyperparameter(0.9, "Momentum of sgd.", "SegNet 2017", low=0.0, high=0.999)
    nesterov: bool = hyperparameter(
        False,
        "Nesterov's momentum for sgd, rather than the plain one that SegNet was published with.",
        "Sutskever 2013",
    )
    weight_decay: float = hyperparameter(
        1e-2,
        "Weight decay of kernels; biases and batch norm have none.",
        "Loshchilov, Hutter 2019",
        low=0.0,
        high=1e3,
    )
    max_grad_norm: float = hyperparameter(
        5.0, "Clip the gradient norm at this value; 0 disables clipping.", "Pascanu 2013", low=0.0, high=1e9
    )
    class_weights: str = hyperparameter(
        "none",
        "Weights of classes in the loss, by how rare they are.",
        "median-frequency: Eigen, Fergus 2015; root-…: its square root, which costs frequent classes less accuracy",
        choices=("none", "median-frequency", "root-median-frequency"),
    )
    label_smoothing: float = hyperparameter(
        0.0, "Share of the target that is spread over all classes.", "Szegedy 2016", low=0.0, high=0.5
    )
    dice: float = hyperparameter(
        0.0,
        "Weight of the Dice loss that is added to cross-entropy.",
        "Milletari 2016",
        low=0.0,
        high=1e6,
    )
    ema_decay: float = hyperparameter(
        0.99, "EMA decay per step of the weights that are validated and saved.", "Polyak 1992",
        low=0.0, high=0.99999,
    )  # fmt: skip
    bn_samples: int = hyperparameter(
        128,
        "Training pictures by which batch norm is estimated for the averaged weights; 0 averages its statistics.",
        "SegNet 2017; Izmailov 2018",
        low=0,
        high=1_000_000,
    )
    crop: tuple[int, ...] = hyperparameter((), "Height and width of random crops; () for whole pictures.")
    scale_min: float = hyperparameter(1.0, "Smallest scale of a training picture.", low=0.1, high=10.0)
    scale_max: float = hyperparameter(1.0, "Largest scale of a training picture.", low=0.1, high=10.0)
    flip: float = hyperparameter(0.5, "Probability of a horizontal flip.", low=0.0, high=1.0)
    recolour: float = hyperparameter(
        0.0, "Share of pictures whose classes are recoloured.", "Tobin 2017", low=0.0, high=1.0
    )
    blotches: float = hyperparameter(
        0.0, "Share of pictures with random blotches, like snow, leaves or puddles.", low=0.0, high=1.0
    )
    haze: float = hyperparameter(0.0, "Share of pictures with haze.", low=0.0, high=1.0)
    brightness: float = hyperparameter(0.0, "Largest relative change of brightness.", low=0.0, high=4.0)
    contrast: float = hyperparameter(0.0, "Largest relative change of contrast.", low=0.0, high=4.0)
    saturation: float = hyperparameter(0.0, "Largest relative change of saturation.", low=0.0, high=4.0)
    hue: float = hyperparameter(0.0, "Largest rotation of the hue, as a share of 180 degrees.", low=0.0, high=1.0)
    gamma: float = hyperparameter(0.0, "Largest relative change of gamma.", low=0.0, high=4.0)
    blur: float = hyperparameter(0.0, "Largest standard deviation of a Gaussian blur, in pixels.", low=0.0, high=20.0)
    noise: float = hyperparameter(
        0.0, "Largest standard deviation of noise, as a share of full scale.", low=0.0, high=1.0
    )
    precision: str = hyperparameter(
        "auto",
        "Precision of convolutions in training; auto is bfloat16 where the device has instructions for it.",
        choices=("auto", "float32", "bfloat16"),
    )
    select_by: str = hyperparameter(
        "drivable_iou", "Score that the best weights are selected by.", choices=("drivable_iou", "mean_iou")
    )
    patience: int = hyperparameter(
        0, "Validations without improvement until training stops; 0 for never.", low=0, high=10**9
    )
    threads: int = hyperparameter(0, "CPU threads of torch; 0 for its default.", low=0, high=1024)
    prefetch: int = hyperparameter(4, "Batches that a thread prepares ahead; 0 for no thread.", low=0, high=64)

    def check(self) -> None:
        """Check settings that depend on each other.

        Raises:
            UserError: They exclude each other.
        """
        if not self.learning_rate > 0:
            raise UserError(f"learning_rate = {self.learning_rate:g}: expected more than 0")
        if len(self.crop) not in (0, 2):
            raise UserError(f"crop = {self.crop}: expected height and width in pixels, such as 240,320")
        if self.scale_min > self.scale_max:
            raise UserError(f"scale_min = {self.scale_min:g} is larger than scale_max = {self.scale_max:g}")
        self.augmentation()

    def augmentation(self) -> Augmentation:
        """Augmentation of training pictures.

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
    """For rendered pictures: light, colours and lenses vary (domain randomisation)."""
    return Hyperparameters(learning_rate=4e-3, **_strengths(SIMULATOR))


def files(classes: Classes, pictures: int | None) -> Hyperparameters:
    """For a finite number of pictures: each pass augments them anew."""
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
    """Name of the preset for so many training pictures; None means that they never end."""
    return "simulator" if pictures is None else "files"

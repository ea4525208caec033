"""Hyperparameters of the training of a detector: those of a segmentation network, and the weights of its losses."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

from rlkit.hyperparameters import hyperparameter
from rlkit.segmentation.hyperparameters import Hyperparameters, files, simulator
from rlkit.spaces import Classes


@dataclass(frozen=True)
class DetectionHyperparameters(Hyperparameters):
    """Every hyperparameter with its meaning; `--set KEY=VALUE` sets each."""

    select_by: str = hyperparameter(
        "ap", "Score that the best weights are selected by.", choices=("ap", "ap50", "drivable_iou", "mean_iou")
    )
    box_weight: float = hyperparameter(
        5.0, "Weight of the boxes' loss beside that of the centres.", "TTFNet: Liu et al. 2020", low=0.0, high=1e3
    )
    distance_weight: float = hyperparameter(
        1.0, "Weight of the loss of the logarithm of the distance, where distances are known.", low=0.0, high=1e3
    )
    pixel_weight: float = hyperparameter(
        1.0, "Weight of the loss of the classes of pixels, where they are known.", low=0.0, high=1e3
    )
    min_height: float = hyperparameter(
        4.0, "Objects lower than so many pixels of the network's input are neither learned nor validated.",
        low=0.0, high=1e4,
    )  # fmt: skip


def _preset(
    make: Callable[[Classes, int | None], Hyperparameters],
) -> Callable[[Classes | None, int | None], DetectionHyperparameters]:
    def preset(classes: Classes | None, pictures: int | None) -> DetectionHyperparameters:
        base = make(Classes(("other", "drivable"), ("drivable",)) if classes is None else classes, pictures)
        return DetectionHyperparameters(**{**dataclasses.asdict(base), "select_by": "ap"})

    return preset


PRESETS = {"simulator": _preset(simulator), "files": _preset(files)}

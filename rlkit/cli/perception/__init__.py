"""`rlkit perception`: find the drivable area in camera pictures; one file per verb."""

from typing import Any


def perception_verbs() -> dict[str, Any]:
    """What can be typed after `rlkit perception`."""
    from rlkit.cli.perception.dataset import Data
    from rlkit.cli.perception.evaluate import Evaluate
    from rlkit.cli.perception.export import Export
    from rlkit.cli.perception.hyperparameters import HyperparameterTable
    from rlkit.cli.perception.show import Show
    from rlkit.cli.perception.train import Train

    return {
        "train": Train,
        "evaluate": Evaluate,
        "show": Show,
        "export": Export,
        "data": Data,
        "recipe": HyperparameterTable,
    }

"""`rlkit perception`: segmentation networks for the drivable area; one file per command."""

from typing import Any


def perception_verbs() -> dict[str, Any]:
    """The commands of `rlkit perception`."""
    from rlkit.cli.perception.evaluate import Evaluate
    from rlkit.cli.perception.export import Export
    from rlkit.cli.perception.hyperparameters import HyperparameterTable
    from rlkit.cli.perception.make_dataset import MakeDataset
    from rlkit.cli.perception.predict import Predict
    from rlkit.cli.perception.train import Train

    return {
        "train": Train,
        "evaluate": Evaluate,
        "predict": Predict,
        "export": Export,
        "make-dataset": MakeDataset,
        "hyperparameters": HyperparameterTable,
    }

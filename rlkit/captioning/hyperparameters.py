"""Hyperparameters of the training of a captioner: those of a segmentation network, and what concerns sentences."""

import dataclasses
from dataclasses import dataclass

from rlkit.errors import UserError
from rlkit.hyperparameters import hyperparameter
from rlkit.segmentation.hyperparameters import Hyperparameters, files
from rlkit.spaces import Classes


@dataclass(frozen=True)
class CaptionHyperparameters(Hyperparameters):
    """Every hyperparameter with its meaning; `--set KEY=VALUE` sets each."""

    select_by: str = hyperparameter(
        "likelihood",
        "Score that the best weights are selected by: mean log-probability of a word, or share of right slots, which "
        "only data with a grammar have.",
        choices=("likelihood", "slots"),
    )
    freeze_encoder: bool = hyperparameter(
        False, "Train the decoder alone, on the encoder of --init.", "NIC: Vinyals et al. 2015"
    )
    pool: int = hyperparameter(
        0, "Training examples whose features are kept and drawn from, with a frozen encoder; 0 for new ones always.",
        low=0, high=1_000_000,
    )  # fmt: skip
    dropout: float = hyperparameter(
        0.0, "Share of the decoder's inputs and outputs that is dropped.", "Zaremba et al. 2014",
        low=0.0, high=0.9,
    )  # fmt: skip
    min_count: int = hyperparameter(
        1, "Least occurrences of a word of the vocabulary, where the data do not bring one.", "NIC: 5",
        low=1, high=1_000_000,
    )  # fmt: skip

    def check(self) -> None:
        """Check settings that depend on each other.

        Raises:
            UserError: They exclude each other.
        """
        super().check()
        if self.pool and not self.freeze_encoder:
            raise UserError(f"pool = {self.pool} keeps features, which change unless freeze_encoder = true")


def simulator(pictures: int | None) -> CaptionHyperparameters:
    """For rendered pictures: the encoder of a detector, which has seen all of them, and a decoder."""
    return CaptionHyperparameters(
        batch_size=64,
        learning_rate=2e-3,
        weight_decay=0.05,
        dropout=0.1,
        flip=0.0,
        bn_samples=0,
        select_by="slots",
        freeze_encoder=True,
    )


def photographs(pictures: int | None) -> CaptionHyperparameters:
    """For files: the encoder is trained too, on pictures that vary in light and colour; sides stay what they are."""
    base = files(Classes(("other", "drivable"), ("drivable",)), pictures)
    same = dataclasses.asdict(base) | {"select_by": "likelihood", "flip": 0.0, "scale_min": 1.0, "scale_max": 1.0}
    return CaptionHyperparameters(**same | {"batch_size": 32, "dropout": 0.3, "min_count": 5})


PRESETS = {"simulator": simulator, "files": photographs}

"""Comparing what a model tells apart with what a data set tells apart."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit.classes import IGNORED, Classes
from rlkit.errors import UserError
from rlkit.perception.pictures import Pixels

OTHER, DRIVABLE = "other", "drivable"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """How classes of a model and of data are compared.

    Args:
        classes: What is compared.
        of_data: (256,) uint8, from the data's class numbers to those that are compared.
        groups: (C, c) float32, which of the model's classes go into which that are compared; None for the same.
        notes: What a reader should know.
    """

    classes: Classes
    of_data: Pixels
    groups: Floats | None
    notes: tuple[str, ...] = ()

    @classmethod
    def between(cls, model: Classes, data: Classes, drivable_only: bool) -> "Comparison":
        """Compare class by class where both have the same ones, else, if asked for, drivable with other.

        Raises:
            UserError: They differ, and drivable alone was not asked for.
        """
        table = np.full(256, IGNORED, dtype=np.uint8)
        if not drivable_only:
            if set(model.names) != set(data.names):
                raise UserError(
                    f"The model tells apart {', '.join(model.names)}; the data {', '.join(data.names)}. Class by "
                    "class they cannot be compared; --drivable-only compares the drivable area "
                    f"({', '.join(model.drivable)} and {', '.join(data.drivable)}) with the rest."
                )
            table[: len(data)] = [model.names.index(name) for name in data.names]
            return cls(model, table, None)
        table[: len(data)] = data.drivable_mask
        groups = np.stack([~model.drivable_mask, model.drivable_mask], axis=1).astype(np.float32)
        note = (
            f"only the drivable area is compared: {', '.join(model.drivable)} of the model, "
            f"{', '.join(data.drivable)} of the data"
        )
        return cls(Classes((OTHER, DRIVABLE), (DRIVABLE,)), table, groups, (note,))

    def of_model(self, probabilities: Floats) -> Floats:
        """(N, C, H, W) probabilities of the model's classes -> (N, c, H, W) of those that are compared."""
        if self.groups is None:
            return probabilities
        grouped: Floats = np.einsum("nchw,cd->ndhw", probabilities, self.groups)
        return grouped

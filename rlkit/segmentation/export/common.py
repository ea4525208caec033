"""Common parts of the exports: writing the file, and comparing the exported model with the original."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.spaces import Pixels
from rlkit.utils.io import disk_errors, write_bytes

Floats = npt.NDArray[np.float32]

TOLERANCE = 1e-4  # of a probability
# Maxima of a pooling window that are equal up to rounding may have another index in another runtime, so that a few
# pixels around it differ.
MIN_EQUAL = 0.99  # fraction of pixels within the tolerance
MAX_BATCH = 1024  # images in a fixed batch
_BATCHES = (1, 3)  # batch sizes of the comparison; not the one it was traced with


@dataclass(frozen=True)
class Exported:
    """An exported file, and its comparison with the model; None where it was not compared.

    Args:
        path: Of the file.
        bytes: Size of the file.
        difference: Maximum absolute difference of a probability.
        equal: Fraction of pixels whose probabilities are within `TOLERANCE`.
        agreement: Fraction of pixels with the same predicted class.
        note: A remark; "" for none.
    """

    path: Path
    bytes: int
    difference: float | None
    equal: float | None
    agreement: float | None
    note: str = ""

    def __str__(self) -> str:
        if self.difference is None or self.equal is None or self.agreement is None:
            comparison = "not compared with the model"
        elif self.equal == 1.0:
            comparison = f"probabilities within {self.difference:.1e} of the model's"
        elif self.equal < MIN_EQUAL:
            comparison = f"{self.agreement:.2%} of pixels have the model's class"
        else:
            comparison = (
                f"probabilities of {self.equal:.3%} of pixels within {TOLERANCE:.0e} of the model's (all within "
                f"{self.difference:.1e}), {self.agreement:.2%} have the same class"
            )
        return f"{self.path}: {self.bytes / 1e6:.2f} MB, {comparison}{'. ' if self.note else ''}{self.note}"


def compare(
    model: SegmentationModel,
    out: Path,
    probabilities: Callable[[Floats], Floats],
    pictures: Pixels | None = None,
    min_equal: float = MIN_EQUAL,
    batch: int | None = None,
) -> Exported:
    """Compare the probabilities of the model and the exported file on the same images.

    Args:
        model: The original.
        out: The file; it is removed if the comparison fails.
        probabilities: Runs the file: (N, 3, H, W) float32 in [0, 1] -> (N, C, H, W).
        pictures: (N, H, W, 3) uint8; None for noise.
        min_equal: Fraction of pixels that must be within `TOLERANCE`.
        batch: The batch size of the file; None if it takes any.

    Raises:
        UserError: Fewer pixels are.
    """
    folded = SegmentationModel(model.network, model.card, model.device, fuse=True)
    differences, same_class = [], []
    for images in noise(model.card.size, batch) if pictures is None else [pictures]:
        ours, theirs = folded.probabilities(images), probabilities(as_input(images))
        differences.append(np.abs(ours - theirs).max(axis=1).ravel())
        same_class.append((ours.argmax(1) == theirs.argmax(1)).ravel())
    difference = np.concatenate(differences)
    equal = float((difference <= TOLERANCE).mean())
    if equal < min_equal:
        out.unlink()
        raise UserError(
            f"Probabilities of the exported model are within {TOLERANCE:.0e} of the model's for only {equal:.2%} of "
            f"pixels (largest difference {difference.max():.1e}), so {out} was removed.",
            exit_code=1,
        )
    agreement = float(np.concatenate(same_class).mean())
    return Exported(out, out.stat().st_size, float(difference.max()), equal, agreement)


def as_input(pictures: Pixels) -> Floats:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [0, 1], the input of every exported model."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def noise(size: tuple[int, int], batch: int | None) -> list[Pixels]:
    """Batches of random images for a comparison, of several sizes unless it is fixed."""
    generator = np.random.default_rng(0)
    return [
        generator.integers(0, 256, (count, *size, 3), dtype=np.uint8)
        for count in (_BATCHES if batch is None else (batch,))
    ]


def check_batch_size(batch: int | None) -> None:
    """Check a fixed batch size of an exported file.

    Raises:
        UserError: It is no number from 1 to `MAX_BATCH`.
    """
    if batch is not None and not 1 <= batch <= MAX_BATCH:
        raise UserError(f"--batch {batch}: expected a whole number from 1 to {MAX_BATCH}, or none for any batch size.")


def check_target(out: Path, suffix: str) -> None:
    """Check, before the work is done, that a file can be created.

    Raises:
        UserError: It exists already, its folder does not exist, or it has another suffix.
    """
    if out.suffix != suffix:
        raise UserError(f"--out {out}: expected a name that ends in {suffix} for this format.")
    if out.exists():
        raise UserError(f"--out {out}: it exists already; choose another name.", exit_code=1)
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.absolute().parent} does not exist.", exit_code=1)


def write_target(out: Path, content: bytes) -> None:
    """Write the file.

    Raises:
        UserError: It cannot be written, or has come to exist.
    """
    check_target(out, out.suffix)
    with disk_errors(str(out)):
        write_bytes(out, content)

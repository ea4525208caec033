"""What all exports share: the file to write, and the comparison of the exported model with the original."""

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
# Two maxima of a pooling window may be equal up to rounding, and another runtime then remembers the other place: with
# indices handed on, a few pixels around it differ although everything was computed right.
ENOUGH = 0.99  # share of pixels within the tolerance
_BATCHES = (1, 3)  # another number of pictures than it was traced with has to work too


@dataclass(frozen=True)
class Exported:
    """A file that was made.

    Args:
        path: Where it stands.
        bytes: Its size.
        difference: The largest difference of a probability from the model's own; None if it could not be compared.
        equal: Share of pixels whose probabilities are within `TOLERANCE`; None if it could not be compared.
        agreement: Share of pixels that get the same class as from the model; None if it could not be compared.
        note: What else has to be said; "" if nothing.
    """

    path: Path
    bytes: int
    difference: float | None
    equal: float | None
    agreement: float | None
    note: str = ""

    def __str__(self) -> str:
        if self.difference is None or self.equal is None or self.agreement is None:
            told = "not compared with the model"
        elif self.equal == 1.0:
            told = f"probabilities within {self.difference:.1e} of the model's"
        elif self.equal < ENOUGH:
            told = f"{self.agreement:.2%} of pixels get the model's class"
        else:
            told = (
                f"probabilities of {self.equal:.3%} of pixels within {TOLERANCE:.0e} of the model's (all within "
                f"{self.difference:.1e}), {self.agreement:.2%} get the same class"
            )
        return f"{self.path}: {self.bytes / 1e6:.2f} MB, {told}{'. ' if self.note else ''}{self.note}"


def checked(
    model: SegmentationModel,
    out: Path,
    probabilities: Callable[[Floats], Floats],
    pictures: Pixels | None = None,
    enough: float = ENOUGH,
) -> Exported:
    """Let the model and the file look at the same pictures.

    Args:
        model: What was exported.
        out: The file; it is removed if it says something else.
        probabilities: Runs the file: (N, 3, H, W) float32 from 0 to 1 -> (N, C, H, W).
        pictures: What to look at, (N, H, W, 3); None for noise.
        enough: Share of pixels that have to be within `TOLERANCE`.

    Raises:
        UserError: Fewer are.
    """
    folded = SegmentationModel(model.network, model.card, model.device, fuse=True)
    differences, alike = [], []
    for batch in _noise(model.card.size) if pictures is None else [pictures]:
        ours, theirs = folded.probabilities(batch), probabilities(as_input(batch))
        differences.append(np.abs(ours - theirs).max(axis=1).ravel())
        alike.append((ours.argmax(1) == theirs.argmax(1)).ravel())
    difference = np.concatenate(differences)
    equal = float((difference <= TOLERANCE).mean())
    if equal < enough:
        out.unlink()
        raise UserError(
            f"Probabilities of the exported model are within {TOLERANCE:.0e} of the model's own for {equal:.2%} of "
            f"pixels only (largest difference {difference.max():.1e}), so {out} was removed.",
            exit_code=1,
        )
    agreement = float(np.concatenate(alike).mean())
    return Exported(out, out.stat().st_size, float(difference.max()), equal, agreement)


def as_input(pictures: Pixels) -> Floats:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 from 0 to 1, as every exported model takes it."""
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32) / np.float32(255)


def _noise(size: tuple[int, int]) -> list[Pixels]:
    generator = np.random.default_rng(0)
    return [generator.integers(0, 256, (count, *size, 3), dtype=np.uint8) for count in _BATCHES]


def check_target(out: Path, suffix: str) -> None:
    """Find out before the work is done whether a file can be made.

    Raises:
        UserError: Something stands there, its folder does not exist, or its name ends otherwise.
    """
    if out.suffix != suffix:
        raise UserError(f"--out {out}: expected a name that ends in {suffix} for this format.")
    if out.exists():
        raise UserError(f"--out {out}: it exists already and is left as it is; choose another name.", exit_code=1)
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.absolute().parent} does not exist.", exit_code=1)


def write_target(out: Path, content: bytes) -> None:
    """Write the file.

    Raises:
        UserError: It cannot be written, or something else has come to stand there.
    """
    check_target(out, out.suffix)
    with disk_errors(str(out)):
        write_bytes(out, content)

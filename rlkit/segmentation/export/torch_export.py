"""Export to a `torch.export` program: one file that runs without rlkit."""

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from rlkit.errors import UserError, describe_error
from rlkit.perception.model import SegmentationModel
from rlkit.perception.networks.layers import fold_batch_norm
from rlkit.segmentation.export.common import Exported, Floats, check_batch_size, check_target, compare, write_target

SUFFIX = ".pt2"
CARD = "card.json"  # the model card's name inside the file
INPUT, OUTPUT = "pictures", "probabilities"


class Probabilities(nn.Module):
    """The exported module: a network with folded batch normalisation, followed by a softmax over the classes."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = fold_batch_norm(network).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) float in [0, 1] -> (B, C, H, W) probabilities."""
        scores: Tensor = self.network(pictures)
        # Explicit, because ONNX Runtime's softmax over a strided axis takes three times as long.
        shares = torch.exp(scores - scores.amax(1, keepdim=True))
        return shares / shares.sum(1, keepdim=True)


def export_torch(model: SegmentationModel, out: Path, batch: int | None = None) -> Exported:
    """Write a `torch.export` program; `torch.export.load(FILE).module()` is then a function of images.

    Its input is (N, 3, H, W) float32 in [0, 1], for the model's H and W and for any N or the one of `batch`, its output
    (N, C, H, W) float32 probabilities.

    Args:
        model: The model.
        out: The file to create, named *.pt2.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: The batch size is out of range, the file exists already or cannot be written, or the network cannot
            be exported.
    """
    check_target(out, SUFFIX)
    program = traced(model, batch)
    buffer = io.BytesIO()
    with quietly():
        torch.export.save(program, buffer, extra_files={CARD: json.dumps(model.card.to_json())})
    write_target(out, buffer.getvalue())
    with quietly():
        run = torch.export.load(out).module()

    def probabilities(pictures: Floats) -> Floats:
        with torch.no_grad():
            found: Floats = run(torch.from_numpy(pictures)).numpy()
        return found

    return compare(model, out, probabilities, batch=batch)


def traced(model: SegmentationModel, batch: int | None = None) -> torch.export.ExportedProgram:
    """Trace a model by `torch.export`.

    Args:
        model: The model.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: The batch size is out of range, or the network does something that `torch.export` does not support.
    """
    check_batch_size(batch)
    example = torch.zeros(2 if batch is None else batch, 3, *model.card.size)
    shapes = {INPUT: {0: torch.export.Dim("batch")}} if batch is None else None
    try:
        with quietly(), torch.no_grad():
            return torch.export.export(Probabilities(model.network), (example,), dynamic_shapes=shapes)
    except Exception as error:
        raise UserError(
            f"The network {model.card.network!r} cannot be exported: {describe_error(error)}", exit_code=1
        ) from error


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppress the exporters' warnings, log records and output."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)

"""Export of a detector to ONNX, with the decoding of its objects."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.errors import UserError, describe_error
from rlkit.perception.detector import Detector
from rlkit.perception.networks.centernet import CenterNetCompact
from rlkit.perception.networks.decoding import MOST_OBJECTS, decode
from rlkit.perception.networks.layers import fold_batch_norm
from rlkit.segmentation.export.common import as_input, check_batch_size, check_target, noise, write_target
from rlkit.segmentation.export.onnx_export import (
    EXTRA,
    OPSET,
    POOLING,
    SUFFIX,
    about,
    need,
    session_of,
)
from rlkit.segmentation.export.torch_export import INPUT, quietly

OUTPUTS = ("boxes", "labels", "scores", "distances", "probabilities")
SCORE_TOLERANCE, BOX_TOLERANCE = 1e-4, 0.05  # pixels
COMPARED = 5  # objects per picture that are compared: of equal scores any may come first


@dataclass(frozen=True)
class ExportedDetector:
    """An exported file, and its comparison with the detector; None where it was not compared.

    Args:
        path: Of the file.
        bytes: Size of the file.
        scores: Largest difference of the scores of the most certain objects.
        note: A remark.
    """

    path: Path
    bytes: int
    scores: float | None
    note: str

    def __str__(self) -> str:
        compared = "not compared with the detector"
        if self.scores is not None:
            compared = f"scores within {self.scores:.1e} of the detector's"
        return f"{self.path}: {self.bytes / 1e6:.2f} MB, {compared}. {self.note}"


class Decoded(nn.Module):
    """The exported module: a detector with folded batch normalisation and its decoding."""

    def __init__(self, network: nn.Module, size: tuple[int, int], has_classes: bool):
        super().__init__()
        self.network = fold_batch_norm(network).cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self._size = size
        self._has_classes = has_classes

    def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) float in [0, 1] -> boxes (B, k, 4), labels, scores, distances (B, k), probabilities."""
        output = self.network(pictures)
        found = decode(output, self._size, MOST_OBJECTS)
        if not self._has_classes:
            return tuple(found)
        shares = torch.exp(output.classes - output.classes.amax(1, keepdim=True))
        return (*found, shares / shares.sum(1, keepdim=True))


def export_onnx(detector: Detector, out: Path, batch: int | None = None) -> ExportedDetector:
    """Write an ONNX file, and compare it with the detector where ONNX Runtime is installed.

    Its input `pictures` is (N, 3, H, W) float32 in [0, 1], for the detector's H and W and for any N or the one of
    `batch`. Its outputs are `boxes` (N, k, 4) in pixels, `labels` (N, k) int64, `scores` and `distances` (N, k), sorted
    by score, and `probabilities` (N, C, H, W) of the classes of pixels where the detector has them. The metadata holds
    the card under `card`.

    Args:
        detector: The detector.
        out: The file to create, named *.onnx.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: A package is missing, the batch size is out of range, the file exists already or cannot be written,
            or the exported file differs from the detector.
    """
    check_target(out, SUFFIX)
    check_batch_size(batch)
    if not isinstance(detector.network, CenterNetCompact):
        raise UserError(f"{detector.card.network} cannot be exported: its second stage has no fixed form in ONNX.")
    write_target(out, _content(detector, batch))
    try:
        session = session_of(out.read_bytes())
    except ModuleNotFoundError:
        note = f"It was not compared, because ONNX Runtime is not installed ({EXTRA}). {about(batch)}"
        return ExportedDetector(out, out.stat().st_size, None, note)
    folded = Detector(detector.network, detector.card, fuse=True)
    largest = 0.0
    for images in noise(detector.card.size, batch):
        answers = dict(zip(OUTPUTS, session.run(None, {INPUT: as_input(images)}), strict=False))
        for n, ours in enumerate(folded.objects(images, 0.0, COMPARED)):
            scores = np.abs(ours.scores - answers["scores"][n, : len(ours)]).max(initial=0)
            boxes = np.abs(ours.boxes - answers["boxes"][n, : len(ours)]).max(initial=0)
            largest = max(largest, float(scores))
            if scores > SCORE_TOLERANCE or (boxes > BOX_TOLERANCE and scores > 0 and _distinct(ours.scores)):
                out.unlink()
                raise UserError(
                    f"Objects of the exported detector differ from the detector's (scores by {scores:.1e}, boxes by "
                    f"{boxes:.1e} pixels), so {out} was removed.",
                    exit_code=1,
                )
    return ExportedDetector(out, out.stat().st_size, largest, about(batch))


def _distinct(scores: npt.NDArray[np.float32]) -> bool:
    """Whether scores differ so much that rounding does not change their order."""
    return bool((-np.diff(scores) > 10 * SCORE_TOLERANCE).all())


def _content(detector: Detector, batch: int | None) -> bytes:
    need("onnx", "onnxscript")
    card = detector.card
    module = Decoded(detector.network, card.size, card.classes is not None).eval()
    example = torch.zeros(2 if batch is None else batch, 3, *card.size)
    shapes = {INPUT: {0: torch.export.Dim("batch")}} if batch is None else None
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(module, (example,), dynamic_shapes=shapes)
            exported = torch.onnx.export(
                program,
                input_names=[INPUT],
                output_names=list(OUTPUTS if card.classes is not None else OUTPUTS[:-1]),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
                custom_translation_table=POOLING,
            )
    except Exception as error:
        raise UserError(
            f"The network {card.network!r} cannot be exported: {describe_error(error)}", exit_code=1
        ) from error
    assert exported is not None
    proto = exported.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "card", json.dumps(card.to_json())
    content: bytes = proto.SerializeToString()
    return content

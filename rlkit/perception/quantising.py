"""Networks in 8-bit integers, by ONNX Runtime's static quantisation (Jacob et al. 2018)."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rlkit.errors import UserError
from rlkit.perception.export.checking import Exported, Floats, as_input, checked
from rlkit.perception.export.onnx_files import SUFFIX, need, onnx_bytes, run, session_of
from rlkit.perception.export.programs import INPUT, quietly
from rlkit.perception.export.targets import check_target, write_target
from rlkit.perception.model import SegmentationModel
from rlkit.perception.pictures import LabelledPictures, PictureSource, Pixels

CALIBRATION = 128  # pictures; 100 to 300 of all weathers settle the ranges
FEWEST = 8


def export_int8(model: SegmentationModel, out: Path, calibration: Pixels) -> Exported:
    """Write an ONNX file whose convolutions compute in 8-bit integers.

    Weights are signed, one scale per output channel; activations are unsigned, one scale per tensor. Both stand as
    QuantizeLinear and DequantizeLinear around each convolution, the form that most runtimes know. Everything that
    passes indices on stays in floats, since no runtime has an integer kernel for it. Input and output are those of
    `export_onnx`.

    Args:
        model: What to quantise.
        out: The file to make, named *.onnx.
        calibration: (N, H, W, 3) uint8, of the model's size: pictures as the network will see them, from which the
            ranges of its activations are found. The file is compared with the model on them, too.

    Raises:
        UserError: A package is missing, there are too few pictures or they are of another size, something stands there
            already, it cannot be written, or the network cannot be exported.
    """
    check_target(out, SUFFIX)
    write_target(out, int8_bytes(model, calibration))
    session = session_of(out.read_bytes())
    return checked(model, out, lambda pictures: run(session, pictures), calibration[:FEWEST], enough=0.0)


def int8_bytes(model: SegmentationModel, calibration: Pixels) -> bytes:
    """Make the content of such a file; arguments and errors as `export_int8`."""
    need("onnx", "onnxscript", "onnxruntime")
    height, width = model.card.size
    if calibration.shape[1:] != (height, width, 3) or len(calibration) < FEWEST:
        raise UserError(
            f"To find the ranges of 8-bit numbers at least {FEWEST} pictures of {height}×{width} pixels are needed, "
            f"not {len(calibration)} of {calibration.shape[1]}×{calibration.shape[2]}."
        )
    from onnxruntime.quantization import (  # type: ignore[import-untyped, unused-ignore]
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import (  # type: ignore[import-untyped, unused-ignore]
        quant_pre_process,
    )

    # These functions read and write files only.
    with tempfile.TemporaryDirectory() as folder, quietly():
        floats, prepared, integers = (Path(folder, f"{name}.onnx") for name in ("floats", "prepared", "integers"))
        floats.write_bytes(onnx_bytes(model))
        quant_pre_process(floats, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            integers,
            _Calibration(calibration),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,  # weights of 7 bits: products of 8 overflow on processors without VNNI
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return integers.read_bytes()


def calibration_pictures(source: PictureSource, generator: np.random.Generator, count: int = CALIBRATION) -> Pixels:
    """Take pictures that a network was, or could have been, trained on: (count, H, W, 3) uint8.

    Args:
        source: Where they come from.
        generator: Decides which.
        count: How many.
    """
    batches: Iterator[LabelledPictures] = source.training(min(16, count), generator)
    taken: list[Pixels] = []
    while sum(map(len, taken)) < count:
        taken.append(next(batches).images)
    return np.concatenate(taken)[:count]


class _Calibration:
    """Hands pictures to ONNX Runtime one by one, as its `CalibrationDataReader` wants them."""

    def __init__(self, pictures: Pixels):
        self._pictures = iter(pictures)

    def get_next(self) -> dict[str, Floats] | None:
        """Give the next picture as the network's input; None after the last."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT: as_input(picture[np.newaxis])}

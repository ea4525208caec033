"""Export to ONNX, in float32 or in int8 by static quantisation (Jacob et al. 2018)."""

import importlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.export.common import Exported, Floats, as_input, check_target, compare, write_target
from rlkit.segmentation.export.torch_export import INPUT, OUTPUT, quietly, traced
from rlkit.spaces import Pixels

SUFFIX = ".onnx"
OPSET = 18
EXTRA = 'pip install "rlkit-toolkit[export]"'

CALIBRATION = 128  # images
MIN_CALIBRATION = 8


def export_onnx(model: SegmentationModel, out: Path) -> Exported:
    """Write an ONNX file, and compare it with the model where ONNX Runtime is installed.

    Its input `pictures` is (N, 3, H, W) float32 in [0, 1], for any N and the model's H and W; its output
    `probabilities` is (N, C, H, W) float32. Unpooling is exported as ScatterElements, since runtimes disagree about
    MaxUnpool. The metadata holds the model's card under `card`.

    Args:
        model: The model.
        out: The file to create, named *.onnx.

    Raises:
        UserError: A package is missing, the file exists already or cannot be written, or the network cannot be
            exported.
    """
    check_target(out, SUFFIX)
    write_target(out, onnx_bytes(model))
    try:
        session = session_of(out.read_bytes())
    except ModuleNotFoundError:
        note = f"it was not compared, because ONNX Runtime is not installed ({EXTRA})"
        return Exported(out, out.stat().st_size, None, None, None, note)
    return compare(model, out, lambda pictures: run(session, pictures))


def onnx_bytes(model: SegmentationModel) -> bytes:
    """Return the content of an ONNX file.

    Raises:
        UserError: A package is missing, or the network cannot be exported.
    """
    need("onnx", "onnxscript")
    program = traced(model)
    with quietly():
        exported = torch.onnx.export(
            program,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            custom_translation_table={torch.ops.aten.max_pool2d_with_indices.default: _pool_with_indices},
        )
    assert exported is not None
    proto = exported.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "card", json.dumps(model.card.to_json())
    content: bytes = proto.SerializeToString()
    return content


def _pool_with_indices(
    x: Any,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    ceil_mode: bool = False,
) -> tuple[Any, Any]:
    """Translate torch's max pooling to ONNX's, whose indices count through the whole batch rather than each plane.

    The remainder turns them into torch's. The exporter's own translation pools the input a second time, which takes as
    long as the first.
    """
    from onnxscript import opset18

    def two(values: Sequence[int]) -> list[int]:
        return [values[0], values[-1]]

    indices: Any
    pooled, indices = opset18.MaxPool(
        x,
        kernel_shape=two(kernel_size),
        strides=two(stride or kernel_size),
        pads=two(padding) * 2,
        dilations=two(dilation),
        ceil_mode=int(ceil_mode),
    )
    pixels: Any = opset18.Constant(value_int=int(x.shape[-2] * x.shape[-1]))
    return pooled, opset18.Mod(indices, pixels)


def need(*packages: str) -> None:
    """Check that packages of the extra `export` are installed.

    Raises:
        UserError: One is missing.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise UserError(f"Export to ONNX needs the package {error.name!r}: {EXTRA}", exit_code=1) from error


def session_of(content: bytes, threads: int = 0) -> Any:
    """Open an ONNX model with ONNX Runtime on the CPU.

    Args:
        content: Of the file.
        threads: Number of threads; 0 for one per core.

    Raises:
        ModuleNotFoundError: ONNX Runtime is not installed.
    """
    import onnxruntime  # type: ignore[import-untyped, unused-ignore]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def run(session: Any, pictures: Floats) -> Floats:
    """(N, 3, H, W) float32 from 0 to 1 -> (N, C, H, W) float32 probabilities."""
    probabilities: Floats = session.run([OUTPUT], {INPUT: pictures})[0]
    return probabilities


def export_int8(model: SegmentationModel, out: Path, calibration: Pixels) -> Exported:
    """Write an ONNX file with convolutions in int8.

    Weights are signed with one scale per output channel, activations unsigned with one scale per tensor, as
    QuantizeLinear and DequantizeLinear around each convolution (QDQ). Pooling and unpooling with indices stay in
    float32. Input and output are those of `export_onnx`.

    Args:
        model: The model.
        out: The file to create, named *.onnx.
        calibration: (N, H, W, 3) uint8, of the model's size: representative images, for the ranges of the activations
            and for the comparison with the model.

    Raises:
        UserError: A package is missing, there are too few images or they have another size, the file exists already or
            cannot be written, or the network cannot be exported.
    """
    check_target(out, SUFFIX)
    write_target(out, int8_bytes(model, calibration))
    session = session_of(out.read_bytes())
    return compare(model, out, lambda pictures: run(session, pictures), calibration[:MIN_CALIBRATION], min_equal=0.0)


def int8_bytes(model: SegmentationModel, calibration: Pixels) -> bytes:
    """Return the content of an int8 ONNX file; arguments and errors as in `export_int8`."""
    need("onnx", "onnxscript", "onnxruntime")
    height, width = model.card.size
    if calibration.shape[1:] != (height, width, 3) or len(calibration) < MIN_CALIBRATION:
        raise UserError(
            f"Quantisation needs at least {MIN_CALIBRATION} calibration images of {height}×{width} pixels, "
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

    # These functions work on files only.
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


def calibration_images(source: Dataset, generator: np.random.Generator, count: int = CALIBRATION) -> Pixels:
    """Return training images, (count, H, W, 3) uint8.

    Args:
        source: The data set.
        generator: Selects them.
        count: Number of images.
    """
    batches: Iterator[LabelledImages] = source.training(min(16, count), generator)
    taken: list[Pixels] = []
    while sum(map(len, taken)) < count:
        taken.append(next(batches).images)
    return np.concatenate(taken)[:count]


class _Calibration:
    """ONNX Runtime's `CalibrationDataReader` over images."""

    def __init__(self, pictures: Pixels):
        self._pictures = iter(pictures)

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next image as the network's input; None after the last."""
        picture = next(self._pictures, None)
        return None if picture is None else {INPUT: as_input(picture[np.newaxis])}

"""Export to ONNX, in float32 or in int8 by static quantisation (Jacob et al. 2018)."""

import importlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
from rlkit.utils.io import disk_errors

SUFFIX = ".onnx"
OPSET = 18
TESTED = "ONNX Runtime and the reference evaluator of the onnx package"
EXTRA = 'pip install "rlkit-toolkit[export]"'

CALIBRATION = 128  # images
MIN_CALIBRATION = 8


def export_onnx(model: SegmentationModel, out: Path, batch: int | None = None) -> Exported:
    """Write an ONNX file, and compare it with the model where ONNX Runtime is installed.

    Its input `pictures` is (N, 3, H, W) float32 in [0, 1], for the model's H and W and for any N or the one of `batch`;
    its output `probabilities` is (N, C, H, W) float32. With a fixed batch all shapes in the file are numbers, which
    runtimes need that take no symbolic shapes. Unpooling is exported as ScatterElements, since runtimes disagree about
    MaxUnpool. The metadata holds the model's card under `card`.

    Args:
        model: The model.
        out: The file to create, named *.onnx.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: A package is missing, the batch size is out of range, the file exists already or cannot be written,
            or the network cannot be exported.
    """
    check_target(out, SUFFIX)
    write_target(out, onnx_bytes(model, batch))
    try:
        session = session_of(out.read_bytes())
    except ModuleNotFoundError:
        note = f"It was not compared, because ONNX Runtime is not installed ({EXTRA}). {about(batch)}"
        return Exported(out, out.stat().st_size, None, None, None, note)
    return replace(compare(model, out, lambda pictures: run(session, pictures), batch=batch), note=about(batch))


def about(batch: int | None) -> str:
    """What a runtime must know of an exported file, and which runtimes were tested."""
    shape = "any batch size" if batch is None else f"a batch of {batch} (all shapes are fixed)"
    return f"ONNX opset {OPSET}, {shape}, tested with {TESTED}"


def onnx_bytes(model: SegmentationModel, batch: int | None = None) -> bytes:
    """Return the content of an ONNX file.

    Args:
        model: The model.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: A package is missing, the batch size is out of range, or the network cannot be exported.
    """
    need("onnx", "onnxscript")
    program = traced(model, batch)
    with quietly():
        exported = torch.onnx.export(
            program,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            custom_translation_table=POOLING,
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


POOLING: dict[Any, Any] = {torch.ops.aten.max_pool2d_with_indices.default: _pool_with_indices}
"""Translations for `torch.onnx.export` of networks that pool with indices."""


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
    """(N, 3, H, W) float32 from 0 to 1 -> (N, C, H, W) float32 probabilities; in parts where the batch is fixed."""
    batch = session.get_inputs()[0].shape[0]
    size = batch if isinstance(batch, int) else len(pictures)
    parts = [session.run([OUTPUT], {INPUT: part})[0] for part in _batches(pictures, size)]
    probabilities: Floats = np.concatenate(parts)[: len(pictures)]
    return probabilities


def _batches(pictures: Floats, size: int) -> Iterator[Floats]:
    """Full batches; the last one is filled up with its last picture."""
    for first in range(0, len(pictures), size):
        part = pictures[first : first + size]
        yield np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)]) if len(part) < size else part


def export_int8(model: SegmentationModel, out: Path, calibration: Pixels, batch: int | None = None) -> Exported:
    """Write an ONNX file with convolutions in int8.

    Weights are signed with one scale per output channel, activations unsigned with one scale per tensor, as
    QuantizeLinear and DequantizeLinear around each convolution (QDQ). Pooling and unpooling with indices stay in
    float32. Input and output are those of `export_onnx`.

    Args:
        model: The model.
        out: The file to create, named *.onnx.
        calibration: (N, H, W, 3) uint8, of the model's size: representative images, for the ranges of the activations
            and for the comparison with the model.
        batch: Fixed batch size; None for any.

    Raises:
        UserError: A package is missing, there are too few images or they have another size, the batch size is out of
            range, the file exists already or cannot be written, or the network cannot be exported.
    """
    check_target(out, SUFFIX)
    write_target(out, int8_bytes(model, calibration, batch))
    session = session_of(out.read_bytes())
    sample = calibration[:MIN_CALIBRATION]
    made = compare(model, out, lambda pictures: run(session, pictures), sample, min_equal=0.0)
    return replace(made, note=about(batch))


def int8_bytes(model: SegmentationModel, calibration: Pixels, batch: int | None = None) -> bytes:
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
    with disk_errors(tempfile.gettempdir()), tempfile.TemporaryDirectory() as folder, quietly():
        floats, prepared, integers = (Path(folder, f"{name}.onnx") for name in ("floats", "prepared", "integers"))
        floats.write_bytes(onnx_bytes(model, batch))
        quant_pre_process(floats, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            integers,
            _Calibration(calibration, batch or 1),
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

    def __init__(self, pictures: Pixels, batch: int):
        whole = pictures[: max(batch, len(pictures) // batch * batch)]  # no picture counts twice
        self._batches = _batches(as_input(whole), batch)

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next batch as the network's input; None after the last."""
        pictures = next(self._batches, None)
        return None if pictures is None else {INPUT: pictures}

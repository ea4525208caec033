"""A model as ONNX, for any of the runtimes that read it."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rlkit.errors import UserError
from rlkit.perception.export.checking import Exported, Floats, checked
from rlkit.perception.export.programs import INPUT, OUTPUT, quietly, traced
from rlkit.perception.export.targets import check_target, write_target
from rlkit.perception.model import SegmentationModel

SUFFIX = ".onnx"
OPSET = 18
EXTRA = 'pip install "rlkit-toolkit[export]"'


def export_onnx(model: SegmentationModel, out: Path) -> Exported:
    """Write an ONNX file, and compare it with the model where ONNX Runtime is installed.

    Its input `pictures` is (N, 3, H, W) float32 from 0 to 1, any N and the H and W that the model was trained on; its
    output `probabilities` is (N, C, H, W) float32. Un-pooling is a ScatterElements, since the runtimes disagree about
    MaxUnpool. The model's card stands in the metadata under `card`.

    Args:
        model: What to export.
        out: The file to make, named *.onnx.

    Raises:
        UserError: A package is missing, something stands there already, it cannot be written, or the network cannot
            be exported.
    """
    check_target(out, SUFFIX)
    write_target(out, onnx_bytes(model))
    try:
        session = session_of(out.read_bytes())
    except ModuleNotFoundError:
        note = f"ONNX Runtime is not installed, so nothing was compared ({EXTRA})"
        return Exported(out, out.stat().st_size, None, None, None, note)
    return checked(model, out, lambda pictures: run(session, pictures))


def onnx_bytes(model: SegmentationModel) -> bytes:
    """Make the content of an ONNX file.

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
    """Write torch's max-pooling as ONNX's, whose indices count through all planes of a batch and not through each.

    The remainder makes them torch's, and leaves those of a runtime that counts as torch does as they are. The
    exporter's own way is a second pooling of the whole input, which takes as long as the first.
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
    """Make sure that packages of the extra `export` are there.

    Raises:
        UserError: One is missing.
    """
    for package in packages:
        try:
            importlib.import_module(package)
        except ModuleNotFoundError as error:
            raise UserError(f"Export to ONNX needs the package {error.name!r}: {EXTRA}", exit_code=1) from error


def session_of(content: bytes, threads: int = 0) -> Any:
    """Open an ONNX model with ONNX Runtime on the processor.

    Args:
        content: Of the file.
        threads: How many it may use; 0 for as many as there are cores.

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

"""`rlkit perception export`: convert a model to ONNX or torch.export."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, unset
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.perception.model import SegmentationModel
    from rlkit.segmentation.export.common import Exported
    from rlkit.spaces import Pixels

INT8 = "onnx-int8"
SUFFIXES = {"onnx": ".onnx", INT8: ".onnx", "torch": ".pt2"}


@dataclass(frozen=True)
class Export:
    """Convert a model to a file that runs without rlkit, and compare the outputs.

    Input: images (N, 3, H, W), floats from 0 to 1, any N unless --batch fixes it. Output: class
    probabilities (N, C, H, W); of a detector also boxes (N, k, 4) with labels, scores and distances.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """A perception run, a .safetensors file, or pretrained:NAME."""
    format: Literal["onnx", "onnx-int8", "torch"] = "onnx"
    """ONNX, ONNX with convolutions in 8-bit integers, or a torch.export program."""
    out: Annotated[Path | None, unset("FILE")] = None
    """The file to write (named after the model if not given); nothing is overwritten."""
    batch: Annotated[int | None, unset("N")] = None
    """Fix the batch size, and with it all shapes, for runtimes that take no symbolic ones (any size if not given)."""
    data: str = "sim"
    """For onnx-int8, the calibration images: sim, env:ID, or a folder."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment of these images."""
    calibration: Annotated[int | None, unset("N")] = None
    """Number of calibration images (128 if not given)."""
    seed: int = 0
    """Seed of the calibration images."""
    network: Annotated[str | None, unset("my_package:MyNet")] = None
    """The network's class if it is not one of rlkit's; naming it allows its import."""

    def run(self) -> None:
        """Write the file, and print the difference of the outputs."""
        if self.format != INT8 and (self.calibration is not None or self.env_kwargs):
            raise UserError(f"--calibration and --env-kwargs belong to --format {INT8}; {self.format} needs no images.")
        if self.calibration is not None and self.calibration < 8:
            raise UserError(f"--calibration {self.calibration}: expected a whole number of at least 8")
        from rlkit.perception.model import find_model, load_model
        from rlkit.perception.model_card import is_captioner, is_detector, read_model_card
        from rlkit.segmentation.export.common import check_batch_size, check_target

        check_batch_size(self.batch)
        path = find_model(self.model)
        if is_detector(path):
            self._export_detector(path)
            return
        if is_captioner(path):
            raise UserError("A captioner is not exported: its words are found by a search, which no such file holds.")
        card = read_model_card(path)
        out = self.out or Path(
            f"{card.network.rpartition(':')[2]}{'-int8' * (self.format == INT8)}{SUFFIXES[self.format]}"
        )
        check_target(out, SUFFIXES[self.format])
        print_line(self._export(load_model(path, network=self.network), out))

    def _export_detector(self, path: Path) -> None:
        if self.format != "onnx" or self.network is not None:
            raise UserError(f"A detector is exported to onnx, without --network; not to {self.format}.")
        from rlkit.detection.export import export_onnx
        from rlkit.perception.detector import load_detector

        detector = load_detector(path, fuse=False)
        print_line(export_onnx(detector, self.out or Path(f"{detector.card.network}.onnx"), self.batch))

    def _export(self, model: "SegmentationModel", out: Path) -> "Exported":
        if self.format == "torch":
            from rlkit.segmentation.export.torch_export import export_torch

            return export_torch(model, out, self.batch)
        from rlkit.segmentation.export.onnx_export import export_onnx, need

        if self.format == "onnx":
            return export_onnx(model, out, self.batch)
        need("onnx", "onnxscript", "onnxruntime")
        from rlkit.segmentation.export.onnx_export import export_int8

        return export_int8(model, out, self._pictures(model), self.batch)

    def _pictures(self, model: "SegmentationModel") -> "Pixels":
        import numpy as np

        from rlkit.segmentation.datasets import open_dataset
        from rlkit.segmentation.export.onnx_export import CALIBRATION, calibration_images

        kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        source = open_dataset(self.data, size=model.card.size, seed=self.seed, env_kwargs=kwargs)
        return calibration_images(source, np.random.default_rng(self.seed), self.calibration or CALIBRATION)

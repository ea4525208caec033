"""A segmentation model: find its file, load it, predict classes, probabilities and uncertainty of images, save it.

A model is named by the folder of a perception run, a .safetensors file, or `pretrained:NAME` for weights that ship with
rlkit.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.nn.utils import misfit
from rlkit.perception.config import PRETRAINED
from rlkit.perception.model_card import FORMAT, ModelCard, read_model_card
from rlkit.perception.networks import build_network
from rlkit.perception.networks.layers import fold_batch_norm
from rlkit.perception.uncertainty import Uncertainty, has_dropout, measure_uncertainty
from rlkit.spaces import Classes, Pixels
from rlkit.utils.io import disk_errors, sort_header, write_bytes
from rlkit.utils.jit import kernel
from rlkit.utils.parsing import did_you_mean

WEIGHTS = Path(__file__).with_name("weights")
BEST = Path("best", "model.safetensors")  # the model with the best validation score, within a run folder

KERNEL_MAX_THREADS = 4  # up to this many torch threads the single-threaded argmax kernel is faster than torch's
MAX_PIXELS = 2**18  # per forward pass, 21 images of 96×128; keeps activations below 32 MB for 16 channels

Precision = Literal["float32", "bfloat16"]
M = TypeVar("M", bound=nn.Module)


def pretrained_names() -> list[str]:
    """List the models that ship, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def find_model(what: str | Path) -> Path:
    """Find the file of a model, without reading it.

    Args:
        what: The folder of a perception run, a .safetensors file, or `pretrained:NAME`.

    Returns:
        The safetensors file.

    Raises:
        UserError: There is no such model.
    """
    if str(what).startswith(PRETRAINED):
        return _pretrained(str(what).removeprefix(PRETRAINED))
    path = Path(what).expanduser()
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise UserError(f"{path} is no model: expected a .safetensors file, or the folder of a perception run.")
        return path
    hint = f" For weights that ship write {PRETRAINED}{what}." if str(what) in pretrained_names() else ""
    raise UserError(
        f"There is neither a perception run nor a model at {what}.{hint} Expected the folder of a perception run, "
        f"a .safetensors file, or {PRETRAINED}NAME{_shipped()}."
    )


def _pretrained(name: str) -> Path:
    names = pretrained_names()
    if name not in names:
        raise UserError(f"No model called {name!r} ships with rlkit.{did_you_mean(name, names)} There is{_shipped()}.")
    return WEIGHTS / f"{name}.safetensors"


def _in_folder(folder: Path) -> Path:
    if (folder / BEST).is_file():
        return folder / BEST
    if (folder / "config.json").is_file():
        raise UserError(
            f"The run in {folder} has no {BEST}: either it is no perception run, or its training stopped before "
            "the first model was chosen.",
            exit_code=1,
        )
    files = sorted(path.name for path in folder.glob("*.safetensors"))
    hint = f" Name one of its files: {', '.join(files[:5])}." if files else ""
    raise UserError(f"{folder} is no perception run: it has no {BEST}.{hint}")


def _shipped() -> str:
    return f" ({', '.join(pretrained_names()) or 'none in this installation'})"


def predicted_classes(scores: Tensor) -> Pixels:
    """Argmax over the classes; the first one on ties.

    On a CPU a compiled kernel is 3 to 6 times as fast as `torch.max`.

    Args:
        scores: (B, C, H, W) float32 without NaNs, C <= 255; fastest in channels-last layout.

    Returns:
        (B, H, W) uint8.
    """
    if scores.device.type != "cpu" or torch.get_num_threads() > KERNEL_MAX_THREADS:
        classes: Pixels = scores.max(1).indices.to(torch.uint8).cpu().numpy()
        return classes
    classes = np.empty((scores.shape[0], *scores.shape[2:]), dtype=np.uint8)
    _argmax(scores.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).numpy(), classes)
    return classes


@kernel
def _argmax(scores: npt.NDArray[np.float32], classes: Pixels) -> None:
    """Write the argmax of the last axis of `scores`, (B, H, W, C), to `classes`, (B, H, W)."""
    images, height, width, channels = scores.shape
    for image in range(images):
        for row in range(height):
            for column in range(width):
                largest, index = scores[image, row, column, 0], 0
                for c in range(1, channels):
                    if scores[image, row, column, c] > largest:
                        largest, index = scores[image, row, column, c], c
                classes[image, row, column] = index


class SegmentationModel:
    """A segmentation network with its model card, in evaluation mode.

    Args:
        network: (B, 3, H, W) float in [0, 1] -> (B, C, H, W) logits.
        card: Its classes, image size and training.
        device: torch device of the network.
        fuse: Run a copy with batch normalisation folded into the convolutions: faster and equal up to rounding. Later
            changes to `network` have no effect on that copy.
        precision: Of weights and activations; bfloat16 (also in a copy) is faster on CPUs that support it.
    """

    def __init__(
        self,
        network: nn.Module,
        card: ModelCard,
        device: str = "cpu",
        *,
        fuse: bool = False,
        precision: Precision = "float32",
    ):
        self.network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.card = card
        self.device = device
        self.precision = precision
        self._network = for_inference(self.network, fuse=fuse, precision=precision)

    @property
    def classes(self) -> Classes:
        """Names of the network's output channels."""
        return self.card.classes

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def has_dropout(self) -> bool:
        """Whether Monte-Carlo dropout applies; see `sampled`."""
        return has_dropout(self.network)

    @torch.inference_mode()
    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Class probabilities of every pixel.

        Args:
            images: (N, H, W, 3) uint8.

        Returns:
            (N, C, H, W) float32.
        """
        return _concatenated(self._scores(part).softmax(1) for part in self._parts(images))

    @torch.inference_mode()
    def drivable(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probability that a pixel is drivable: (N, H, W, 3) uint8 -> (N, H, W) float32."""
        numbers = torch.from_numpy(np.flatnonzero(self.classes.drivable_mask)).to(self.device)
        return _concatenated(self._scores(part).softmax(1)[:, numbers].sum(1) for part in self._parts(images))

    @torch.inference_mode()
    def labels(self, images: Pixels) -> Pixels:
        """Most probable class of every pixel: (N, H, W, 3) uint8 -> (N, H, W) uint8."""
        classes = [predicted_classes(self._scores(part)) for part in self._parts(images)]
        return classes[0] if len(classes) == 1 else np.concatenate(classes)

    def uncertainty(
        self, images: Pixels, samples: int = 10, generator: torch.Generator | None = None
    ) -> npt.NDArray[np.float32]:
        """Predictive entropy of every pixel divided by its maximum, log C: 0 (certain) to 1.

        Args:
            images: (N, H, W, 3) uint8.
            samples: Forward passes with dropout; one pass for a network without dropout.
            generator: Random numbers of dropout, on the model's device; None for a fixed seed.

        Returns:
            (N, H, W) float32.
        """
        return self.sampled(images, samples, generator).entropy

    def sampled(self, images: Pixels, samples: int = 10, generator: torch.Generator | None = None) -> Uncertainty:
        """Monte-Carlo dropout: mean probabilities and their uncertainty; arguments as in `uncertainty`."""
        if generator is None:
            generator = torch.Generator(self.device)
            generator.manual_seed(0)
        parts = [
            measure_uncertainty(self._scores, part, samples, generator, self._network) for part in self._parts(images)
        ]
        return parts[0] if len(parts) == 1 else Uncertainty.joined(parts)

    def _parts(self, images: Pixels) -> Iterator[torch.Tensor]:
        return input_parts(images, self.device)

    def _scores(self, images: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self._network(images.to(getattr(torch, self.precision)))
        return scores.float()

    def save(self, path: Path) -> None:
        """Write one safetensors file, atomically, with the card in its header.

        Raises:
            UserError: It cannot be written.
        """
        save_weights(path, self.network, FORMAT, self.card.to_json())


def for_inference(network: M, *, fuse: bool, precision: Precision) -> M:
    """The network itself, or a copy of it as `SegmentationModel` describes; in channels-last memory layout."""
    prepared = fold_batch_norm(network) if fuse else network
    if precision != "float32":
        prepared = (prepared if fuse else copy.deepcopy(prepared)).to(getattr(torch, precision))
    if prepared is not network:
        prepared.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return prepared


def save_weights(path: Path, network: nn.Module, file_format: str, card: dict[str, Any]) -> None:
    """Write one safetensors file, atomically, with a card in its header.

    Raises:
        UserError: It cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with disk_errors(str(path)):
        content = to_bytes(tensors, {"format": file_format, "card": json.dumps(card)})
        write_bytes(path, sort_header(content))


def input_parts(images: Pixels, device: str) -> Iterator[torch.Tensor]:
    """Yield network inputs of at most `MAX_PIXELS` pixels each, of (N, H, W, 3) uint8."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(f"images must be (N, H, W, 3) uint8, not {images.shape} {images.dtype}")
    images = np.require(images, requirements=("C", "W"))  # torch warns about read-only arrays
    count = max(1, MAX_PIXELS // max(1, images.shape[1] * images.shape[2]))
    for start in range(0, max(1, len(images)), count):
        yield as_floats(torch.from_numpy(images[start : start + count]).to(device))


def as_floats(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) float32 in [0, 1], in channels-last memory layout."""
    return images.permute(0, 3, 1, 2).float().div_(255.0)


def load_model(
    path: Path,
    *,
    device: str = "cpu",
    network: str | None = None,
    fuse: bool = True,
    precision: Precision = "float32",
) -> SegmentationModel:
    """Load a model from its file.

    Args:
        path: Its safetensors file.
        device: torch device of the network.
        network: The network named in the file, as typed by the user. `my_package:MyNet` is imported only if given
            here: a file alone cannot make rlkit import code.
        fuse: As in `SegmentationModel`.
        precision: As in `SegmentationModel`.

    Raises:
        UserError: The file is missing or damaged, names another network than `network`, or its weights do not fit.
    """
    card = read_model_card(path)
    if network not in (None, card.network):
        raise UserError(f"{network}: the network of {path} is {card.network!r}; name that one, or leave --network out")
    built = build_network(card.network, len(card.classes), allow_code=network is not None)
    load_weights(path, built, card.network)
    return SegmentationModel(built, card, device, fuse=fuse, precision=precision)


def load_weights(path: Path, network: nn.Module, name: str, known: Mapping[str, Tensor] | None = None) -> None:
    """Load the weights of a file into a network of the same form.

    Args:
        path: A safetensors file.
        network: Changed in place.
        name: Of the network, for messages.
        known: Weights that the file lacks.

    Raises:
        UserError: The file is damaged, or its weights do not fit or are not finite.
    """
    expected = network.state_dict()
    try:
        tensors = {**(known or {}), **load_file(path)}
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error
    difference = misfit(tensors, expected)
    if difference:
        raise UserError(f"The weights in {path} do not fit the network {name!r}: {difference}.", exit_code=1)
    # Weights may be stored at half precision to save space.
    network.load_state_dict({key: tensor.to(expected[key].dtype) for key, tensor in tensors.items()})
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise UserError(f"The weights in {path} are not all finite: its training diverged.", exit_code=1)


def _concatenated(parts: Iterator[torch.Tensor]) -> npt.NDArray[np.float32]:
    arrays: list[npt.NDArray[np.float32]] = [part.cpu().numpy() for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

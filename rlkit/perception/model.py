"""A segmentation network with everything that is needed to use it, in one file on disk; how it is found and applied.

A model is named by the folder of a run, by a file, or as `pretrained:NAME` for weights that ship with rlkit.
"""

import copy
import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialised
from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.perception.networks import build_network
from rlkit.perception.networks.layers import folded
from rlkit.perception.uncertainty import Uncertainty, has_dropout, measure_uncertainty
from rlkit.spaces import Classes, Pixels
from rlkit.utils import paths
from rlkit.utils.io import disk_errors, write_bytes
from rlkit.utils.jit import kernel
from rlkit.utils.parsing import did_you_mean
from rlkit.utils.terminal import check_texts

WEIGHTS = Path(__file__).with_name("weights")
PRETRAINED = "pretrained:"
BEST = Path("best", "model.safetensors")  # where a perception run keeps what everything else loads

FEW_THREADS = 4  # up to so many of torch's the kernel, which runs in one, is the quicker

FORMAT = "rlkit-segmentation-1"
# Of all pictures of a batch; 21 of 96×128. What a SegNet of 16 channels holds at once then fits the memory that is kept
# (`_keep_freed_memory`); with 32 the page faults of a batch can cost a third of its time.
PIXELS_AT_ONCE = 2**18

LARGEST_SIDE = 4096  # pixels of the pictures that a model was trained on

Precision = Literal["float32", "bfloat16"]


def pretrained_names() -> list[str]:
    """List the models that ship, sorted."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def find_model(what: str | Path) -> Path:
    """Find the weights' file of a model; what is in it is for `load_model` to judge.

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
        f"There is no perception run and no model at {what}.{hint} Expected the folder of a perception run, "
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
    """Find the class with the largest score, the first one where several are equal.

    On a processor a kernel does it: torch's own `max` takes three to six times as long, about 0.3 ms for 96×128 pixels
    of nine classes in one thread, and writes indices of eight bytes.

    Args:
        scores: (B, C, H, W) float32 without NaNs; C is at most 255. Channels-last is the quickest.

    Returns:
        (B, H, W) uint8.
    """
    if scores.device.type != "cpu" or torch.get_num_threads() > FEW_THREADS:
        found: Pixels = scores.max(1).indices.to(torch.uint8).cpu().numpy()
        return found
    found = np.empty((scores.shape[0], *scores.shape[2:]), dtype=np.uint8)
    _take_largest(scores.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).numpy(), found)
    return found


@kernel
def _take_largest(scores: npt.NDArray[np.float32], found: Pixels) -> None:
    """Write the place of the largest of the last axis of (B, H, W, C) to (B, H, W)."""
    pictures, height, width, classes = scores.shape
    for picture in range(pictures):
        for row in range(height):
            for column in range(width):
                largest, place = scores[picture, row, column, 0], 0
                for c in range(1, classes):
                    if scores[picture, row, column, c] > largest:
                        largest, place = scores[picture, row, column, c], c
                found[picture, row, column] = place


@dataclass(frozen=True)
class ModelCard:
    """What a model is and where it comes from; it travels in the header of the weights' file.

    Args:
        network: A name of `networks.NETWORKS`, or `my_package:MyNet`.
        classes: What its output means.
        size: Height and width of the pictures it was trained on.
        trained: How: data, steps, seed, versions; for people and for `rlkit perception evaluate`.
    """

    network: str
    classes: Classes
    size: tuple[int, int]
    trained: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes."""
        return dataclasses.asdict(self) | {"classes": self.classes.to_json(), "trained": dict(self.trained)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            ValueError: The tree is not of that form.
            UserError: The classes are not.
        """
        if not isinstance(tree, Mapping) or not isinstance(tree.get("network"), str):
            raise ValueError("it names no network")
        size, trained = tree.get("size"), tree.get("trained")
        if not isinstance(size, list) or [type(side) for side in size] != [int, int]:
            raise ValueError(f"the size {size!r} is not a height and a width")
        if not all(1 <= side <= LARGEST_SIDE for side in size):
            raise ValueError(f"the size {size!r} is not from 1 to {LARGEST_SIDE} pixels")
        if not isinstance(trained, Mapping):
            raise ValueError("it does not say how the model was trained")
        return cls(tree["network"], Classes.from_json(tree.get("classes")), (size[0], size[1]), trained)


class SegmentationModel:
    """Finds the class of every pixel of camera pictures.

    Args:
        network: Takes (B, 3, H, W) floats from 0 to 1 and gives (B, C, H, W) logits. It is put in evaluation mode.
        card: What it is.
        device: Where it computes.
        fuse: Whether to compute with a copy whose batch normalisation is folded into the convolutions: quicker, equal
            up to rounding, and blind to what is done to `network` afterwards.
        precision: What it computes with; bfloat16 (again in a copy) is quicker where the processor has it.
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
        self._network = self.network
        if fuse:
            self._network = folded(self._network)
        if precision != "float32":
            copied = self._network if fuse else copy.deepcopy(self._network)
            self._network = copied.to(getattr(torch, precision))
        if self._network is not self.network:
            self._network.to(memory_format=torch.channels_last)
        _keep_freed_memory()

    @property
    def classes(self) -> Classes:
        """What its output means."""
        return self.card.classes

    @property
    def parameters(self) -> int:
        """Number of trained numbers."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def has_dropout(self) -> bool:
        """Whether its answers can be sampled; see `sampled`."""
        return has_dropout(self.network)

    @torch.inference_mode()
    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """How likely each class is at each pixel.

        Args:
            images: (N, H, W, 3) uint8.

        Returns:
            (N, C, H, W) float32.
        """
        return _joined(self._scores(part).softmax(1) for part in self._parts(images))

    @torch.inference_mode()
    def drivable(self, images: Pixels) -> npt.NDArray[np.float32]:
        """How likely each pixel can be driven on: (N, H, W, 3) uint8 -> (N, H, W) float32."""
        numbers = torch.from_numpy(np.flatnonzero(self.classes.drivable_mask)).to(self.device)
        return _joined(self._scores(part).softmax(1)[:, numbers].sum(1) for part in self._parts(images))

    @torch.inference_mode()
    def labels(self, images: Pixels) -> Pixels:
        """The likeliest class of each pixel: (N, H, W, 3) uint8 -> (N, H, W) uint8."""
        found = [predicted_classes(self._scores(part)) for part in self._parts(images)]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def uncertainty(
        self, images: Pixels, samples: int = 10, generator: torch.Generator | None = None
    ) -> npt.NDArray[np.float32]:
        """How unsure it is of each pixel: predictive entropy in shares of the largest possible, 0 to 1.

        Args:
            images: (N, H, W, 3) uint8.
            samples: How many answers with dropout; a network without dropout answers once.
            generator: What dropout draws from; without one, the same draws each time.

        Returns:
            (N, H, W) float32.
        """
        return self.sampled(images, samples, generator).entropy

    def sampled(self, images: Pixels, samples: int = 10, generator: torch.Generator | None = None) -> Uncertainty:
        """Mean probabilities of several answers with dropout, and how far these differ; arguments as `uncertainty`."""
        if generator is None:
            generator = torch.Generator(self.device)
            generator.manual_seed(0)
        parts = [
            measure_uncertainty(self._scores, part, samples, generator, self._network) for part in self._parts(images)
        ]
        return parts[0] if len(parts) == 1 else Uncertainty.joined(parts)

    def _parts(self, images: Pixels) -> Iterator[torch.Tensor]:
        """Pictures as the network takes them, no more at once than memory holds easily."""
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise ValueError(f"pictures are (N, H, W, 3) uint8, not {images.shape} {images.dtype}")
        images = np.require(images, requirements=("C", "W"))  # torch takes no read-only arrays without a warning
        count = max(1, PIXELS_AT_ONCE // max(1, images.shape[1] * images.shape[2]))
        for start in range(0, max(1, len(images)), count):
            yield as_floats(torch.from_numpy(images[start : start + count]).to(self.device))

    def _scores(self, pictures: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self._network(pictures.to(getattr(torch, self.precision)))
        return scores.float()

    def save(self, path: Path) -> None:
        """Write one safetensors file with the card in its header, complete or not at all.

        Raises:
            UserError: It cannot be written.
        """
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        with disk_errors(str(path)):
            content = serialised(tensors, {"format": FORMAT, "card": json.dumps(self.card.to_json())})
            write_bytes(path, _in_order(content))


def as_floats(images: torch.Tensor) -> torch.Tensor:
    """(N, H, W, 3) uint8 -> (N, 3, H, W) floats from 0 to 1, without moving a byte around (channels-last)."""
    return images.permute(0, 3, 1, 2).float().div_(255.0)


def _keep_freed_memory() -> None:
    """Let a network's freed outputs be used again, rather than returned to the system and cleared by it at each call.

    glibc keeps freed memory by the largest block, of up to 32 MB, that has been freed before (mallopt(3) under
    M_MMAP_THRESHOLD); without one, a single picture may cost hundreds of page faults, up to a third of its time. The
    process keeps up to twice that block for it, 62 MB. Other allocators do not mind.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)  # never touched, so it takes microseconds


def _in_order(content: bytes) -> bytes:
    """Sort the header of a safetensors file, which comes in any order, so that one model makes one file, bit by bit."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read_model_card(path: Path) -> ModelCard:
    """Read what a weights' file says of itself, without its weights.

    Raises:
        UserError: There is no such file, or it is not one of ours.
    """
    if not path.is_file():
        raise UserError(f"There is no model at {path}.")
    paths.open_regular(path).close()
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a safetensors file, or damaged: {error}.", exit_code=1) from error
    if header.get("format") != FORMAT:
        raise UserError(f"{path} holds no segmentation model of rlkit: its header lacks the format {FORMAT!r}.")
    try:
        tree = json.loads(header["card"])
        check_texts(tree)
        return ModelCard.from_json(tree)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise UserError(f"The header of {path} is damaged: {error!r}.", exit_code=1) from error


def load_model(
    path: Path,
    *,
    device: str = "cpu",
    network: str | None = None,
    fuse: bool = True,
    precision: Precision = "float32",
) -> SegmentationModel:
    """Read a model.

    Args:
        path: Its safetensors file.
        device: Where it is to compute.
        network: The model's network, as the user typed it. One that is named as `my_package:MyNet` is imported only
            if it was typed; what the file says is not enough.
        fuse: As in `SegmentationModel`.
        precision: As in `SegmentationModel`.

    Raises:
        UserError: The file is missing, damaged, of another network than the one that was typed, or does not fit it.
    """
    card = read_model_card(path)
    if network not in (None, card.network):
        raise UserError(f"{network}: the network of {path} is {card.network!r}; name that one, or leave --network out")
    built = build_network(card.network, len(card.classes), allow_code=network is not None)
    wanted = built.state_dict()
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}", exit_code=1) from error
    misfit = _misfit(tensors, wanted)
    if misfit:
        raise UserError(f"The weights in {path} do not fit the network {card.network!r}: {misfit}.", exit_code=1)
    # Weights may be kept at half precision to save space.
    built.load_state_dict({name: tensor.to(wanted[name].dtype) for name, tensor in tensors.items()})
    if not all(torch.isfinite(tensor).all() for tensor in tensors.values()):
        raise UserError(
            f"The weights in {path} hold numbers that are not finite: its training went wrong.", exit_code=1
        )
    return SegmentationModel(built, card, device, fuse=fuse, precision=precision)


def _misfit(tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str:
    """Say what keeps weights from fitting a network, by its first example; "" if nothing does."""
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors:
            return f"{name} is missing"
        if name not in wanted:
            return f"it has no {name}"
        if tensors[name].shape != wanted[name].shape:
            return f"{name} is {tuple(tensors[name].shape)}, expected {tuple(wanted[name].shape)}"
    return ""


def _joined(parts: Iterator[torch.Tensor]) -> npt.NDArray[np.float32]:
    arrays: list[npt.NDArray[np.float32]] = [part.cpu().numpy() for part in parts]
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

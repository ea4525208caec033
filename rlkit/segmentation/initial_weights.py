"""Initial weights of a network from another model: those that fit are loaded, by name and shape."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model, load_model
from rlkit.perception.model_card import is_detector, read_model_card
from rlkit.perception.networks.vgg16 import load_vgg16
from rlkit.utils.io import sha256

NAMED = 4  # weights that are missing


def initialise(
    network: nn.Module, init: str | Path | None, vgg16: str | Path | None, typed: str
) -> tuple[str, tuple[str, ...]]:
    """Load the initial weights; return where they come from ("" for random ones), and what did not fit.

    Args:
        network: Takes them.
        init: A detector or a segmentation model, as in `rlkit.segmentation.config.plan`.
        vgg16: As in `rlkit.segmentation.config.plan`.
        typed: The network as the user typed it: that of `init` is code to import only if it is the same.

    Raises:
        UserError: There is no such model, or nothing in it fits.
    """
    if vgg16 is not None:
        path = Path(vgg16).expanduser()
        note = load_vgg16(network, path)
        return _named(path), (note,)
    if init is None:
        return "", ()
    path = find_model(init)
    if is_detector(path):
        theirs = load_detector(path, fuse=False).network.state_dict()
    else:
        same = typed if read_model_card(path).network == typed else None
        theirs = load_model(path, network=same, fuse=False).network.state_dict()
    return load_fitting(network, theirs, path)


def load_fitting(network: nn.Module, theirs: Mapping[str, Tensor], path: Path) -> tuple[str, tuple[str, ...]]:
    """Load the weights that fit by name and shape; return the file with its digest, and what did not fit.

    Args:
        network: Takes them.
        theirs: The weights by name.
        path: Their file.

    Raises:
        UserError: None of them fits.
    """
    ours = network.state_dict()
    fits = {name: tensor for name, tensor in theirs.items() if name in ours and ours[name].shape == tensor.shape}
    if not any(tensor.ndim > 1 for tensor in fits.values()):
        raise UserError(
            f"Nothing in {path} fits this network: --init needs a model of the same network, or of one with the same "
            "layers."
        )
    network.load_state_dict(ours | fits)
    missing = [name for name in ours if name not in fits]
    notes = (f"{path} fits but for {', '.join(missing[:NAMED])}: these are random",) if missing else ()
    return _named(path), notes


def _named(path: Path) -> str:
    return f"{path.name} (sha256 {sha256(path)[:16]})"

"""Networks by name: for segmentation; detectors, which find objects; captioners, which write sentences.

To add one, write a `SegmentationNetwork`, constructed from the number of classes, and enter it in `NETWORKS`; or a
detector, constructed from the numbers of kinds of objects and of classes of pixels, and enter it in `DETECTORS`.
"""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from rlkit.errors import UserError, describe_error
from rlkit.nn.heads import kaiming_init_
from rlkit.perception.networks.centernet import CenterNetCompact
from rlkit.perception.networks.faster_rcnn import FasterRCNNCompact
from rlkit.perception.networks.fcn import FCN, FCN8s, FCN8sCompact, FCN32s
from rlkit.perception.networks.nic import NICCompact
from rlkit.perception.networks.segnet import BayesianSegNet, SegNet, SegNetBasic, SegNetCompact
from rlkit.utils.parsing import did_you_mean

NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "segnet": SegNet,
    "segnet-basic": SegNetBasic,
    "segnet-compact": SegNetCompact,
    "bayesian-segnet": BayesianSegNet,
    "fcn32s": FCN32s,
    "fcn8s": FCN8s,
    "fcn8s-compact": FCN8sCompact,
}

DETECTORS: dict[str, Callable[[int, int], "ObjectNetwork"]] = {
    "centernet-compact": CenterNetCompact,
    "faster-rcnn-compact": FasterRCNNCompact,
}
ObjectNetwork = CenterNetCompact | FasterRCNNCompact

CAPTIONERS: dict[str, Callable[[int, int, int, int], NICCompact]] = {"nic-compact": NICCompact}


class SegmentationNetwork(Protocol):
    """A `torch.nn.Module`, constructed from the number of classes, that returns class logits for every pixel.

    It accepts any height and width, and scales its input itself.
    """

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the logits.

        Args:
            images: (B, 3, H, W) float, RGB in [0, 1].

        Returns:
            (B, C, H, W) logits.
        """
        ...


def build_network(
    name: str, num_classes: int, *, allow_code: bool = False, generator: torch.Generator | None = None
) -> nn.Module:
    """Make an untrained network.

    Args:
        name: A key of `NETWORKS`, or `my_package:MyNet`: a class or function that makes a `SegmentationNetwork` from
            the number of classes.
        num_classes: C.
        allow_code: Whether the module in the name may be imported; false for names read from a file.
        generator: Initialises the weights: by Kaiming initialisation (He et al. 2015) for the networks of `NETWORKS`,
            with score layers of zeros for FCN, and by their own for others. None for networks whose weights are loaded
            afterwards.

    Raises:
        UserError: There is no such network (the nearest are offered), its code cannot or may not be imported, or its
            result is not a segmentation network.
    """
    if ":" in name:
        if not allow_code:
            raise UserError(
                f"This model's network is {name!r}, code that is not imported unless requested. "
                f"If you trust it, add: --network {name}"
            )
        return _from_code(name, num_classes, generator)
    if name in DETECTORS:
        raise UserError(f"{name} finds objects in boxes; a segmentation needs one of {', '.join(NETWORKS)}.")
    if name in CAPTIONERS:
        raise UserError(f"{name} writes sentences; a segmentation needs one of {', '.join(NETWORKS)}.")
    if name not in NETWORKS:
        raise UserError(
            f"There is no network {name!r}.{did_you_mean(name, [*NETWORKS, *DETECTORS, *CAPTIONERS])} Known: "
            f"{', '.join(NETWORKS)}; to find objects {', '.join(DETECTORS)}; to write sentences "
            f"{', '.join(CAPTIONERS)}; name one of your own as my_package.module:MyNet."
        )
    network = NETWORKS[name](num_classes)
    if generator is not None:
        kaiming_init_(network, generator)
        if isinstance(network, FCN):
            network.zero_scores()
    return network


def build_detector(
    name: str, num_objects: int, num_classes: int, generator: torch.Generator | None = None
) -> "ObjectNetwork":
    """Make an untrained detector.

    Args:
        name: A key of `DETECTORS`.
        num_objects: Kinds of objects.
        num_classes: Classes of pixels; 0 for none.
        generator: Initialises the weights; None for networks whose weights are loaded afterwards.

    Raises:
        UserError: There is no such detector.
    """
    if name not in DETECTORS:
        raise UserError(f"There is no detector {name!r}.{did_you_mean(name, DETECTORS)} Known: {', '.join(DETECTORS)}.")
    network = DETECTORS[name](num_objects, num_classes)
    if generator is not None:
        kaiming_init_(network, generator)
        if isinstance(network, CenterNetCompact):
            network.expect_few_objects()
    return network


def build_captioner(
    name: str, words: int, frames: int, signals: int, objects: int, generator: torch.Generator | None = None
) -> NICCompact:
    """Make an untrained captioner.

    Args:
        name: A key of `CAPTIONERS`.
        words: Size of the vocabulary.
        frames: Pictures of an example.
        signals: Further numbers of an example.
        objects: Kinds of objects that its encoder finds; 0 for an encoder that finds none.
        generator: Initialises the weights; None for networks whose weights are loaded afterwards.

    Raises:
        UserError: There is no such captioner.
    """
    if name not in CAPTIONERS:
        raise UserError(
            f"There is no captioner {name!r}.{did_you_mean(name, CAPTIONERS)} Known: {', '.join(CAPTIONERS)}."
        )
    network = CAPTIONERS[name](words, frames, signals, objects)
    if generator is not None:
        kaiming_init_(network, generator)
        network.initialise(generator)
    return network


def check_network(network: nn.Module, num_classes: int, size: tuple[int, int] = (64, 96), name: str = "") -> None:
    """Check the shape of a network's output for one image.

    Args:
        network: Its training mode is restored afterwards.
        num_classes: C.
        size: Height and width of the image.
        name: For messages.

    Raises:
        UserError: It fails, or does not return (1, C, H, W) scores.
    """
    name = name or type(network).__name__
    training = network.training
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    try:
        with torch.inference_mode():
            scores = network.eval()(torch.zeros(1, 3, *size, device=device))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The network {name!r} fails on an image (1, 3, {size[0]}, {size[1]}): {describe_error(error)}",
            exit_code=1,
        ) from error
    finally:
        network.train(training)
    expected = (1, num_classes, *size)
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != expected:
        given = tuple(scores.shape) if isinstance(scores, torch.Tensor) else f"a {type(scores).__name__}"
        raise UserError(f"The network {name!r} must return scores of shape {expected} for one image, not {given}.")


def _from_code(name: str, num_classes: int, generator: torch.Generator | None) -> nn.Module:
    module_name, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: installed packages take precedence
    importlib.invalidate_caches()
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise UserError(f"The module of the network {name!r} does not import: {describe_error(error)}") from error
    make = getattr(module, attribute, None)
    if not callable(make):
        offered = [
            key for key, value in vars(module).items() if isinstance(value, type) and issubclass(value, nn.Module)
        ]
        raise UserError(
            f"The module {module_name!r} has no network {attribute!r}.{did_you_mean(attribute, offered)} "
            f"Its networks: {', '.join(offered) or 'none'}."
        )
    try:
        with torch.random.fork_rng(devices=[], enabled=generator is not None):
            if generator is not None:
                # Their constructors draw from torch's global generator: seed it here, fork_rng restores it.
                seed = torch.randint(2**62, (), generator=generator, device=generator.device)
                torch.default_generator.manual_seed(int(seed))
            network = make(num_classes)
    except Exception as error:
        raise UserError(f"The network {name!r} cannot be constructed: {describe_error(error)}", exit_code=1) from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name!r} returns a {type(network).__name__}, not a torch.nn.Module.")
    check_network(network, num_classes, name=name)
    return network

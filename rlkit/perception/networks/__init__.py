"""Segmentation networks by name.

To add one, write a class that `SegmentationNetwork` describes, made from (number of classes), and name it in
`NETWORKS`.
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
from rlkit.perception.networks.fcn import FCN8s, FCN8sCompact, FCN32s
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


class SegmentationNetwork(Protocol):
    """A `torch.nn.Module` made from (number of classes) that gives every pixel a score for each class.

    It takes any height and width, and does its own scaling of the input.
    """

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Score pixels.

        Args:
            pictures: (B, 3, H, W) float, red, green and blue from 0 to 1.

        Returns:
            (B, C, H, W) logits.
        """
        ...


def build_network(
    name: str, num_classes: int, *, allow_code: bool = False, generator: torch.Generator | None = None
) -> nn.Module:
    """Make an untrained network.

    Args:
        name: One of `NETWORKS`, or `my_package:MyNet`: a class, or function, that makes a network from (number of
            classes); see `SegmentationNetwork`.
        num_classes: C.
        allow_code: Whether a module that the name speaks of may be imported; false for names that were read from a
            file rather than typed.
        generator: Draws the weights: of the networks here as He et al. 2015 do, of others as they do it themselves.
            None leaves them to chance, for networks that are loaded anyway.

    Raises:
        UserError: There is no such network (the nearest are offered), its code does not import or may not be
            imported, or what it makes is no network of that kind.
    """
    if ":" in name:
        if not allow_code:
            raise UserError(
                f"This model's network is {name!r}, code that is not imported without being asked for. "
                f"If you trust it, add: --network {name} (with rlkit train, evaluate and watch: --perception-kwargs "
                f"network={name})"
            )
        return _from_code(name, num_classes, generator)
    if name not in NETWORKS:
        raise UserError(
            f"There is no network {name!r}.{did_you_mean(name, NETWORKS)} Known: {', '.join(NETWORKS)}; "
            "one of your own is named as my_package.module:MyNet."
        )
    network = NETWORKS[name](num_classes)
    if generator is not None:
        kaiming_init_(network, generator)
    return network


def check_network(network: nn.Module, num_classes: int, size: tuple[int, int] = (64, 96), name: str = "") -> None:
    """Let a network look at one picture, and see whether it gives what a segmentation network has to.

    Args:
        network: What is in question; it is left in the mode it was in.
        num_classes: C.
        size: Height and width of the picture.
        name: What to call it.

    Raises:
        UserError: It fails, or does not give (1, C, H, W) scores.
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
            f"The network {name!r} cannot read a picture (1, 3, {size[0]}, {size[1]}): {describe_error(error)}",
            exit_code=1,
        ) from error
    finally:
        network.train(training)
    wanted = (1, num_classes, *size)
    if not isinstance(scores, torch.Tensor) or tuple(scores.shape) != wanted:
        given = tuple(scores.shape) if isinstance(scores, torch.Tensor) else f"a {type(scores).__name__}"
        raise UserError(f"The network {name!r} has to give scores of shape {wanted} for one picture, not {given}.")


def _from_code(name: str, num_classes: int, generator: torch.Generator | None) -> nn.Module:
    module_name, _, attribute = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # last, so that nothing in it hides what is installed
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
            f"It holds {', '.join(offered) or 'no class of one'}."
        )
    try:
        with torch.random.fork_rng(devices=[], enabled=generator is not None):
            if generator is not None:
                # Their constructors know torch's global generator only: it is lent a seed of ours and put back.
                seed = torch.randint(2**62, (), generator=generator, device=generator.device)
                torch.default_generator.manual_seed(int(seed))
            network = make(num_classes)
    except Exception as error:
        raise UserError(f"The network {name!r} cannot be made: {describe_error(error)}", exit_code=1) from error
    if not isinstance(network, nn.Module):
        raise UserError(f"{name!r} makes a {type(network).__name__}, not a torch.nn.Module.")
    check_network(network, num_classes, name=name)
    return network

"""Size and cost of networks, number formats, tensors on a device, choice of the device, and torch's threads."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.spaces import Observations, Spaces


@dataclass(frozen=True)
class Size:
    """What a network has and does.

    Args:
        parameters: Numbers that are learned.
        multiply_adds: Multiplications, each with an addition, in the forward pass of one observation; a gradient step
            takes about three times as many for each observation of its batch. The FLOPs that papers give are twice
            this.
    """

    parameters: int
    multiply_adds: int

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters, {_short(self.multiply_adds)} multiply-adds per observation"


def count(network: nn.Module, spaces: Spaces) -> Size:
    """Count a network's parameters, and the multiply-adds of its convolutions and dense layers.

    Args:
        network: Reads observations with leaves (B, ...).
        spaces: What an observation consists of.
    """
    from torch.utils.flop_counter import FlopCounterMode  # costs an import of its own, and is needed once

    parameters = list(network.parameters())
    device = parameters[0].device if parameters else torch.device("cpu")
    one = {
        leaf.name: torch.zeros((1, *leaf.shape), dtype=getattr(torch, leaf.dtype), device=device)
        for leaf in spaces.observations.values()
    }
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(one)
    return Size(sum(parameter.numel() for parameter in parameters), counter.get_total_flops() // 2)


class ParameterLimitExceeded(Exception):  # noqa: N818 - whoever builds the network says what is wrong
    """A network would have had more parameters than were allowed.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int):
        super().__init__(f"more than {limit:,} bytes of parameters")
        self.limit = limit


@contextmanager
def parameter_limit(weights: int) -> Iterator[None]:
    """Within the block, networks that are built may have as many parameters as a file of weights has, and some more.

    A parameter is counted when a module registers it. `torch.empty` has reserved its memory then and touched none.

    Args:
        weights: Bytes of the file. Four times as many are allowed, for copies that an agent makes, and 16 MiB for
            weights that are stored more compactly.

    Raises:
        ParameterLimitExceeded: They would have more.
    """
    limit = 4 * weights + 16 * 2**20
    total = 0

    def register(module: nn.Module, name: str, parameter: nn.Parameter) -> None:
        nonlocal total
        total += 0 if parameter is None else parameter.numel() * parameter.element_size()
        if total > limit:
            raise ParameterLimitExceeded(limit)

    hook = nn.modules.module.register_module_parameter_registration_hook(register)
    try:
        yield
    finally:
        hook.remove()


def _short(number: int) -> str:
    for unit, size in (("billion", 10**9), ("million", 10**6), ("thousand", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def precision_for(asked: str, device: str) -> torch.dtype:
    """Float32, or bfloat16 where it was asked for or the device has instructions for it.

    Args:
        asked: "float32", "bfloat16" or "auto".
        device: "cpu" or "cuda".
    """
    if asked == "bfloat16" or (asked == "auto" and is_quick_with_bfloat16(device)):
        return torch.bfloat16
    return torch.float32


def is_quick_with_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16, rather than imitating them.

    Args:
        device: "cpu" or "cuda".
    """
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch cannot tell
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16") or abilities.get("bf16"))


def computing_in(precision: torch.dtype, device: str) -> AbstractContextManager[object]:
    """Within the block, layers that gain from it compute in this type; weights stay float32."""
    return nullcontext() if precision == torch.float32 else torch.autocast(device, precision)


def to_tensor(array: npt.NDArray[Any], device: str) -> Tensor:
    """Hand an array to a network.

    On a CPU nothing is copied where the array lies in one piece: who writes to it writes to the tensor. A GPU fetches
    it by itself out of memory that stays in place, while the caller goes on.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def to_tensors(observations: Observations, device: str) -> dict[str, Tensor]:
    """Observations as a network takes them; see `to_tensor`."""
    return {name: to_tensor(leaf, device) for name, leaf in observations.items()}


def choose_device(asked: str) -> str:
    """Where networks live: "auto" takes a GPU where torch sees one; the choice changes no hyperparameter.

    Raises:
        UserError: If a GPU is asked for and there is none.
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here; leave it out, or say --device cpu.", exit_code=1)
    if asked not in ("cpu", "cuda"):
        raise UserError(f"--device {asked}: expected auto, cpu or cuda.")
    return asked


@contextmanager
def torch_set_up(threads: int | None, deterministic: bool) -> Iterator[None]:
    """Within the block: this many threads (None: as torch likes), and if asked only operations that repeat exactly."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads or before[0])
    torch.use_deterministic_algorithms(deterministic)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])

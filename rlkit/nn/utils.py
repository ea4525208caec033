"""Size of networks, precision, tensors, choice of the device, and torch's threads."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.errors import UserError
from rlkit.spaces import Spaces


@dataclass(frozen=True)
class Size:
    """Size and cost of a network.

    Args:
        parameters: Number of parameters.
        multiply_adds: Multiply-adds of the forward pass of one observation, half of its FLOPs. A gradient step takes
            about three times as many per observation.
    """

    parameters: int
    multiply_adds: int

    def __str__(self) -> str:
        return f"{self.parameters:,} parameters, {_short(self.multiply_adds)} multiply-adds per observation"


def count(network: nn.Module, spaces: Spaces) -> Size:
    """Count a network's parameters, and the multiply-adds of its convolutions and dense layers.

    Args:
        network: Takes observations with leaves (B, ...).
        spaces: Describes the observations.
    """
    from torch.utils.flop_counter import FlopCounterMode  # slow to import, needed once

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


class ParameterLimitExceeded(Exception):  # noqa: N818 - turned into an error by the caller
    """A network would have more parameters than allowed.

    Args:
        limit: Bytes.
    """

    def __init__(self, limit: int):
        super().__init__(f"more than {limit:,} bytes of parameters")
        self.limit = limit


@contextmanager
def parameter_limit(weights: int) -> Iterator[None]:
    """Limit the parameters of networks built within the block by the size of the file that their weights are in.

    Parameters are counted when a module registers them; their memory is reserved by then, but not yet touched.

    Args:
        weights: Bytes of the file. Four times as many are allowed, for copies that an agent makes, plus 16 MiB for
            weights that are stored in fewer bits.

    Raises:
        ParameterLimitExceeded: The networks would have more.
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


def misfit(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str:
    """Describe the first tensor, by name, that does not fit a network; "" if all fit.

    Args:
        tensors: Tensors from a file, by name.
        expected: The network's own.
    """
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors:
            return f"{name} is missing"
        if name not in expected:
            return f"the network has no {name}"
        if tensors[name].shape != expected[name].shape:
            return f"{name} is {tuple(tensors[name].shape)}, expected {tuple(expected[name].shape)}"
    return ""


def _short(number: int) -> str:
    for unit, size in (("billion", 10**9), ("million", 10**6), ("thousand", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def precision_for(asked: str, device: str) -> torch.dtype:
    """Resolve "auto": bfloat16 if the device has instructions for it, else float32.

    Args:
        asked: "float32", "bfloat16" or "auto".
        device: "cpu" or "cuda".
    """
    if asked == "bfloat16" or (asked == "auto" and is_quick_with_bfloat16(device)):
        return torch.bfloat16
    return torch.float32


def is_quick_with_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16, rather than emulating them.

    Args:
        device: "cpu" or "cuda".
    """
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # missing in older versions
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16") or abilities.get("bf16"))


def computing_in(precision: torch.dtype, device: str) -> AbstractContextManager[object]:
    """Autocast to `precision` within the block; no-op for float32. Weights stay float32."""
    return nullcontext() if precision == torch.float32 else torch.autocast(device, precision)


def to_tensor(array: npt.NDArray[Any], device: str) -> Tensor:
    """Convert an array to a tensor on a device.

    On a CPU a contiguous array shares its memory with the tensor. The copy to a GPU is asynchronous, from pinned
    memory.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)


def to_tensors(observations: Mapping[str, npt.NDArray[Any]], device: str) -> dict[str, Tensor]:
    """`to_tensor` of every leaf."""
    return {name: to_tensor(leaf, device) for name, leaf in observations.items()}


def to_floats(scalars: Mapping[str, Tensor]) -> dict[str, float]:
    """Read scalars () of one device and data type, in one copy: each would wait for a GPU."""
    return dict(zip(scalars, torch.stack(list(scalars.values())).tolist(), strict=True))


def gather_actions(values: Tensor, actions: Tensor) -> Tensor:
    """The values of one action of each sample: (B, A, K) and (B,) int64 -> (B, K); (B, A) -> (B,)."""
    index = actions.view(-1, 1, *[1] * (values.dim() - 2)).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def choose_device(asked: str) -> str:
    """Resolve "auto": "cuda" if torch finds a GPU, else "cpu".

    Raises:
        UserError: A GPU was asked for and there is none, or the name is unknown.
    """
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if asked == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: torch finds no GPU; omit the option or use --device cpu.", exit_code=1)
    if asked not in ("cpu", "cuda"):
        raise UserError(f"--device {asked}: expected auto, cpu or cuda.")
    return asked


@contextmanager
def torch_set_up(threads: int | None, deterministic: bool) -> Iterator[None]:
    """Set the number of torch threads (None: unchanged) and deterministic algorithms within the block."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(threads or before[0])
    _set_deterministic(deterministic)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        _set_deterministic(before[1])


def _set_deterministic(deterministic: bool) -> None:
    """Set the mode where it is another: torch takes a second to import what the call needs."""
    if deterministic != torch.are_deterministic_algorithms_enabled():
        torch.use_deterministic_algorithms(deterministic)

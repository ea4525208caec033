"""Which numbers networks compute with: float32, or bfloat16 where half as many bits make them quicker."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


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

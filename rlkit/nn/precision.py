"""Where half as many bits make networks quicker."""

from typing import Any

import torch


def is_quick_with_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16, rather than imitating them.

    Args:
        device: "cpu" or "cuda".
    """
    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    abilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch cannot tell
    return bool(abilities.get("avx512_bf16") or abilities.get("amx_bf16") or abilities.get("bf16"))

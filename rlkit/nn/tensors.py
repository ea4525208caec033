"""Arrays as tensors on the device where a network lives."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rlkit.spaces import Observations


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

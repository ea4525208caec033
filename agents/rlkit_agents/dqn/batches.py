"""Sampled transitions as tensors on the learner's device."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rlkit.replay import Batch
from rlkit.spaces import Observations


@dataclass(frozen=True)
class TensorBatch:
    """B n-step transitions on the learner's device; `rlkit.replay.Batch` says what each field is."""

    observations: Mapping[str, Tensor]
    actions: Tensor
    returns: Tensor
    discounts: Tensor
    next_observations: Mapping[str, Tensor]
    weights: Tensor


def to_device(batch: Batch, device: str) -> TensorBatch:
    """Hand a batch to the learner.

    On a CPU nothing is copied. A GPU fetches it by itself out of memory that stays in place, so that the next batch is
    drawn while it still computes with this one.
    """
    return TensorBatch(
        observations=tensors(batch.observations, device),
        actions=_tensor(batch.actions, device),
        returns=_tensor(batch.returns, device),
        discounts=_tensor(batch.discounts, device),
        next_observations=tensors(batch.next_observations, device),
        weights=_tensor(batch.weights, device),
    )


def tensors(observations: Observations, device: str) -> dict[str, Tensor]:
    """Observations as the network takes them."""
    return {name: _tensor(leaf, device) for name, leaf in observations.items()}


def _tensor(array: npt.NDArray[np.generic], device: str) -> Tensor:
    tensor = torch.from_numpy(array)
    return tensor if device == "cpu" else tensor.pin_memory().to(device, non_blocking=True)

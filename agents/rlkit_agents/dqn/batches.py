"""Sampled transitions as tensors on the learner's device."""

from collections.abc import Mapping
from dataclasses import dataclass

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
    """Hand a batch to the learner; on a CPU nothing is copied."""
    return TensorBatch(
        observations=tensors(batch.observations, device),
        actions=torch.from_numpy(batch.actions).to(device),
        returns=torch.from_numpy(batch.returns).to(device),
        discounts=torch.from_numpy(batch.discounts).to(device),
        next_observations=tensors(batch.next_observations, device),
        weights=torch.from_numpy(batch.weights).to(device),
    )


def tensors(observations: Observations, device: str) -> dict[str, Tensor]:
    """Observations as the network takes them."""
    return {name: torch.from_numpy(leaf).to(device) for name, leaf in observations.items()}

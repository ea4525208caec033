"""Sampled transitions as tensors on the learner's device."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from rlkit.nn.tensors import to_tensor, to_tensors
from rlkit.replay import Batch


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
    """Hand a batch to the learner; a GPU fetches it while the next one is drawn, see `rlkit.nn.tensors`."""
    return TensorBatch(
        observations=to_tensors(batch.observations, device),
        actions=to_tensor(batch.actions, device),
        returns=to_tensor(batch.returns, device),
        discounts=to_tensor(batch.discounts, device),
        next_observations=to_tensors(batch.next_observations, device),
        weights=to_tensor(batch.weights, device),
    )

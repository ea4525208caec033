"""Batch normalisation over the batches of several learners together."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rlkit.nn.distributed import LearnerGroup


class SynchronisedBatchNorm(_BatchNorm):
    """Batch normalisation with means and variances over the batches of all learners (Ioffe and Szegedy 2015).

    In training, outputs and gradients are those of one learner with the whole batch. In evaluation it is the layer
    that it replaces. torch's own SyncBatchNorm has no version for CPUs. Each layer takes one message of two numbers per
    channel in the forward pass, and one in the backward pass.

    Args:
        layer: Replaced; parameters and statistics are shared with it.
        group: All learners, with batches of one size.
    """

    def __init__(self, layer: _BatchNorm, group: LearnerGroup):
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        self._parameters.update(layer._parameters)
        self._buffers.update(layer._buffers)
        self.training = layer.training
        self._group = group

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002 - torch's name
        if input.dim() < 2:
            raise ValueError(f"expected a batch with channels, got {input.dim()} dimensions")

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Tensors (B, C, ...) to the same shape."""
        if not self.training:
            return super().forward(input)
        self._check_input_dim(input)
        with torch.no_grad():
            mean, variance = self._statistics(input)
            if self.track_running_stats:
                self._follow(mean, variance, self._group.count * input.numel() // input.shape[1])
        ones = torch.ones_like(mean)
        weight, bias = (self.weight, self.bias) if self.affine else (ones, torch.zeros_like(mean))
        normalised: Tensor = _Normalise.apply(  # type: ignore[no-untyped-call]
            input, weight, bias, mean, variance, self.eps, self._group
        )
        return normalised

    def _statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) over the batches of all learners."""
        others = [axis for axis in range(values.dim()) if axis != 1]
        variance, mean = torch.var_mean(values.float(), others, correction=0)
        mean, variance = mean.double(), variance.double()  # squares of the means are subtracted from each other
        means = torch.stack([mean, variance, mean.square()])
        self._group.average([means])
        return means[0].float(), (means[1] + means[2] - means[0].square()).float()

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Move the running statistics, of which the variance is the unbiased one."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        factor = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, factor)
        self.running_var.lerp_(variance * (count / max(1, count - 1)), factor)


class _Normalise(torch.autograd.Function):
    """Normalise by given means and variances, of which the gradient knows that they follow from all learners' inputs.

    The gradient of the input is that with fixed statistics, less two terms: its mean over all batches, and its mean
    product with the normalised input.
    """

    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        epsilon: float,
        group: LearnerGroup,
    ) -> Tensor:
        ctx.save_for_backward(values, weight, mean, variance)
        ctx.epsilon, ctx.group = epsilon, group
        return F.batch_norm(values, mean, variance, weight, bias, training=False, eps=epsilon)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, weight, mean, variance = ctx.saved_tensors
        fixed, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradients[0], values, weight, mean, variance, None, None, False, ctx.epsilon, [True, True, True]
        )
        means = torch.stack([of_weight, of_bias]).float() / (values.numel() // values.shape[1])
        ctx.group.average([means])
        deviation = (variance + ctx.epsilon).rsqrt()
        slope = -weight * deviation.square() * means[0]
        offset = -weight * deviation * means[1]
        shape = (1, -1, *[1] * (values.dim() - 2))
        of_values = (fixed + offset.view(shape)).addcmul(values - mean.view(shape), slope.view(shape))
        return of_values.to(values.dtype), of_weight, of_bias, None, None, None, None


def synchronise_batch_norm(network: nn.Module, group: LearnerGroup) -> None:
    """Replace every batch normalisation of a network by a synchronised one, in place; no-op for a single learner."""
    if group.count == 1:
        return
    for module in list(network.modules()):
        for name, layer in module.named_children():
            if isinstance(layer, _BatchNorm) and not isinstance(layer, SynchronisedBatchNorm):
                setattr(module, name, SynchronisedBatchNorm(layer, group))

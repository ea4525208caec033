"""Gradient step, EMA of the weights and learning-rate schedule of networks that see single pictures."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rlkit.nn.batch_norm import synchronise_batch_norm
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.nn.layers import set_dropout_generator
from rlkit.nn.utils import computing_in, precision_for, to_tensor
from rlkit.perception.model import as_floats
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.losses import cross_entropy, dice
from rlkit.spaces import Pixels
from rlkit.utils.state_check import check_counts, check_moments, check_state

START = 1 / 25  # of the peak learning rate, where a warm-up begins (Smith, Topin 2018)
END = 1e-3  # of the peak learning rate, where one-cycle ends
POLY_POWER = 0.9  # Chen et al. 2017


def learning_rate_factor(schedule: str, used: float, warmup: float) -> float:
    """Learning rate as a share of its peak.

    Args:
        schedule: "one-cycle" (linear warm-up, cosine decay), "poly" or "constant", these with warm-up too.
        used: Share of the budget that is used, from 0 to 1.
        warmup: Share of the budget in which the learning rate rises.
    """
    if used < warmup:
        return START + (1 - START) * used / warmup
    left = 1 - (used - warmup) / (1 - warmup)
    if schedule == "one-cycle":
        return END + (1 - END) * 0.5 * (1 - math.cos(math.pi * left))
    if schedule == "poly":
        return float(left**POLY_POWER)
    return 1.0


class AveragedWeights:
    """Exponential moving average (EMA) of a network's weights (Polyak 1992).

    The decay is smaller in the first steps, so that initial weights are soon forgotten.

    Args:
        network: Has the weights; tensors of integers are copied.
        decay: Share that the average keeps at each step in the long run.
    """

    def __init__(self, network: nn.Module, decay: float):
        self._decay = decay
        self._steps = 0
        self._mean = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Average in the current weights."""
        self._steps += 1
        keep = min(self._decay, (1 + self._steps) / (5 + self._steps))
        newest = network.state_dict()
        floats = [name for name, tensor in newest.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self._mean[name] for name in floats], [newest[name] for name in floats], 1 - keep)
        for name in newest.keys() - set(floats):
            self._mean[name].copy_(newest[name])

    def weights(self) -> dict[str, Tensor]:
        """The average, as the network's `load_state_dict` takes it."""
        return self._mean

    def state(self) -> dict[str, object]:
        """What `load_state` needs."""
        return {"steps": self._steps, "mean": self._mean}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load what `state` returned.

        Raises:
            ValueError: It is not of such a network.
        """
        check_state(state, self.state(), "average")
        check_counts(state, "steps")
        self._steps = state["steps"]
        for name, tensor in self._mean.items():
            tensor.copy_(state["mean"][name])


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the means and variances of batch norm to those over some pictures (SegNet 2017; Izmailov 2018).

    Other layers stay in evaluation mode, so that dropout adds no variance.

    Args:
        network: Changed in place, and left in evaluation mode.
        batches: (B, 3, H, W) floats, as the network takes them.
    """
    network.eval()
    layers = [layer for layer in network.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over batches
        layer.train()
    for batch in batches:
        network(batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()


class NetworkLearner:
    """A network with its optimizer and the EMA of its weights; subclasses add an `update` with their loss.

    Args:
        network: Takes (B, 3, H, W) floats from 0 to 1.
        settings: Hyperparameters.
        steps: Budget in steps, over which the learning rate is scheduled.
        seed: Fixes dropout.
        device: Device of the network.
        group: The learners that train together, each with its share of every batch: they begin with the weights of the
            first, and loss, batch norm and gradients are those of the whole batch.
    """

    replay = None  # see `rlkit.training.checkpoint.Trainable`

    def __init__(
        self,
        network: nn.Module,
        settings: Hyperparameters,
        steps: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        group: LearnerGroup = ALONE,
    ):
        self.settings = settings
        self.device = device
        self._precision = precision_for(settings.precision, device)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._steps = steps
        self._seed = seed
        self._group = group
        group.broadcast(self.network.state_dict().values())
        self._averaged: nn.Module = copy.deepcopy(self.network)
        synchronise_batch_norm(self.network, group)
        self._optimizer = _optimizer(self.network, settings)
        self._mean = AveragedWeights(self.network, settings.ema_decay)
        self._dropping = torch.Generator(device)

    def learning_rate(self, step: int) -> float:
        """Learning rate of step number `step`, from 0."""
        settings = self.settings
        return settings.learning_rate * learning_rate_factor(settings.schedule, step / self._steps, settings.warmup)

    def descend(self, images: Pixels, loss_of: Callable[[Any], Tensor], step: int) -> Tensor:
        """Take a gradient step, which depends on the arguments and the state alone.

        Args:
            images: (B, H, W, 3) uint8.
            loss_of: The loss of the network's output.
            step: Number of steps taken before.

        Returns:
            The loss of the whole batch; on a GPU it may still be being computed.
        """
        return self.descend_on((as_floats(self.moved(images)),), loss_of, step)

    def descend_on(self, inputs: Sequence[Any], loss_of: Callable[[Any], Tensor], step: int) -> Tensor:
        """Take a gradient step; arguments as of `descend`, but for the arguments of the network."""
        settings = self.settings
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        self.network.train()
        with self._seeded_dropout(step), computing_in(self._precision, self.device):
            output = self.network(*inputs)
        loss = loss_of(output)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._group.average_gradients(self.network.parameters())
        if settings.max_grad_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.max_grad_norm)
        self._optimizer.step()
        self._mean.update(self.network)
        return loss.detach()

    def averaged(self, pictures: Sequence[Pixels]) -> nn.Module:
        """The network with averaged weights, in evaluation mode; the next call overwrites it.

        Args:
            pictures: (B, H, W, 3) uint8 batches by which batch norm is estimated; without any, its statistics are
                averaged like the weights.
        """
        self._averaged.load_state_dict(self._mean.weights())
        self._averaged.eval()
        if pictures:
            self.estimate_statistics(self._averaged, pictures)
        return self._averaged

    def estimate_statistics(self, network: nn.Module, pictures: Sequence[Pixels]) -> None:
        """Estimate batch norm of a network in place; `pictures` as of `averaged`."""
        with computing_in(self._precision, self.device):
            estimate_statistics(network, (as_floats(self.moved(batch)) for batch in pictures))

    def weights(self) -> dict[str, Tensor]:
        """The trained weights, not averaged."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Load what `weights` returned."""
        self.network.load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """State of the optimizer and of the EMA."""
        optimizer = self._optimizer.state_dict()["state"]
        return {"optimizer": {str(number): state for number, state in optimizer.items()}, "average": self._mean.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Load what `state` returned.

        Raises:
            ValueError: It is not of such a network and optimizer.
        """
        check_moments(state["optimizer"], self._optimizer)
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        optimizer = {
            int(number): {name: _laid_out_like(parameters[int(number)], value) for name, value in slots.items()}
            for number, slots in state["optimizer"].items()
        }
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        self._mean.load_state(state["average"])

    def moved(self, array: Pixels) -> Tensor:
        """An array on the device of the network."""
        return to_tensor(array, self.device)

    @contextlib.contextmanager
    def _seeded_dropout(self, step: int) -> Iterator[None]:
        """Seed dropout by step: our layers draw from a generator, those of torch from the global one."""
        seeds = [self._group.seed(self._seed), step]
        number = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))
        self._dropping.manual_seed(number)
        set_dropout_generator(self.network, self._dropping)
        with seeded(number, self.device):
            yield
        set_dropout_generator(self.network, None)


class SegmentationLearner(NetworkLearner):
    """A network that maps images to (B, C, H, W) logits; arguments as those of `NetworkLearner`.

    Args:
        network: Maps (B, 3, H, W) floats from 0 to 1 to (B, C, H, W) logits.
        settings: Hyperparameters.
        steps: Budget in steps.
        seed: Fixes dropout.
        device: Device of the network.
        class_weights: (C,) weight of a pixel of each class in the loss; None for equal ones.
        group: The learners that train together.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: Hyperparameters,
        steps: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        class_weights: npt.NDArray[np.float32] | None = None,
        group: LearnerGroup = ALONE,
    ):
        super().__init__(network, settings, steps, seed=seed, device=device, group=group)
        self._weights = None if class_weights is None else torch.as_tensor(class_weights).float().to(device)

    def update(self, images: Pixels, labels: Pixels, step: int) -> Tensor:
        """Take a gradient step, which depends on the arguments and the state alone.

        Args:
            images: (B, H, W, 3) uint8.
            labels: (B, H, W) uint8.
            step: Number of steps taken before.

        Returns:
            The loss; on a GPU it may still be being computed.
        """
        truth = self.moved(labels).long()

        def loss_of(logits: Tensor) -> Tensor:
            return pixel_loss(logits.float(), truth, self.settings, self._weights, self._group)

        return self.descend(images, loss_of, step)


def pixel_loss(
    logits: Tensor, truth: Tensor, settings: Hyperparameters, weights: Tensor | None, group: LearnerGroup = ALONE
) -> Tensor:
    """Cross-entropy of classes of pixels, and the Dice loss where it is asked for.

    Args:
        logits: (B, C, H, W) float.
        truth: (B, H, W) int64, `IGNORED` for unlabelled pixels.
        settings: Hyperparameters.
        weights: (C,) weights of the classes; None for equal ones.
        group: The learners that train together.
    """
    loss = cross_entropy(logits, truth, weights, settings.label_smoothing, group.total)
    if settings.dice:
        loss = loss + settings.dice * dice(logits, truth, group.total)
    return loss


@contextlib.contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Seed torch's global generators within the block, and restore them after it.

    Layers of torch take no other generator for their initialisation and dropout.
    """
    with torch.random.fork_rng([torch.cuda.current_device()] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield


def _optimizer(network: nn.Module, settings: Hyperparameters) -> torch.optim.Optimizer:
    kernels = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if settings.optimizer == "sgd":
        nesterov = settings.nesterov and settings.momentum > 0
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum, nesterov=nesterov)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def _laid_out_like(parameter: Tensor, value: Any) -> Any:
    """A tensor of the optimizer's state in the memory format of its parameter, which fused steps require."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)

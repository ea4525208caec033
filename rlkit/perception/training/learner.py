"""The network that learns: one step of gradient descent, its averaged weights, and what it takes to go on later."""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.nn.dropout import drop_with
from rlkit.nn.precision import computing_in, precision_for
from rlkit.perception.model import as_floats
from rlkit.perception.pictures import Pixels
from rlkit.perception.training.averaging import AveragedWeights, estimate_statistics
from rlkit.perception.training.losses import cross_entropy, dice
from rlkit.perception.training.recipe import Recipe
from rlkit.perception.training.schedules import step_size_factor


class SegmentationLearner:
    """Teaches a network.

    Args:
        network: Takes (B, 3, H, W) floats from 0 to 1 and gives (B, C, H, W) logits.
        recipe: How.
        steps: Budget; the schedule follows it.
        seed: Fixes what is dropped by chance.
        device: Where it computes.
        class_weights: (C,) how much a pixel of each class counts; None for all alike.
    """

    replay = None  # a checkpoint asks for one; pictures are drawn anew

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        steps: int,
        *,
        seed: int = 0,
        device: str = "cpu",
        class_weights: npt.NDArray[np.float32] | None = None,
    ):
        self.recipe = recipe
        self.device = device
        self._precision = precision_for(recipe.precision, device)
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._steps = steps
        self._seed = seed
        self._weights = None if class_weights is None else torch.as_tensor(class_weights).float().to(device)
        self._optimizer = _optimizer(self.network, recipe)
        self._mean = AveragedWeights(self.network, recipe.ema_decay)
        self._measured: nn.Module = copy.deepcopy(self.network)
        self._dropping = torch.Generator(device)

    def learning_rate(self, step: int) -> float:
        """Step size of step number `step`, from 0."""
        recipe = self.recipe
        return recipe.learning_rate * step_size_factor(recipe.schedule, step / self._steps, recipe.warmup)

    def update(self, images: Pixels, labels: Pixels, step: int) -> Tensor:
        """Take step number `step`, from 0; everything that it does follows from the arguments and the state.

        Args:
            images: (B, H, W, 3) uint8.
            labels: (B, H, W) uint8.
            step: How many steps were taken before.

        Returns:
            The loss, which nobody has waited for yet.
        """
        recipe = self.recipe
        for group in self._optimizer.param_groups:
            group["lr"] = self.learning_rate(step)
        inputs = as_floats(self._moved(images))
        truth = self._moved(labels).long()
        self.network.train()
        with self._chance(step), computing_in(self._precision, self.device):
            logits = self.network(inputs)
        logits = logits.float()
        loss = cross_entropy(logits, truth, self._weights, recipe.label_smoothing)
        if recipe.dice:
            loss = loss + recipe.dice * dice(logits, truth)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.max_grad_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.max_grad_norm)
        self._optimizer.step()
        self._mean.update(self.network)
        return loss.detach()

    def measured(self, pictures: Sequence[Pixels]) -> nn.Module:
        """Give the network with averaged weights, in the mode for measuring; it is overwritten by the next call.

        Args:
            pictures: (B, H, W, 3) uint8 batches by which batch norm is estimated anew; none leaves its averages.
        """
        self._measured.load_state_dict(self._mean.weights())
        self._measured.eval()
        if pictures:
            with computing_in(self._precision, self.device):
                estimate_statistics(self._measured, (as_floats(self._moved(batch)) for batch in pictures))
        return self._measured

    def weights(self) -> dict[str, Tensor]:
        """The weights that learn."""
        return dict(self.network.state_dict())

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Put back what `weights` gave."""
        self.network.load_state_dict(weights)

    def state(self) -> dict[str, Any]:
        """What else it takes to go on."""
        optimizer = self._optimizer.state_dict()["state"]
        return {"optimizer": {str(number): state for number, state in optimizer.items()}, "average": self._mean.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` gave."""
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        optimizer = {
            int(number): {name: _laid_out_like(parameters[int(number)], value) for name, value in slots.items()}
            for number, slots in state["optimizer"].items()
        }
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": optimizer, "param_groups": groups})
        self._mean.load_state(state["average"])

    def _moved(self, array: Pixels) -> Tensor:
        return torch.from_numpy(array).to(self.device, non_blocking=True)

    @contextlib.contextmanager
    def _chance(self, step: int) -> Iterator[None]:
        """Let dropout draw from what the seed and the step fix: ours from a generator, others' from torch's own."""
        number = int(np.random.SeedSequence([self._seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
        self._dropping.manual_seed(number)
        drop_with(self.network, self._dropping)
        with seeded(number, self.device):
            yield
        drop_with(self.network, None)


@contextlib.contextmanager
def seeded(seed: int, device: str = "cpu") -> Iterator[None]:
    """Within the block torch's global generators start from a seed; after it they are as they were before.

    Layers of other people know no other generator, neither when they are made nor when they drop.
    """
    with torch.random.fork_rng([torch.cuda.current_device()] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    kernels = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if recipe.optimizer == "sgd":
        nesterov = recipe.momentum > 0
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)


def _laid_out_like(parameter: Tensor, value: Any) -> Any:
    """Bring a slot of the optimiser into the order in memory of its parameter: fused steps go by memory alone."""
    if not isinstance(value, Tensor) or value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)

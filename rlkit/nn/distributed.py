"""Several learners that train one network together, each in a process of its own: the operations they share.

Data-parallel training: all begin with the same weights, each computes the gradient on its own share of the batch, and
all apply the average. Every operation is collective: all learners call it in the same order, and each waits for the
others. Alone, all of them change nothing, and torch.distributed is not imported.

Gradients are averaged explicitly, flattened into one message, and not by DistributedDataParallel: that wraps `forward`,
while an update of DQN calls one network several times, with and without gradients, and also its parts. What it would
gain, sending the first gradients while others are computed, is little within one machine.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from rlkit.errors import UserError

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup, Work

WAIT = timedelta(seconds=1)  # between chances of Python to handle a signal
FIRST = 0  # rank of the learner that evaluates, logs and saves the weights


class LearnerLost(Exception):  # noqa: N818 - the caller makes an error of it
    """Another learner has ended."""


class LearnerGroup:
    """The learners that train one network together, as seen by one of them.

    Args:
        rank: Number of this one, from 0.
        count: How many there are.
        connection: Process group of torch.distributed; None for a single learner.
        check: Raises `LearnerLost` if another learner has ended.
    """

    def __init__(
        self,
        rank: int = FIRST,
        count: int = 1,
        connection: "ProcessGroup | None" = None,
        check: Callable[[], None] = lambda: None,
    ):
        self.rank = rank
        self.count = count
        self.check = check
        self._connection: Any = connection

    @property
    def is_first(self) -> bool:
        """Whether this is the learner that evaluates, logs and saves the weights."""
        return self.rank == FIRST

    def seed(self, seed: int) -> int:
        """The seed of what differs between learners, such as exploration and sampling; the first has the run's own."""
        if self.is_first:
            return seed
        return int(np.random.SeedSequence(seed, spawn_key=(self.rank,)).generate_state(1, np.uint64)[0] >> np.uint64(2))

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors of one data type by their means over all learners, in one message.

        The results are bit-equal in all learners, so that weights updated by them stay equal.
        """
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._reduce(flat).div_(self.count)
        for tensor, mean in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def average_gradients(self, parameters: Iterable[Tensor], *others: Tensor) -> None:
        """Replace the gradients of parameters, and other tensors, by their means over all learners."""
        if self.count > 1:
            self.average([*(each.grad for each in parameters if each.grad is not None), *others])

    def total(self, tensor: Tensor) -> Tensor:
        """The sum over all learners, for a loss that each of them computes from the same sums.

        Differentiable so that the mean of all learners' gradients is the gradient of that loss.
        """
        if self.count == 1:
            return tensor
        total: Tensor = _Total.apply(tensor, self)  # type: ignore[no-untyped-call]
        return total

    def minimum(self, value: float) -> float:
        """The least of all learners' values."""
        if self.count == 1:
            return value
        return float(self._reduce(torch.tensor([value], dtype=torch.float64), "MIN").item())

    def of_first(self, *values: int) -> tuple[int, ...]:
        """The first learner's values, in all of them."""
        if self.count == 1:
            return values
        sent = torch.tensor(values, dtype=torch.int64)
        self.broadcast([sent])
        return tuple(sent.tolist())

    @torch.no_grad()
    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Replace tensors by those of the first learner."""
        if self.count == 1:
            return
        from torch.distributed import BroadcastOptions

        options = BroadcastOptions()
        options.rootRank = FIRST
        for tensor in tensors:
            sent = tensor.detach().contiguous()
            self._wait(lambda sent=sent: self._connection.broadcast([sent], options), sent)  # type: ignore[misc]
            tensor.copy_(sent)

    def wait_for_all(self) -> None:
        """Wait until all learners are here."""
        self.minimum(0.0)

    def _reduce(self, tensor: Tensor, operation: str = "SUM") -> Tensor:
        """Reduce a tensor over all learners, in place."""
        from torch.distributed import AllreduceOptions, ReduceOp

        options = AllreduceOptions()
        options.reduceOp = getattr(ReduceOp, operation)
        self._wait(lambda: self._connection.allreduce([tensor], options), tensor)
        return tensor

    def _wait(self, begin: "Callable[[], Work]", tensor: Tensor) -> None:
        """Begin an operation and wait for its end; on a GPU, only later operations there wait for it.

        Raises:
            LearnerLost: Another learner has ended, which closes its connections.
        """
        try:
            work = begin()
            if tensor.device.type != "cpu":
                work.wait()
                return
        except RuntimeError as error:
            raise LearnerLost(str(error)) from error
        while True:
            try:
                work.wait(WAIT)
                return
            except RuntimeError as error:
                if work.is_completed():
                    raise LearnerLost(str(error)) from error
            self.check()


ALONE = LearnerGroup()
"""A single learner."""


class _Total(torch.autograd.Function):
    """Sum over all learners. Each computes the same loss of it, so that its gradient counts once for each of them."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: LearnerGroup) -> Tensor:
        ctx.count = group.count
        return group._reduce(tensor.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.count, None


def check_learners(learners: int, device: str) -> None:
    """Check that there is a GPU for each learner.

    Args:
        learners: How many there are to be.
        device: "cpu" or "cuda".

    Raises:
        UserError: There are too few.
    """
    gpus = torch.cuda.device_count() if device == "cuda" and learners > 1 else learners
    if learners > gpus:
        raise UserError(
            f"--learners {learners}: each needs a GPU of its own, and torch finds {gpus}; use --learners {gpus}, or "
            "--device cpu."
        )


def share(name: str, value: int, learners: int) -> int:
    """The share of each learner in a number that they divide between them.

    Raises:
        UserError: It cannot be divided.
    """
    if value % learners:
        nearest = -(-value // learners) * learners
        raise UserError(f"--learners {learners}: {name} = {value} cannot be divided by it; use --set {name}={nearest}.")
    return value // learners

"""How a hyperparameter moves with the steps taken; never with the clock."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """A straight line from `start` to `end` over `steps` steps, then constant."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """The value after `step` steps."""
        progress = min(step / self.steps, 1.0)
        return self.start + progress * (self.end - self.start)


@dataclass(frozen=True)
class Geometric:
    """A constant ratio from one step to the next, from `start` to `end` over `steps` steps, then constant."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """The value after `step` steps."""
        return float(self.start * (self.end / self.start) ** min(step / self.steps, 1.0))

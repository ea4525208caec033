"""Schedules of hyperparameters, as functions of the number of steps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Linear:
    """Linear from `start` to `end` over `steps` steps, then constant."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """The value after `step` steps."""
        progress = min(step / self.steps, 1.0)
        return self.start + progress * (self.end - self.start)


@dataclass(frozen=True)
class Exponential:
    """From `start` towards `end`, the distance shrinking by 1 / `steps` at every step."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """The value after `step` steps."""
        return float(self.end + (self.start - self.end) * (1 - 1 / self.steps) ** step)


@dataclass(frozen=True)
class Geometric:
    """Geometric from `start` to `end` over `steps` steps, then constant."""

    start: float
    end: float
    steps: int

    def __call__(self, step: int) -> float:
        """The value after `step` steps."""
        return float(self.start * (self.end / self.start) ** min(step / self.steps, 1.0))

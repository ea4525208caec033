"""Counts of steps that fit a budget."""


def capacity(steps: int, most: int) -> int:
    """Rows of the replay buffer: all that will be seen, at least a batch of any preset, at most `most`."""
    return max(min(steps, most), 1_000)


def share(steps: int, divisor: int, most: int) -> int:
    """A part of the budget, at most `most` and at least one step."""
    return max(1, min(steps // divisor, most))

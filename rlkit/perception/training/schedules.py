"""How the step size moves over a training; a share of its largest value, by the share of the budget that is used."""

import math

START = 1 / 25  # of the largest step size, where a warm-up begins (Smith, Topin 2018)
END = 1e-3  # where one-cycle ends: the averaged weights then hardly move
POLY_POWER = 0.9  # Chen et al. 2017


def step_size_factor(schedule: str, used: float, warmup: float) -> float:
    """Share of the largest step size.

    Args:
        schedule: "one-cycle" (up in a straight line, down in half a cosine), "poly" or "constant".
        used: Share of the budget that is used, from 0 to 1.
        warmup: Share of the budget in which it rises.
    """
    if used < warmup:
        return START + (1 - START) * used / warmup
    left = 1 - (used - warmup) / (1 - warmup)
    if schedule == "one-cycle":
        return END + (1 - END) * 0.5 * (1 - math.cos(math.pi * left))
    if schedule == "poly":
        return float(left**POLY_POWER)
    return 1.0

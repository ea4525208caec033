"""A larger budget for a run that exists: what changes with it, and what is kept."""

import dataclasses
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.schedules import Linear
from rlkit.training.checkpoint import saved_steps
from rlkit.training.config import RunConfig, StoredConfig


def check_budget(path: Path, config: StoredConfig, steps: int, option: str = "--steps") -> None:
    """Check that a new budget is not less than what is trained already.

    Args:
        path: The run folder.
        config: Its configuration.
        steps: The new budget, in all.
        option: What it was given by.

    Raises:
        UserError: It is.
    """
    trained = saved_steps(path)
    if steps < trained and steps != config.steps:
        raise UserError(
            f"{option}: a budget of {steps:,} steps, and {path} is trained for {trained:,} already; with --resume, "
            "give the new total, a larger number"
        )


def extended(config: RunConfig, steps: int) -> tuple[RunConfig, list[str]]:
    """The configuration of an agent's run with another budget, and what it means, in lines for the user.

    Schedules keep their lengths, which hyperparameters give in steps, so that they have ended when a complete run is
    extended. A learning rate that would be 0 in all further steps falls to 0 over the new budget instead.

    Args:
        config: Of the run.
        steps: The new budget, in all.
    """
    if steps == config.steps:
        return config, []
    lines = [f"budget: {steps:,} steps in place of {config.steps:,}; replay buffer and schedules stay as they are"]
    plain: dict[str, Any] = dict(config.hyperparameters)
    length, rate = plain.get("learning_rate_steps"), plain.get("learning_rate")
    if plain.get("learning_rate_final") == 0 and length and rate and length <= config.steps < steps:
        plain["learning_rate_steps"] = steps
        then = Linear(rate, 0.0, steps)(config.steps)
        lines[0] += f", but the learning rate falls to 0 after {steps:,} steps: it is {then:.2g} after {config.steps:,}"
    return dataclasses.replace(config, steps=steps, hyperparameters=plain), lines

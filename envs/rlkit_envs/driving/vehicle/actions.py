"""Actions of a driver: the discrete ones and their names, continuous ones, and keys and axes that control them."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.utils import KEYS, Keys, checked_numbers, key_combination

SUBSTEPS = 5  # physics steps per decision
DECISION = SUBSTEPS * PHYSICS_STEP  # s between two decisions

# Right to left, as shares of the steering that the tyres can use at the present speed.
STEERING_LEVELS = (-1.0, -0.5, 0.0, 0.5, 1.0)
PEDALS = (-1.0, 0.0, 1.0)
BRAKE, COAST, ACCELERATE = range(3)

# (15, 2) steering and pedal of each action.
COMMANDS = np.array([(steering, pedal) for steering in STEERING_LEVELS for pedal in PEDALS])
ACTION_NAMES = tuple(
    f"{steering} {pedal}"
    for steering in ("hard right", "right", "straight", "left", "hard left")
    for pedal in ("brake", "coast", "accelerate")
)

# For each action its mirror image.
MIRRORED_ACTIONS = tuple(
    (len(STEERING_LEVELS) - 1 - action // len(PEDALS)) * len(PEDALS) + action % len(PEDALS)
    for action in range(len(ACTION_NAMES))
)


def commands_of(actions: Any, count: int, kind: str) -> npt.NDArray[np.float64]:
    """Validate actions and turn them into (N, 2) steering and pedal, each in [-1, 1].

    Args:
        actions: (N,) integers if discrete; (N, 2) numbers if continuous, which are clipped to [-1, 1].
        count: N.
        kind: ``discrete`` or ``continuous``.

    Raises:
        ValueError: The actions have another shape or type, are out of range or not finite.
    """
    if kind == "discrete":
        chosen: npt.NDArray[np.float64] = COMMANDS[checked_numbers(actions, count, len(COMMANDS))]
        return chosen
    array = np.asarray(actions)
    if array.shape != (count, 2) or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ValueError(
            f"actions of shape {array.shape} and type {array.dtype}: ({count}, 2) finite numbers are expected, "
            "steering (1 is left) and pedal (1 is full throttle) of each car"
        )
    return np.clip(array.astype(np.float64), -1.0, 1.0)


# Arrow keys of the steering and of the pedals. Opposite ones cancel: ``play`` answers combinations that are not listed
# with action 0, which is to steer and to brake, or no action at all.
_SIDES = ((), "straight"), (("left",), "hard left"), (("right",), "hard right"), (("left", "right"), "straight")
_PEDALS = ((), "coast"), (("up",), "accelerate"), (("down",), "brake"), (("up", "down"), "coast")


def keys_to_action(kind: str) -> dict[Keys, Any]:
    """Arrow keys to actions, for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes.

    Args:
        kind: ``discrete`` for numbers of actions, ``continuous`` for (2,) float32 steering and pedal.
    """
    mapping: dict[Keys, Any] = {}
    for side, steering in _SIDES:
        for pedal, word in _PEDALS:
            action = ACTION_NAMES.index(f"{steering} {word}")
            keys = key_combination(KEYS[name] for name in (*side, *pedal))
            mapping[keys] = action if kind == "discrete" else COMMANDS[action].astype(np.float32)
    return mapping


# Axes of a gamepad for each entry of a continuous action: steering (left positive) and pedal.
GAMEPAD_AXES: tuple[dict[str, float], ...] = ({"left_x": -1.0}, {"right_trigger": 1.0, "left_trigger": -1.0})

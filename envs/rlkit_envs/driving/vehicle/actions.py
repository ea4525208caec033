"""What a driver can do: the discrete actions, their names, and the keys for them."""

import numpy as np

from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP

SUBSTEPS = 5  # physics steps per decision
DECISION = SUBSTEPS * PHYSICS_STEP  # s between two decisions

STEERING_LEVELS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # right to left, as shares of what grip can use at the present speed
PEDALS = (-1.0, 0.0, 1.0)
BRAKE, COAST, ACCELERATE = range(3)

# (15, 2) steering and pedal of each action.
COMMANDS = np.array([(steering, pedal) for steering in STEERING_LEVELS for pedal in PEDALS])
ACTION_NAMES = tuple(
    f"{steering} {pedal}"
    for steering in ("hard right", "right", "straight", "left", "hard left")
    for pedal in ("brake", "coast", "accelerate")
)

# For each action the one that does the same to the other side.
MIRRORED_ACTIONS = tuple(
    (len(STEERING_LEVELS) - 1 - action // len(PEDALS)) * len(PEDALS) + action % len(PEDALS)
    for action in range(len(ACTION_NAMES))
)


def keys_to_action() -> dict[tuple[int, ...], int]:
    """Arrow keys to actions, for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes.

    The codes are SDL's, which pygame uses too, so that pygame need not be loaded for them.
    """
    right, left, down, up = 1073741903, 1073741904, 1073741905, 1073741906
    mapping: dict[tuple[int, ...], int] = {}
    for side, steering in (((), "straight"), ((left,), "hard left"), ((right,), "hard right")):
        for pedal, word in (((), "coast"), ((up,), "accelerate"), ((down,), "brake")):
            mapping[tuple(sorted(side + pedal))] = ACTION_NAMES.index(f"{steering} {word}")
    return mapping


# What a gamepad does where actions are numbers: steering (left positive) and pedal.
GAMEPAD_AXES: tuple[dict[str, float], ...] = ({"left_x": -1.0}, {"right_trigger": 1.0, "left_trigger": -1.0})

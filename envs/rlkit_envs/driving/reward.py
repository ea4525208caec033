"""The reward of one decision, term by term."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel

# Weights of the terms; ``config.DrivingConfig`` has an argument of the same name for each.
WEIGHTS = [
    ("lap_reward", "f8"),  # for the progress of a whole lap, whatever its length
    ("metre_reward", "f8"),  # for each metre of progress
    ("reward_speed_cap", "f8"),  # m/s, progress beyond this mean speed is not rewarded; infinity for no cap
    ("off_road_penalty", "f8"),  # each time that the car leaves the road
    ("border_penalty", "f8"),  # per second with a wheel at the border
    ("collision_penalty", "f8"),  # for each collision
    ("jerk_penalty", "f8"),  # per second and m/s³
    ("steering_penalty", "f8"),  # per change of the steering command by 1
]

# Terms of the reward; ``info["rewards"]`` reports them.
TERMS = np.dtype([(name, "f8") for name in ("progress", "off_road", "border", "collision", "jerk", "steering")])

BORDER_MARGIN = 1.0  # m, distance of a wheel from the border at which its penalty begins


@kernel
def sum_rewards(
    terms: Record,
    rules: Record,
    length: float,
    seconds: float,
    progress: float,
    left_road: bool,
    border_distance: float,
    collisions: int,
    jerk: float,
    steering_change: float,
) -> float:
    """Work out the terms of the reward of one decision, and return their sum. Penalties are negative terms.

    | term      | formula                                                                          |
    |-----------|----------------------------------------------------------------------------------|
    | progress  | (lap_reward / length + metre_reward) · min(progress, reward_speed_cap · seconds) |
    | off_road  | -off_road_penalty if the car has left the road in this decision                  |
    | border    | -border_penalty · seconds · clip(1 - border_distance / BORDER_MARGIN, 0, 1)      |
    | collision | -collision_penalty · collisions                                                  |
    | jerk      | -jerk_penalty · jerk · seconds                                                   |
    | steering  | -steering_penalty · steering_change                                              |

    Args:
        terms: Record of ``TERMS``, written.
        rules: Record with the fields of ``WEIGHTS``.
        length: Of the circuit, in metres.
        seconds: That the decision lasted.
        progress: Metres driven along the centre line, negative backwards; without what lies beyond the finish line,
            so that all laps are worth the same, and without what was gained by cutting across.
        left_road: Whether the car was on the road before and has left it.
        border_distance: From the outermost wheel to the border of the road, in metres; negative beyond it.
        collisions: Collisions that began.
        jerk: In m/s³.
        steering_change: Absolute change of the steering command, which is in [-1, 1].
    """
    paid = min(progress, rules.reward_speed_cap * seconds)
    terms.progress = (rules.lap_reward / length + rules.metre_reward) * paid
    # 0 - x rather than -x: what costs nothing is 0, not -0.
    terms.off_road = 0.0 - rules.off_road_penalty * left_road
    closeness = min(1.0, max(0.0, 1.0 - border_distance / BORDER_MARGIN))
    terms.border = 0.0 - rules.border_penalty * seconds * closeness
    terms.collision = 0.0 - rules.collision_penalty * collisions
    terms.jerk = 0.0 - rules.jerk_penalty * jerk * seconds
    terms.steering = 0.0 - rules.steering_penalty * steering_change
    return float(terms.progress + terms.off_road + terms.border + terms.collision + (terms.jerk + terms.steering))

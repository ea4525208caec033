"""Tyres: Fiala's brush model, whose force saturates at friction times load; and an axle of them.

Fiala (1954), in the form of Pacejka, "Tyre and Vehicle Dynamics" (2012, chapter 3). Grip sets the limit of
the force, not its slope at zero slip. Slip along and across the wheels is one vector, and the force opposes it. An axle
has three driver aids: anti-lock brakes; rear brakes limited to what lateral force leaves; and traction control, which
limits the engine's force likewise.
"""

import numpy as np

from rlkit_envs.driving.jit import kernel

BRAKES_EASE = 0.5  # m/s, below this the brakes' force decreases to 0
# Anti-lock brakes keep the front's slip along the wheels below this share of full sliding: 96 % of the force, and half
# of the stiffness across is left to steer with.
ANTI_LOCK = 0.65


@kernel
def brush(slip: float) -> float:
    """Fiala's brush: lateral force as a share of friction times load, against the slip as a share of full sliding.

    The slip is tan(angle) · stiffness / (3 · friction), where the stiffness is that of an axle over its load.
    """
    size = abs(slip)
    if size >= 1.0:
        return 1.0 if slip > 0.0 else -1.0
    return slip * (3.0 - 3.0 * size + size * size)


@kernel
def slip_for(share: float) -> float:
    """The slip, as a share of full sliding, at which the brush gives this share of its force; inverse of ``brush``."""
    return float(1.0 - np.cbrt(1.0 - min(1.0, share)))


@kernel
def ease(speed: float, limit: float) -> float:
    """Sign of a speed, linear between -limit and limit."""
    return min(1.0, max(-1.0, speed / limit))


@kernel
def axle(
    forward: float,
    aside: float,
    held: float,
    friction: float,
    stiffness: float,
    creep: float,
    drive: float,
    brake: float,
    rear: bool,
) -> tuple[float, float, float, float]:
    """Forces of one axle on the car, along and across its wheels.

    Args:
        forward: Speed of the axle along its wheels, in m/s.
        aside: Across them, left positive.
        held: Friction times load, in N.
        friction: Peak force over load.
        stiffness: Cornering stiffness over load, in 1/rad.
        creep: Slip is that of wheels which roll at least this fast, in m/s.
        drive: Force of the engine, in N.
        brake: Force of the brakes, in N, not below 0.
        rear: Whether it is the rear axle, whose brakes get only what slip has left over.

    Returns:
        Forces along and across the wheels in N; size of the slip across them as a share of full sliding; and the
        larger of that and the pedals' demand over the limit.
    """
    slip = stiffness * aside / (3.0 * friction * max(creep, abs(forward)))
    size = abs(slip)
    if drive > 0.0 or brake == 0.0 or rear:
        across = -held * brush(slip)
        left = np.sqrt(max(0.0, held * held - across * across))
        if drive > 0.0:
            return min(drive, left), across, size, max(size, drive / held)
        return -min(brake, left) * ease(forward, BRAKES_EASE), across, size, size
    asked = brake / held
    along_slip = min(ANTI_LOCK, slip_for(asked)) * ease(forward, BRAKES_EASE)
    both = np.sqrt(slip * slip + along_slip * along_slip)
    force = held * (3.0 - 3.0 * both + both * both if both < 1.0 else 1.0 / both)  # brush(both) / both
    return -force * along_slip, -force * slip, size, max(size, asked)

"""Wide roads around a ring of checkpoints, distributed like those of Gymnasium's CarRacing-v3.

Twelve checkpoints lie around the origin, one in each twelfth of the circle, at 50 to 150 m; the first and the last at
225 m, so that the road begins on a long stretch. A point walks past them counter-clockwise in steps of 3.5 m and turns
by up to 0.31 rad a step, the more the further aside the next one lies. Its second round, which no longer depends on
where it began, is the centre line, if the ends meet. The road is 13.3 m wide and some 850 to 1,200 m long, in arcs
of 11 m radius and more with straights between them.
"""

import numpy as np

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import Circuit, build_circuit
from rlkit_envs.driving.road.generator import SPLITS, Split

CHECKPOINTS = 12
RADIUS = 150.0  # m
FAR = 1.5 * RADIUS  # m, of the first and the last checkpoint
STRIDE = 3.5  # m
MOST_TURN = 0.31  # rad per stride
TURN = 0.006  # rad per metre that the next checkpoint lies aside
STRAIGHT = 0.05  # m aside up to which the walk goes straight on
ROUNDING = 0.12  # share by which a point moves to each of its neighbours; 0.13 m in the tightest curves
HALF_WIDTH = 20.0 / 3.0  # m

_MOST_STRIDES = 2500


@kernel
def _walk(angles: np.ndarray, distances: np.ndarray, path: np.ndarray) -> int:
    """Walk two rounds and write the points (m) of the second to ``path``, (n, 2); returns their number, 0 for none."""
    count = len(angles)
    x, y, heading = distances[0], 0.0, 0.5 * np.pi
    start = 2.0 * np.pi * (1.0 - 0.5 / count)  # halfway between the last checkpoint and the first
    target, rounds, points = 0, 0, 0
    before = 0.0  # angle of the last point around the origin, in [0, 2π)
    for _ in range(_MOST_STRIDES):
        angle = np.arctan2(y, x) % (2.0 * np.pi)
        if angle < 0.5 * np.pi and before > 1.5 * np.pi:
            target = 0
        if before <= start < angle and angle - before < np.pi:
            rounds += 1
        if rounds == 3:
            return points
        if rounds == 2:
            path[points, 0], path[points, 1] = x, y
            points += 1
        before = angle
        while target < count and angles[target] < angle:
            target += 1
        goal = target % count
        dx = distances[goal] * np.cos(angles[goal]) - x
        dy = distances[goal] * np.sin(angles[goal]) - y
        aside = np.cos(heading) * dy - np.sin(heading) * dx  # left positive
        x += STRIDE * np.cos(heading)
        y += STRIDE * np.sin(heading)
        if abs(aside) > STRAIGHT:  # for the next stride
            heading += min(MOST_TURN, max(-MOST_TURN, TURN * aside))
    return 0


def make_checkpoint_circuit(seed: int, split: Split) -> Circuit:
    """Make the circuit of a seed and a split; the same arguments always give the same circuit.

    Args:
        seed: Any integer from 0.
        split: ``train`` or ``test``; circuits of the two never coincide.
    """
    random = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split), CHECKPOINTS)))
    path = np.empty((_MOST_STRIDES, 2))
    while True:
        sector = 2.0 * np.pi / CHECKPOINTS
        angles = sector * (np.arange(CHECKPOINTS) + random.random(CHECKPOINTS))
        distances = RADIUS * random.uniform(1.0 / 3.0, 1.0, CHECKPOINTS)
        angles[0], angles[-1] = 0.0, sector * (CHECKPOINTS - 1)
        distances[0] = distances[-1] = FAR
        count = _walk(angles, distances, path)
        if count < 4:
            continue
        points = path[:count].copy()
        gap, along = points[0] - points[-1], points[1] - points[0]
        aside = abs(along[0] * gap[1] - along[1] * gap[0]) / STRIDE
        if aside < 0.3 * STRIDE and 0.5 * STRIDE < np.hypot(*gap) < 1.5 * STRIDE:
            # Straights meet arcs without a transition: the spline through the points would bend too far there.
            points += ROUNDING * (np.roll(points, 1, axis=0) - 2.0 * points + np.roll(points, -1, axis=0))
            widths = np.full(count, HALF_WIDTH)
            circuit = build_circuit(f"{split}-{seed}", points, widths, widths)
            if circuit.tightest_radius > HALF_WIDTH:
                return circuit

"""The racing line: the centre line shifted sideways within the road so that its curves are wide.

Like the minimum-curvature line of Heilmeier et al. (2019), but with weights that favour wide arcs.
"""

import numpy as np

from rlkit_envs.driving.jit import kernel

_COARSEST = 16  # samples between the points of the coarsest line
_SWEEPS = 120  # per level of refinement
_RELAXATION = 1.7


@kernel
def choose_line(points: np.ndarray, normals: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Shift a closed line sideways, within bounds, so that it can be driven fast.

    Minimises the sum of squared curvatures, each divided by the step to the next point, by projected Gauss-Seidel from
    coarse to fine: on the finest line alone, convergence along a straight would take thousands of sweeps.

    Args:
        points: (n, 2) centre line, in metres.
        normals: (n, 2) unit vectors to its left.
        low: (n,) smallest shift to the left, in metres (negative: to the right).
        high: (n,) largest.

    Returns:
        (n,) shifts to the left, in metres.
    """
    count = len(points)
    shift = np.zeros(count)
    for i in range(count):
        shift[i] = min(high[i], max(low[i], 0.0))
    stride = _COARSEST
    while stride >= 1:
        chosen = max(8, count // stride)
        at = np.empty(chosen, dtype=np.int64)
        line = np.empty((chosen, 2))
        weight = np.empty(chosen)
        for k in range(chosen):
            i = k * count // chosen
            at[k] = i
            line[k, 0] = points[i, 0] + shift[i] * normals[i, 0]
            line[k, 1] = points[i, 1] + shift[i] * normals[i, 1]
        for sweep in range(_SWEEPS):
            if sweep % 10 == 0:
                # Curvature is the second difference over the squared step h: (second difference / h² / h)².
                for k in range(chosen):
                    b, c = (k - 1) % chosen, (k + 1) % chosen
                    step = 0.5 * np.sqrt((line[c, 0] - line[b, 0]) ** 2 + (line[c, 1] - line[b, 1]) ** 2)
                    weight[k] = step**-6
            for k in range(chosen):
                i = at[k]
                a, b, c, d = (k - 2) % chosen, (k - 1) % chosen, (k + 1) % chosen, (k + 2) % chosen
                slope = 0.0
                for axis in range(2):
                    before = line[a, axis] - 2.0 * line[b, axis] + line[k, axis]
                    here = line[b, axis] - 2.0 * line[k, axis] + line[c, axis]
                    after = line[k, axis] - 2.0 * line[c, axis] + line[d, axis]
                    slope += (weight[b] * before - 2.0 * weight[k] * here + weight[c] * after) * normals[i, axis]
                steepness = weight[b] + 4.0 * weight[k] + weight[c]
                shift[i] = min(high[i], max(low[i], shift[i] - _RELAXATION * slope / steepness))
                line[k, 0] = points[i, 0] + shift[i] * normals[i, 0]
                line[k, 1] = points[i, 1] + shift[i] * normals[i, 1]
        for k in range(chosen):
            i = at[k]
            following = at[k + 1] if k + 1 < chosen else count
            change = shift[following % count] - shift[i]
            for j in range(i + 1, following):
                between = shift[i] + change * (j - i) / (following - i)
                shift[j] = min(high[j], max(low[j], between))
        stride //= 2
    return shift


@kernel
def measure_line(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Curvature (n,) at the points of a closed line (n, 2), by circles through neighbours, and the steps (n,) ahead."""
    count = len(line)
    curvature = np.empty(count)
    step = np.empty(count)
    for i in range(count):
        j = (i + 1) % count
        step[i] = np.sqrt((line[j, 0] - line[i, 0]) ** 2 + (line[j, 1] - line[i, 1]) ** 2)
        before, after = (i - 2) % count, (i + 2) % count
        ax, ay = line[i, 0] - line[before, 0], line[i, 1] - line[before, 1]
        bx, by = line[after, 0] - line[i, 0], line[after, 1] - line[i, 1]
        cx, cy = ax + bx, ay + by
        sides = np.sqrt((ax * ax + ay * ay) * (bx * bx + by * by) * (cx * cx + cy * cy))
        curvature[i] = 2.0 * (ax * by - ay * bx) / max(1e-12, sides)
    return curvature, step

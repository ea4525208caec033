"""A smooth closed curve through given points: the periodic cubic spline, resampled at equal steps of arc length."""

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import kernel

# Five-point Gauss-Legendre rule on [0, 1]: exact for polynomials of degree 9; segment lengths are exact to 1e-9 m.
_NODES = np.array([0.046910077030668, 0.230765344947158, 0.5, 0.769234655052842, 0.953089922969332])
_WEIGHTS = np.array([0.118463442528095, 0.239314335249683, 0.284444444444444, 0.239314335249683, 0.118463442528095])


@kernel
def _solve_cyclic(chords: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve the cyclic tridiagonal system of the spline's second derivatives (Sherman-Morrison).

    Args:
        chords: (n,) distances between neighbouring points, the last one back to the first.
        right: (n, 2) right-hand sides, one column per coordinate.

    Returns:
        (n, 2) second derivatives with respect to the chord parameter.
    """
    count = len(chords)
    gamma = -2.0 * (chords[count - 1] + chords[0])
    corner = chords[count - 1]
    diagonal = np.empty(count)
    columns = np.empty((count, 3))
    for i in range(count):
        diagonal[i] = 2.0 * (chords[i - 1] + chords[i])
        columns[i, 0] = right[i, 0]
        columns[i, 1] = right[i, 1]
        columns[i, 2] = 0.0
    diagonal[0] -= gamma
    diagonal[count - 1] -= corner * corner / gamma
    columns[0, 2] = gamma
    columns[count - 1, 2] = corner
    for i in range(1, count):
        factor = chords[i - 1] / diagonal[i - 1]
        diagonal[i] -= factor * chords[i - 1]
        for k in range(3):
            columns[i, k] -= factor * columns[i - 1, k]
    for i in range(count - 1, -1, -1):
        for k in range(3):
            if i < count - 1:
                columns[i, k] -= chords[i] * columns[i + 1, k]
            columns[i, k] /= diagonal[i]
    solution = np.empty((count, 2))
    for k in range(2):
        top = columns[0, k] + corner * columns[count - 1, k] / gamma
        bottom = 1.0 + columns[0, 2] + corner * columns[count - 1, 2] / gamma
        for i in range(count):
            solution[i, k] = columns[i, k] - top / bottom * columns[i, 2]
    return solution


@kernel
def _derivatives(p: np.ndarray, q: np.ndarray, mp: np.ndarray, mq: np.ndarray, h: float, t: float) -> tuple[float, ...]:
    """Position, first and second derivative of one segment at t in [0, 1], by the chord parameter."""
    a = 1.0 - t
    c = h * h / 6.0
    x = a * p[0] + t * q[0] + c * ((a * a * a - a) * mp[0] + (t * t * t - t) * mq[0])
    y = a * p[1] + t * q[1] + c * ((a * a * a - a) * mp[1] + (t * t * t - t) * mq[1])
    u = (q[0] - p[0]) / h + h / 6.0 * ((1.0 - 3.0 * a * a) * mp[0] + (3.0 * t * t - 1.0) * mq[0])
    v = (q[1] - p[1]) / h + h / 6.0 * ((1.0 - 3.0 * a * a) * mp[1] + (3.0 * t * t - 1.0) * mq[1])
    return x, y, u, v, a * mp[0] + t * mq[0], a * mp[1] + t * mq[1]


@kernel
def _arc(p: np.ndarray, q: np.ndarray, mp: np.ndarray, mq: np.ndarray, h: float, t: float) -> float:
    """Arc length of one segment from its start to t in [0, 1]."""
    total = 0.0
    for k in range(5):
        _, _, u, v, _, _ = _derivatives(p, q, mp, mq, h, t * _NODES[k])
        total += _WEIGHTS[k] * np.sqrt(u * u + v * v)
    return total * h * t


@kernel
def _resample(points: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, float]:
    count = len(points)
    chords = np.empty(count)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        chords[i] = np.sqrt((points[j, 0] - points[i, 0]) ** 2 + (points[j, 1] - points[i, 1]) ** 2)
    right = np.empty((count, 2))
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        for k in range(2):
            ahead = (points[j, k] - points[i, k]) / chords[i]
            behind = (points[i, k] - points[i - 1, k]) / chords[i - 1]
            right[i, k] = 6.0 * (ahead - behind)
    seconds = _solve_cyclic(chords, right)

    ends = np.empty(count)
    length = 0.0
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        length += _arc(points[i], points[j], seconds[i], seconds[j], chords[i], 1.0)
        ends[i] = length

    samples = max(8, int(np.floor(length / step + 0.5)))
    result = np.empty((samples, 4))
    where = np.empty(samples)
    i = 0
    for s in range(samples):
        target = length * s / samples
        while ends[i] <= target and i < count - 1:
            i += 1
        j = i + 1 if i + 1 < count else 0
        start = ends[i - 1] if i > 0 else 0.0
        t = min(1.0, (target - start) / (ends[i] - start))
        for _ in range(3):  # Newton: three steps reach 1e-12
            _, _, u, v, _, _ = _derivatives(points[i], points[j], seconds[i], seconds[j], chords[i], t)
            error = start + _arc(points[i], points[j], seconds[i], seconds[j], chords[i], t) - target
            t = min(1.0, max(0.0, t - error / (chords[i] * np.sqrt(u * u + v * v))))
        x, y, u, v, du, dv = _derivatives(points[i], points[j], seconds[i], seconds[j], chords[i], t)
        result[s, 0] = x
        result[s, 1] = y
        result[s, 2] = np.arctan2(v, u)
        result[s, 3] = (u * dv - v * du) / (u * u + v * v) ** 1.5
        where[s] = i + t
    return result, where, length


def resample_closed(
    points: npt.NDArray[np.float64], step: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Resample the closed cubic spline through points at equal steps of arc length.

    Args:
        points: (n, 2) points in order, in metres, not repeating the first at the end.
        step: Wanted distance between samples, in metres; the actual step divides the curve into equal parts.

    Returns:
        (m, 4) samples of x, y (m), heading (rad) and curvature (1/m, left positive); (m,) position of each sample
        among the given points (2.5: halfway from point 2 to point 3); the curve's length in metres.
    """
    samples, where, length = _resample(np.ascontiguousarray(points, dtype=np.float64), float(step))
    return samples, where, float(length)

"""A ghost: an earlier drive on the same circuit, as poses over time, and the lead over it."""

import numpy as np
import numpy.typing as npt

_WINDOW = 40  # poses around the last nearest one in which the next is searched
_NEAR = 30.0  # m from the path of the ghost beyond which there is no lead


class Ghost:
    """A recorded drive.

    Args:
        poses: (n, 3) x, y (m) and heading (rad) at equal intervals from the start.
        interval: Seconds between two poses.

    Raises:
        ValueError: The poses are not of that form.
    """

    def __init__(self, poses: npt.ArrayLike, interval: float):
        self._poses = np.array(poses, dtype=np.float64)
        if self._poses.ndim != 2 or self._poses.shape[1] != 3 or not len(self._poses):
            raise ValueError(f"poses of shape {self._poses.shape}: (n, 3) x, y and heading are expected, at least one")
        if not np.isfinite(self._poses).all():
            raise ValueError("poses: every x, y and heading should be a finite number")
        self._poses[:, 2] = np.unwrap(self._poses[:, 2])
        self._interval = interval
        self._nearest = 0

    def pose(self, time: float) -> tuple[float, float, float]:
        """Pose x, y (m) and heading (rad) at a time in seconds after its start; after its end, the last pose."""
        at = min(max(time / self._interval, 0.0), len(self._poses) - 1.0)
        i = min(int(at), max(0, len(self._poses) - 2))
        j = min(i + 1, len(self._poses) - 1)
        x, y, heading = ((1.0 - (at - i)) * self._poses[i] + (at - i) * self._poses[j]).tolist()
        return x, y, heading

    def lead(self, place: tuple[float, float], time: float) -> float | None:
        """Seconds by which a car is ahead of the ghost at a place; None far away from the ghost's path.

        Args:
            place: x, y of the car (m); searched near the last place, so that the path may cross itself.
            time: Seconds after the car's start.
        """
        away = np.hypot(self._poses[:, 0] - place[0], self._poses[:, 1] - place[1])
        if time < self._interval:
            self._nearest = 0
        nearest = _nearest_around(away, self._nearest)
        # Lost, for example after a pause: search again, near the ghost's present place.
        if away[nearest] > away.min() + _NEAR:
            near = np.flatnonzero(away < away.min() + 5.0)
            nearest = _nearest_around(away, int(near[np.abs(near - time / self._interval).argmin()]))
        self._nearest = nearest
        if away[nearest] > _NEAR:
            return None
        # Interpolate between the nearest pose and its neighbour.
        i = min(nearest, max(0, len(self._poses) - 2))
        way = self._poses[min(i + 1, len(self._poses) - 1), :2] - self._poses[i, :2]
        share = float(np.dot(np.array(place) - self._poses[i, :2], way) / max(1e-9, float(np.dot(way, way))))
        return (i + min(max(share, -1.0), 1.0)) * self._interval - time


def _nearest_around(away: npt.NDArray[np.float64], index: int) -> int:
    """Index of the smallest of the distances (n,) near an index."""
    first = max(0, index - _WINDOW)
    return first + int(away[first : index + _WINDOW + 1].argmin())

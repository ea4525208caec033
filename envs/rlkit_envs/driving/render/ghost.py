"""Somebody who drove the same circuit before, to race against: where they were at any time, and how far behind."""

import numpy as np
import numpy.typing as npt

_WINDOW = 40  # poses around the last nearest one among which the next is looked for
_NEAR = 30.0  # m, beyond which a car and a way have nothing to do with each other


class Ghost:
    """A drive that is remembered by its poses.

    Args:
        poses: (n, 3) x, y (m) and heading (rad) at equal intervals from the start on.
        interval: Seconds between two of them.

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
        """Where it was: x, y (m) and heading (rad) so many seconds after its start; at its end it stays."""
        at = min(max(time / self._interval, 0.0), len(self._poses) - 1.0)
        i = min(int(at), max(0, len(self._poses) - 2))
        j = min(i + 1, len(self._poses) - 1)
        x, y, heading = ((1.0 - (at - i)) * self._poses[i] + (at - i) * self._poses[j]).tolist()
        return x, y, heading

    def lead(self, place: tuple[float, float], time: float) -> float | None:
        """Seconds by which a car comes to a place earlier than it came; None far away from where it went.

        Args:
            place: x, y of the car (m). It is looked for near the last one, so that ways may cross.
            time: Seconds after the car's start.
        """
        away = np.hypot(self._poses[:, 0] - place[0], self._poses[:, 1] - place[1])
        if time < self._interval:
            self._nearest = 0
        nearest = _nearest_around(away, self._nearest)
        if (
            away[nearest] > away.min() + _NEAR
        ):  # Lost, as after a while without being asked: begin where it was about now
            near = np.flatnonzero(away < away.min() + 5.0)
            nearest = _nearest_around(away, int(near[np.abs(near - time / self._interval).argmin()]))
        self._nearest = nearest
        if away[nearest] > _NEAR:
            return None
        # Between the nearest pose and the next or last one: where its way passes the car.
        i = min(nearest, max(0, len(self._poses) - 2))
        way = self._poses[min(i + 1, len(self._poses) - 1), :2] - self._poses[i, :2]
        share = float(np.dot(np.array(place) - self._poses[i, :2], way) / max(1e-9, float(np.dot(way, way))))
        return (i + min(max(share, -1.0), 1.0)) * self._interval - time


def _nearest_around(away: npt.NDArray[np.float64], index: int) -> int:
    """The smallest of some distances (n,) that lies near an index."""
    first = max(0, index - _WINDOW)
    return first + int(away[first : index + _WINDOW + 1].argmin())

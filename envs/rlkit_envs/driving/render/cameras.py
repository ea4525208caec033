"""Rendering of the cars of an environment: a renderer per car; cars on the same circuit share the scenery."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.render.ghost import Ghost
from rlkit_envs.driving.render.renderer import HumanWindow, Renderer
from rlkit_envs.driving.render.scenery import Scenery

_MOST_SCENERIES = 4  # each takes up to 42 MB
_PICTURES = 6  # frames that a window shows per decision: 60 a second


class _Motion(NamedTuple):
    """A car and the others one decision ago (None at the start of an episode), and now."""

    before: np.void | None
    now: np.void
    others_before: npt.NDArray[Any]
    others: npt.NDArray[Any]


class Cameras:
    """Renders the cars of an environment to images, and the first of them to a window.

    Args:
        episodes: Episodes of these cars.
        size: Width and height of images, in pixels.
    """

    def __init__(self, episodes: Episodes, size: tuple[int, int]):
        self._episodes = episodes
        self._size = size
        self._renderers: dict[int, Renderer] = {}
        self._sceneries: OrderedDict[str, Scenery] = OrderedDict()
        self._window: HumanWindow | None = None
        self._motions: dict[int, _Motion] = {}
        self._ghosts: dict[int, Ghost] = {}

    def set_ghost(self, i: int, poses: npt.NDArray[np.float64] | None) -> None:
        """Set the ghost that is drawn beside car ``i``: an earlier drive on its circuit.

        Args:
            i: Which car.
            poses: (n, 3) x, y (m) and heading (rad) at the start and after each decision; None for no ghost.

        Raises:
            ValueError: The poses are not of that form.
        """
        if poses is None:
            self._ghosts.pop(i, None)
        else:
            self._ghosts[i] = Ghost(poses, self._episodes.simulator.decision_time)

    def picture(self, i: int, share: float = 1.0) -> npt.NDArray[np.uint8]:
        """Draw car ``i`` between the last two decisions.

        Args:
            i: Which car.
            share: 0 before the last decision, 1 now; it has to be drawn at least once per decision.

        Returns:
            (H, W, 3) uint8; at the start of an episode, the car as it is now.
        """
        motion = self._motion(i)
        if motion.before is None or share >= 1.0:
            return self._draw(i, motion.now, motion.others)
        others = _between_others(motion.others_before, motion.others, share)
        return self._draw(i, _between(motion.before, motion.now, share), others)

    def _motion(self, i: int) -> "_Motion":
        simulator, motion = self._episodes.simulator, self._motions.get(i)
        now, others = simulator.cars[i], simulator.others[i]
        if motion is None:
            motion = self._motions[i] = _Motion(None, now.copy(), others.copy(), others.copy())
        elif motion.now != now:
            follows = (
                motion.now["slot"] == now["slot"]
                and 0.0 < now["time"] - motion.now["time"] < 1.5 * self._episodes.simulator.decision_time
            )
            motion = self._motions[i] = _Motion(
                motion.now if follows else None, now.copy(), motion.others, others.copy()
            )
        return motion

    def show(self) -> None:
        """Show the first car in a window, interpolated from the last decision to now."""
        if self._window is None:
            self._window = HumanWindow(self._size, "rlkit/Driving-v0")
        shares = [k / _PICTURES for k in range(1, _PICTURES)] if self._motion(0).before is not None else []
        for share in (*shares, 1.0):
            self._window.show(self.picture(0, share), _PICTURES / self._episodes.simulator.decision_time)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _draw(self, i: int, car: np.void, others: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        if i not in self._renderers:
            self._renderers[i] = Renderer(self._size)
        return self._renderers[i].draw(self._scenery(i), car, list(others), self._ghosts.get(i))

    def _scenery(self, i: int) -> Scenery:
        circuit = self._episodes.simulator.circuit_of(i)
        scenery = self._sceneries.get(circuit.name)
        if scenery is None or scenery.circuit is not circuit:
            line = self._episodes.expert(i).reference.line
            scenery = Scenery(circuit, ((line - circuit.points) * circuit.normals).sum(axis=1))
        self._sceneries[circuit.name] = scenery
        self._sceneries.move_to_end(circuit.name)
        if len(self._sceneries) > _MOST_SCENERIES:
            self._sceneries.popitem(last=False)
        return scenery


def _between(before: Any, now: np.void, share: float) -> np.void:
    """Interpolate between two states of a car."""
    car = now.copy()
    for name in ("x", "y", "heading", "speed", "steering", "progress", "time"):
        car[name] = (1.0 - share) * before[name] + share * now[name]
    return car


def _between_others(before: npt.NDArray[Any], now: npt.NDArray[Any], share: float) -> npt.NDArray[Any]:
    """Interpolate between two states of the others; those that are new or far away are taken as they are now."""
    others = now.copy()
    moved = (before["active"] == 1) & (np.hypot(now["x"] - before["x"], now["y"] - before["y"]) < 20.0)
    turn = np.angle(np.exp(1j * (now["heading"] - before["heading"])))
    for name in ("x", "y"):
        others[name] = np.where(moved, (1.0 - share) * before[name] + share * now[name], now[name])
    others["heading"] = np.where(moved, now["heading"] - (1.0 - share) * turn, now["heading"])
    return others

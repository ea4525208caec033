"""Pictures of the cars of an environment: one camera per car, over scenery that cars on the same circuit share."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.render.ghost import Ghost
from rlkit_envs.driving.render.renderer import Renderer, Window
from rlkit_envs.driving.render.scenery import Scenery

_MOST_SCENERIES = 4  # each takes up to 42 MB
_PICTURES = 6  # that a window shows per decision: 60 a second


class _Way(NamedTuple):
    """Where a car and the others were one decision ago, if its episode is that old, and where they are now."""

    before: np.void | None
    now: np.void
    others_before: npt.NDArray[Any]
    others: npt.NDArray[Any]


class Cameras:
    """Draws the cars of an environment, and shows the first of them in a window where that is wanted.

    Args:
        episodes: Whose cars.
        size: Width and height of pictures, in pixels.
    """

    def __init__(self, episodes: Episodes, size: tuple[int, int]):
        self._episodes = episodes
        self._size = size
        self._renderers: dict[int, Renderer] = {}
        self._sceneries: OrderedDict[str, Scenery] = OrderedDict()
        self._window: Window | None = None
        self._ways: dict[int, _Way] = {}
        self._ghosts: dict[int, Ghost] = {}

    def set_ghost(self, i: int, poses: npt.NDArray[np.float64] | None) -> None:
        """Draw somebody beside car ``i`` who drove its circuit before; None for nobody.

        Args:
            i: Which car.
            poses: (n, 3) x, y (m) and heading (rad) at the start and after each decision.

        Raises:
            ValueError: The poses are not of that form.
        """
        if poses is None:
            self._ghosts.pop(i, None)
        else:
            self._ghosts[i] = Ghost(poses, self._episodes.simulator.decision_time)

    def picture(self, i: int, share: float = 1.0) -> npt.NDArray[np.uint8]:
        """Draw car ``i`` on its way through the last decision.

        Args:
            i: Which car.
            share: 1 draws it where it is now, less where it was before; it has to be drawn once every decision.

        Returns:
            (H, W, 3) uint8; an episode that has just begun has no way behind it, and is drawn as it is now.
        """
        way = self._way(i)
        if way.before is None or share >= 1.0:
            return self._draw(i, way.now, way.others)
        others = _between_others(way.others_before, way.others, share)
        return self._draw(i, _between(way.before, way.now, share), others)

    def _way(self, i: int) -> "_Way":
        simulator, way = self._episodes.simulator, self._ways.get(i)
        now, others = simulator.cars[i], simulator.others[i]
        if way is None:
            way = self._ways[i] = _Way(None, now.copy(), others.copy(), others.copy())
        elif way.now != now:
            follows = (
                way.now["slot"] == now["slot"]
                and 0.0 < now["time"] - way.now["time"] < 1.5 * self._episodes.simulator.decision_time
            )
            way = self._ways[i] = _Way(way.now if follows else None, now.copy(), way.others, others.copy())
        return way

    def show(self) -> None:
        """Show the first car in a window, moving smoothly from where it was shown last to where it is now."""
        if self._window is None:
            self._window = Window(self._size, "rlkit/Driving-v0")
        shares = [k / _PICTURES for k in range(1, _PICTURES)] if self._way(0).before is not None else []
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
    """A car on its way from one state to another."""
    car = now.copy()
    for name in ("x", "y", "heading", "speed", "steering", "progress", "time"):
        car[name] = (1.0 - share) * before[name] + share * now[name]
    return car


def _between_others(before: npt.NDArray[Any], now: npt.NDArray[Any], share: float) -> npt.NDArray[Any]:
    """Others on their way from one state to another; who is new or far away now is where it is now."""
    others = now.copy()
    moved = (before["active"] == 1) & (np.hypot(now["x"] - before["x"], now["y"] - before["y"]) < 20.0)
    turn = np.angle(np.exp(1j * (now["heading"] - before["heading"])))
    for name in ("x", "y"):
        others[name] = np.where(moved, (1.0 - share) * before[name] + share * now[name], now[name])
    others["heading"] = np.where(moved, now["heading"] - (1.0 - share) * turn, now["heading"])
    return others

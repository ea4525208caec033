"""Pictures of the cars of an environment: one camera per car, over scenery that cars on the same circuit share."""

from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.controls import DECISION
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.render import Renderer, Window
from rlkit_envs.driving.scenery import Scenery

_MOST_SCENERIES = 4  # each takes up to 42 MB
_PICTURES = 6  # that a window shows per decision: 60 a second


class _Way(NamedTuple):
    """Where a car was one decision ago, if its episode is that old, and where it is now."""

    before: np.void | None
    now: np.void


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

    def picture(self, i: int, share: float = 1.0) -> npt.NDArray[np.uint8]:
        """Draw car ``i`` on its way through the last decision.

        Args:
            i: Which car.
            share: 1 draws it where it is now, less where it was before; it has to be drawn once every decision.

        Returns:
            (H, W, 3) uint8; an episode that has just begun has no way behind it, and is drawn as it is now.
        """
        way = self._way(i)
        return self._draw(i, way.now if way.before is None or share >= 1.0 else _between(way.before, way.now, share))

    def _way(self, i: int) -> "_Way":
        now, way = self._episodes.simulator.cars[i], self._ways.get(i)
        if way is None:
            way = self._ways[i] = _Way(None, now.copy())
        elif way.now != now:
            follows = way.now["slot"] == now["slot"] and 0.0 < now["time"] - way.now["time"] < 1.5 * DECISION
            way = self._ways[i] = _Way(way.now if follows else None, now.copy())
        return way

    def show(self) -> None:
        """Show the first car in a window, moving smoothly from where it was shown last to where it is now."""
        if self._window is None:
            self._window = Window(self._size, "rlkit/Driving-v0")
        shares = [k / _PICTURES for k in range(1, _PICTURES)] if self._way(0).before is not None else []
        for share in (*shares, 1.0):
            self._window.show(self.picture(0, share), _PICTURES / DECISION)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def _draw(self, i: int, car: np.void) -> npt.NDArray[np.uint8]:
        if i not in self._renderers:
            self._renderers[i] = Renderer(self._size)
        return self._renderers[i].draw(self._scenery(i), car)

    def _scenery(self, i: int) -> Scenery:
        circuit = self._episodes.simulator.circuit_of(i)
        scenery = self._sceneries.get(circuit.name)
        if scenery is None or scenery.circuit is not circuit:
            line = self._episodes.pilot(i).reference.line
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

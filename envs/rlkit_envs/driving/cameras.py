"""Pictures of the cars of an environment: one camera per car, over scenery that cars on the same circuit share."""

from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.controls import DECISION
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.render import Renderer, Window
from rlkit_envs.driving.scenery import Scenery

_MOST_SCENERIES = 4  # each takes up to 42 MB
_PICTURES = 6  # that a window shows per decision: 60 a second


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
        self._drawn: dict[int, np.void] = {}

    def picture(self, i: int) -> npt.NDArray[np.uint8]:
        """Draw car ``i`` where it is now: (H, W, 3) uint8."""
        return self.film(i, 1)[-1]

    def film(self, i: int, count: int) -> list[npt.NDArray[np.uint8]]:
        """Draw car ``i`` on its way from where it was drawn last to where it is now.

        Args:
            i: Which car.
            count: Pictures for a whole decision; the last one shows the present.

        Returns:
            (H, W, 3) uint8 pictures: ``count`` of them, or one alone where an episode has just begun.
        """
        now = self._episodes.simulator.cars[i]
        before = self._drawn.get(i)
        shares: list[float] = []
        if before is not None and before["slot"] == now["slot"] and 0.0 < now["time"] - before["time"] < 1.5 * DECISION:
            shares = [k / count for k in range(1, count)]
        pictures = [self._draw(i, _between(before, now, share)) for share in shares]
        pictures.append(self._draw(i, now))
        self._drawn[i] = now.copy()
        return pictures

    def show(self) -> None:
        """Show the first car in a window, moving smoothly from where it was shown last to where it is now."""
        if self._window is None:
            self._window = Window(self._size, "rlkit/Driving-v0")
        for picture in self.film(0, _PICTURES):
            self._window.show(picture, _PICTURES / DECISION)

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

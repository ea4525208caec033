"""The looks of N cars' episodes, each with its tables of colours."""

from typing import Any

import numpy as np

from rlkit_envs.driving.weather.palette import BANDS, INKS, SKY_ROWS, SKY_SHADES, mix_ground, mix_inks, mix_sky
from rlkit_envs.driving.weather.presets import LOOK, choose_look


class WeatherTables:
    """What the world looks like to each car; 30 kB per car.

    Args:
        num_cars: N.
        camera_height: Of the front camera above the ground, in metres; 0 where all that shows the look is seen from
            above: distances and the sky do not matter then.

    Attributes:
        looks: (N,) records of ``LOOK``.
        keys: (N,) int64, the numbers that fix each look, and its rain and noise.
        ground: (N, BANDS, 256) uint32 colours of the ground.
        inks: (N, BANDS, INKS) uint32 colours of what stands on it.
        sky: (N, SKY_ROWS + 1, SKY_SHADES) uint32.
    """

    def __init__(self, num_cars: int, camera_height: float):
        self._camera_height = camera_height
        self.looks = np.zeros(num_cars, dtype=LOOK)
        self.keys = np.zeros(num_cars, dtype=np.int64)
        bands = BANDS if camera_height else 1
        self.ground = np.zeros((num_cars, bands, 256), dtype=np.uint32)
        self.inks = np.zeros((num_cars, bands, INKS), dtype=np.uint32)
        self.sky = np.zeros((num_cars, SKY_ROWS + 1, SKY_SHADES), dtype=np.uint32)

    def choose(self, i: int, weather: str, key: int, mirrored: bool = False) -> Any:
        """Give car ``i`` the look that a weather and a number lead to, and return it: a record of ``LOOK``.

        Where the world is mirrored, the skyline begins on the other side.
        """
        self.keys[i] = key
        self.looks[i] = choose_look(weather, np.random.default_rng(key))
        look = self.looks[i]
        if mirrored:
            look["turn"] = 1.0 - look["turn"]
        mix_ground(self.ground[i], look, self._camera_height)
        mix_inks(self.inks[i], look)
        if self._camera_height:
            mix_sky(self.sky[i], look)
        return look

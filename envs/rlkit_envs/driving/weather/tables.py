"""Appearance of N cars' episodes, with their colour tables."""

from typing import Any

import numpy as np

from rlkit_envs.driving.weather.palette import BANDS, INKS, SKY_ROWS, SKY_SHADES, mix_ground, mix_inks, mix_sky
from rlkit_envs.driving.weather.presets import APPEARANCE, choose_appearance
from rlkit_envs.driving.weather.street import dress_appearance


class WeatherTables:
    """Appearance and colour tables of each car's world; 30 kB per car.

    Args:
        num_cars: N.
        camera_height: Of the front camera above the ground, in metres; 0 if there are views from above only, for
            which distances and the sky do not matter.

    Attributes:
        appearances: (N,) records of ``APPEARANCE``.
        keys: (N,) int64 seeds of appearance, rain and noise.
        ground: (N, BANDS, 256) uint32 colours of the ground.
        inks: (N, BANDS, INKS) uint32 colours of objects on it.
        sky: (N, SKY_ROWS + 1, SKY_SHADES) uint32.
    """

    def __init__(self, num_cars: int, camera_height: float):
        self._camera_height = camera_height
        self.appearances = np.zeros(num_cars, dtype=APPEARANCE)
        self.keys = np.zeros(num_cars, dtype=np.int64)
        bands = BANDS if camera_height else 1
        self.ground = np.zeros((num_cars, bands, 256), dtype=np.uint32)
        self.inks = np.zeros((num_cars, bands, INKS), dtype=np.uint32)
        self.sky = np.zeros((num_cars, SKY_ROWS + 1, SKY_SHADES), dtype=np.uint32)

    def choose(self, i: int, weather: str, key: int, mirrored: bool = False, street: bool = False) -> Any:
        """Draw the appearance of car ``i`` from a weather and a seed, and return it: a record of ``APPEARANCE``.

        In a mirrored world the skyline is rotated the other way. A street has materials of its own.
        """
        self.keys[i] = key
        self.appearances[i] = choose_appearance(weather, np.random.default_rng(key))
        appearance = self.appearances[i]
        if mirrored:
            appearance["turn"] = 1.0 - appearance["turn"]
        if street:
            dress_appearance(appearance, np.random.default_rng((key, 1)))
        mix_ground(self.ground[i], appearance, self._camera_height, street)
        mix_inks(self.inks[i], appearance)
        if self._camera_height:
            mix_sky(self.sky[i], appearance)
        return appearance

"""Weathers and times of day: the presets, and random mixtures of them.

An ``APPEARANCE`` is a record of colours of light, sky and materials, fog, wetness, snow, lamps and rain. Named presets
are such records; that of an episode is a mixture of two of them with random tints. Some presets are *held out*: the
``train`` split never uses them, so that they measure generalisation. To add a weather, add a preset and its name.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.terrain.materials import ASPHALT, EARTH, GRASS, GRAVEL, KERB_RED, KERB_WHITE, LINE, PATCH

APPEARANCE = np.dtype(
    [
        ("sky", "f8", 3),  # colour at the zenith; all colours are from 0 to 1
        ("horizon", "f8", 3),  # colour of the sky at the horizon, and of fog
        ("cloud", "f8", 3),
        ("clouds", "f8"),  # 0 none to 1 all covered
        ("sun", "f8", 3),  # direct light
        ("ambient", "f8", 3),  # ambient light
        ("glow", "f8"),  # glare of the sun, 0 to 1
        ("sun_height", "f8"),  # rad above the horizon
        ("fog", "f8"),  # 1/m, extinction
        ("wetness", "f8"),  # 0 dry to 1 standing water
        ("snow", "f8"),  # 0 to 1, share of the ground that is covered
        ("lamps", "f8"),  # strength of the headlights, 0 off
        ("rain", "f8"),  # 0 to 1, streaks
        ("flakes", "f8"),  # 0 to 1, falling snow
        ("noise", "f8"),  # of the sensor, standard deviation as a share of full scale
        ("contrast", "f8"),  # of the grain, usually 1
        ("grip", "f8"),  # of the road, as a share of that of dry asphalt
        ("hills", "f8"),  # rad, height of the hills at the horizon
        ("turn", "f8"),  # 0 to 1, rotation of hills and clouds around the horizon
        ("material", "f8", (8, 3)),  # colours of each material of ``terrain.materials``
        ("foliage", "f8", 3),  # colour of trees and bushes
    ]
)

_MATERIALS = np.zeros((8, 3))
_MATERIALS[GRASS] = (0.20, 0.34, 0.12)
_MATERIALS[GRAVEL] = (0.62, 0.54, 0.42)
_MATERIALS[ASPHALT] = (0.30, 0.30, 0.32)
_MATERIALS[PATCH] = (0.22, 0.22, 0.24)
_MATERIALS[LINE] = (0.86, 0.86, 0.82)
_MATERIALS[KERB_RED] = (0.66, 0.12, 0.10)
_MATERIALS[KERB_WHITE] = (0.88, 0.88, 0.86)
_MATERIALS[EARTH] = (0.36, 0.27, 0.18)


def _appearance(**values: Any) -> npt.NDArray[np.void]:
    appearance = np.zeros((), dtype=APPEARANCE)
    usual: dict[str, Any] = {
        "sky": (0.26, 0.47, 0.82),
        "horizon": (0.72, 0.82, 0.92),
        "cloud": (0.96, 0.96, 0.97),
        "clouds": 0.35,
        "sun": (0.86, 0.80, 0.68),
        "ambient": (0.52, 0.58, 0.68),
        "glow": 0.15,
        "sun_height": 0.75,
        "fog": 0.0012,
        "noise": 0.004,
        "contrast": 1.0,
        "grip": 1.0,
        "hills": 0.05,
        "material": _MATERIALS,
        "foliage": (0.13, 0.25, 0.08),
    }
    for name, value in (usual | values).items():
        appearance[name] = value
    return appearance


TRAINING_WEATHERS = ("clear", "overcast", "dusk", "low sun", "rain", "night")
HELD_OUT_WEATHERS = ("fog", "snow", "storm", "dawn")
WEATHERS = TRAINING_WEATHERS + HELD_OUT_WEATHERS


@cache
def presets() -> dict[str, npt.NDArray[np.void]]:
    """Records of ``APPEARANCE`` by the name of the weather."""
    return {
        "clear": _appearance(),
        "overcast": _appearance(
            sky=(0.62, 0.66, 0.71),
            horizon=(0.76, 0.78, 0.80),
            cloud=(0.52, 0.55, 0.60),
            clouds=0.9,
            sun=(0.05, 0.05, 0.05),
            ambient=(0.88, 0.90, 0.95),
            glow=0.0,
            fog=0.0025,
        ),
        "dusk": _appearance(
            sky=(0.16, 0.17, 0.36),
            horizon=(0.86, 0.50, 0.32),
            cloud=(0.52, 0.30, 0.36),
            clouds=0.5,
            sun=(0.26, 0.13, 0.07),
            ambient=(0.34, 0.29, 0.36),
            glow=0.25,
            sun_height=0.05,
            fog=0.002,
            noise=0.02,
            lamps=0.25,
        ),
        "low sun": _appearance(
            sky=(0.34, 0.50, 0.78),
            horizon=(0.98, 0.85, 0.62),
            cloud=(1.0, 0.88, 0.70),
            clouds=0.25,
            sun=(1.20, 0.88, 0.50),
            ambient=(0.32, 0.34, 0.42),
            glow=1.0,
            sun_height=0.16,
            fog=0.002,
        ),
        "rain": _appearance(
            sky=(0.42, 0.45, 0.49),
            horizon=(0.60, 0.62, 0.65),
            cloud=(0.34, 0.36, 0.40),
            clouds=1.0,
            sun=(0.02, 0.02, 0.02),
            ambient=(0.60, 0.63, 0.68),
            glow=0.0,
            fog=0.006,
            wetness=0.8,
            rain=0.6,
            noise=0.015,
            lamps=0.1,
            grip=0.75,
        ),
        "night": _appearance(
            sky=(0.015, 0.02, 0.045),
            horizon=(0.06, 0.07, 0.11),
            cloud=(0.05, 0.05, 0.07),
            clouds=0.4,
            sun=(0.03, 0.03, 0.05),
            ambient=(0.062, 0.062, 0.068),
            glow=0.0,
            fog=0.002,
            noise=0.03,
            lamps=1.0,
        ),
        "fog": _appearance(
            sky=(0.74, 0.76, 0.78),
            horizon=(0.74, 0.76, 0.78),
            cloud=(0.72, 0.74, 0.76),
            clouds=0.5,
            sun=(0.03, 0.03, 0.03),
            ambient=(0.72, 0.74, 0.77),
            glow=0.0,
            fog=0.03,
            wetness=0.25,
            grip=0.9,
        ),
        "snow": _appearance(
            sky=(0.70, 0.73, 0.78),
            horizon=(0.82, 0.84, 0.87),
            cloud=(0.78, 0.80, 0.84),
            clouds=0.8,
            sun=(0.06, 0.06, 0.06),
            ambient=(0.86, 0.89, 0.95),
            glow=0.0,
            fog=0.008,
            snow=0.85,
            flakes=0.7,
            wetness=0.3,
            grip=0.35,
            foliage=(0.24, 0.29, 0.24),
        ),
        "storm": _appearance(
            sky=(0.15, 0.17, 0.18),
            horizon=(0.34, 0.37, 0.36),
            cloud=(0.09, 0.10, 0.12),
            clouds=1.0,
            sun=(0.0, 0.0, 0.0),
            ambient=(0.26, 0.29, 0.30),
            glow=0.0,
            fog=0.009,
            wetness=1.0,
            rain=1.0,
            noise=0.03,
            lamps=0.5,
            grip=0.65,
        ),
        "dawn": _appearance(
            sky=(0.42, 0.46, 0.70),
            horizon=(0.98, 0.72, 0.74),
            cloud=(0.98, 0.70, 0.66),
            clouds=0.6,
            sun=(0.80, 0.46, 0.42),
            ambient=(0.42, 0.38, 0.50),
            glow=0.8,
            sun_height=0.09,
            fog=0.006,
            wetness=0.15,
        ),
    }


# Grass of other places and seasons: dry, soil, pale sand, heath, lush.
_GROUNDS = np.array(
    [
        (0.20, 0.34, 0.12),
        (0.52, 0.45, 0.24),
        (0.36, 0.28, 0.20),
        (0.70, 0.62, 0.48),
        (0.34, 0.30, 0.30),
        (0.16, 0.36, 0.20),
    ]
)
# Road surfaces: usual, fresh and dark, old and pale, reddish, concrete.
_ROADS = np.array([(0.30, 0.30, 0.32), (0.14, 0.14, 0.15), (0.46, 0.45, 0.43), (0.40, 0.31, 0.28), (0.58, 0.56, 0.52)])


def choose_appearance(weather: str, random: np.random.Generator) -> npt.NDArray[np.void]:
    """Draw the appearance of an episode.

    Args:
        weather: A preset's name; or ``train``, ``held-out`` or ``all``: a mixture of two presets of that set, mostly
            close to one of them, with random materials.
        random: Generator; the number of draws does not depend on the weather.

    Returns:
        One record of ``APPEARANCE``.
    """
    first, second, share = random.random(3)
    tints = random.random((4, 3))
    places = random.random(5)
    turn = random.random(4)
    known = presets()
    if weather in known:
        appearance = known[weather].copy()
    else:
        names = {"train": TRAINING_WEATHERS, "held-out": HELD_OUT_WEATHERS, "all": WEATHERS}[weather]
        one, other = (known[names[int(draw * len(names))]] for draw in (first, second))
        mixed = share**3 * 0.5  # more often close to a preset than halfway between two
        appearance = np.zeros((), dtype=APPEARANCE)
        _numbers(appearance)[:] = (1.0 - mixed) * _numbers(one) + mixed * _numbers(other)
        _recolour(appearance, tints, places)
    appearance["turn"] = turn[0]
    appearance["hills"] *= 0.4 + 1.4 * turn[1]
    return appearance


# What a person would call a weather, in the order in which it is decided, as `word_for` says it.
WORDS = ("snow", "rain", "fog", "night", "low sun", "fair")


def word_for(appearance: Any) -> str:
    """One of ``WORDS`` for a record of ``APPEARANCE``, by what is seen of it; a mixture is what it mostly is.

    Limits lie half-way between the preset of that name and those without it.
    """
    if max(appearance["snow"], appearance["flakes"]) > 0.4:
        return "snow"
    if appearance["rain"] > 0.3:
        return "rain"
    if appearance["fog"] > 0.015:
        return "fog"
    if appearance["ambient"].mean() < 0.2 and appearance["sun"].mean() < 0.2:
        return "night"
    return "low sun" if appearance["glow"] > 0.5 else "fair"


def _numbers(appearance: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """View of an appearance as a row of numbers."""
    return appearance.reshape(1).view(np.float64)


def _recolour(
    appearance: npt.NDArray[np.void], tints: npt.NDArray[np.float64], places: npt.NDArray[np.float64]
) -> None:
    """Change the colours of grass, road and light at random."""
    material = appearance["material"]
    ground = _GROUNDS[int(places[0] * len(_GROUNDS))]
    road = _ROADS[int(places[1] * len(_ROADS))]
    material[GRASS] += 0.85 * places[2] * (ground - material[GRASS])
    shift = 0.9 * places[3] * (road - material[ASPHALT])
    material[ASPHALT] += shift
    material[PATCH] = np.maximum(0.06, material[PATCH] + 0.8 * shift)
    tint = 0.8 + 0.4 * tints
    material[GRASS] *= tint[0]
    material[EARTH] *= tint[0]
    material[GRAVEL] *= tint[1]
    material[[ASPHALT, PATCH]] *= 0.92 + 0.16 * tints[2]
    appearance["foliage"] *= tint[3]
    brightness = 0.8 + 0.4 * places[4]
    for light in ("sun", "ambient", "sky", "horizon", "cloud"):
        appearance[light] *= brightness

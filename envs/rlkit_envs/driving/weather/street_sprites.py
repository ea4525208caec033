"""Sprites of what stands on pavements: bare trees, lamp posts, signs, traffic lights, bollards and people."""

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.terrain.roadside import (
    BARE_TREE,
    BOLLARD,
    LAMP_POST,
    PERSON,
    PERSONS,
    SIGN,
    TRAFFIC_LIGHT,
)
from rlkit_envs.driving.weather.palette import (
    BOARD_RED,
    BOARD_WHITE,
    CLOTHES,
    GREEN_LIGHT,
    POLE,
    SIGN_BLUE,
    SIGN_YELLOW,
    SKIN,
    TRUNK,
)

SPRITE_HEIGHT, SPRITE_WIDTH = 64, 48


def draw_street_sprites(pictures: npt.NDArray[np.uint8]) -> None:
    """Draw the kinds of ``roadside.STREET_KINDS`` into (kinds, SPRITE_HEIGHT, SPRITE_WIDTH) uint8 inks."""
    random = np.random.default_rng(1863)
    y, x = np.mgrid[0:SPRITE_HEIGHT, 0:SPRITE_WIDTH]
    up = 1.0 - (y + 0.5) / SPRITE_HEIGHT
    aside = (x + 0.5) / SPRITE_WIDTH * 2.0 - 1.0

    _grow(pictures[BARE_TREE], random, (SPRITE_HEIGHT - 1.0, 0.5 * SPRITE_WIDTH), -0.5 * np.pi, 16.0, 3.0)

    lamp = pictures[LAMP_POST]
    lamp[np.abs(aside + 0.6) < 0.06] = POLE
    lamp[(up > 0.95) & (np.abs(aside + 0.2) < 0.45)] = POLE
    lamp[(up > 0.93) & (np.abs(aside - 0.25) < 0.2)] = POLE + 1

    light = pictures[TRAFFIC_LIGHT]
    light[(np.abs(aside) < 0.14) & (up < 0.75)] = POLE
    light[(np.abs(aside) < 0.5) & (up > 0.68)] = POLE + 1
    for level, ink in ((0.92, GREEN_LIGHT + 1), (0.83, POLE), (0.74, GREEN_LIGHT)):
        light[(aside / 0.36) ** 2 + ((up - level) / 0.035) ** 2 < 1.0] = ink

    bollard = pictures[BOLLARD]
    bollard[np.abs(aside) < 0.7] = POLE + 1
    bollard[(up > 0.75) & (up < 0.88) & (np.abs(aside) < 0.7)] = BOARD_WHITE

    # A round one with a red rim, a blue one, a yellow plate.
    for number, (rim, face) in enumerate(((BOARD_RED, BOARD_WHITE), (BOARD_WHITE, SIGN_BLUE), (POLE + 1, SIGN_YELLOW))):
        sign = pictures[SIGN + number]
        sign[(np.abs(aside) < 0.09) & (up < 0.8)] = POLE
        away = (aside / 0.95) ** 2 + ((up - 0.82) / 0.17) ** 2
        plate = np.maximum(np.abs(aside) / 0.95, np.abs(up - 0.78) / 0.2) ** 2
        sign[(plate if number == 2 else away) < 1.0] = rim
        sign[(plate if number == 2 else away) < 0.55] = face

    for number in range(PERSONS):
        shirt, trousers = CLOTHES + int(random.integers(5)), CLOTHES + int(random.integers(2))
        person = pictures[PERSON + number]
        step = 0.3 * random.random() + 0.12
        for leg in (-1.0, 1.0):
            person[(np.abs(aside - leg * step * (1.0 - up / 0.48)) < 0.17) & (up < 0.48)] = trousers
        person[(np.abs(aside) < 0.42 - 0.25 * np.maximum(0.0, up - 0.72)) & (up >= 0.44) & (up < 0.84)] = shirt
        person[(aside / 0.2) ** 2 + ((up - 0.92) / 0.075) ** 2 < 1.0] = SKIN
        person[(aside / 0.2) ** 2 + ((up - 0.945) / 0.055) ** 2 < 0.7] = CLOTHES


def _grow(
    picture: npt.NDArray[np.uint8],
    random: np.random.Generator,
    foot: tuple[float, float],
    direction: float,
    length: float,
    thickness: float,
) -> None:
    """Draw a branch (row and column of its foot, in pixels) and those that grow from it."""
    row, column = foot
    height, width = picture.shape
    for _ in range(int(2.0 * length)):
        row, column = row + 0.5 * np.sin(direction), column + 0.5 * np.cos(direction)
        # Branches bend upwards.
        direction += random.normal(0.0, 0.02) - 0.02 * np.sin(direction + 0.5 * np.pi)
        reach = 0.5 * thickness
        for c in range(int(np.floor(column - reach + 0.5)), max(int(np.floor(column + reach + 0.5)), int(column) + 1)):
            if 0 <= row < height and 0 <= c < width:
                picture[int(row), c] = TRUNK if c >= column else TRUNK + 1
    if length < 3.0:
        return
    for turn in (-0.5, 0.0, 0.5) if length > 5.0 else (-0.4, 0.4):
        turned = direction + turn + random.uniform(-0.2, 0.2)
        _grow(picture, random, (row, column), turned, length * random.uniform(0.62, 0.78), 0.6 * thickness)

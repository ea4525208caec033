"""Sprites of objects beside the road, as inks; generated once from a fixed seed."""

from functools import cache

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.terrain.roadside import BOARD, BROADLEAF, BUSH, CONIFER, KINDS, POPLAR
from rlkit_envs.driving.weather.palette import BOARD_RED, BOARD_WHITE, CONE, CONE_WHITE, FOLIAGE, TRUNK
from rlkit_envs.driving.weather.street_sprites import SPRITE_HEIGHT, SPRITE_WIDTH, draw_street_sprites

__all__ = ["CONE_SPRITE", "SPRITE_HEIGHT", "SPRITE_WIDTH", "sprites"]

CONE_SPRITE = len(KINDS)  # beside the kinds of ``roadside``

Mask = npt.NDArray[np.bool_]


@cache
def sprites() -> npt.NDArray[np.uint8]:
    """(2, KINDS + 1, SPRITE_HEIGHT, SPRITE_WIDTH) uint8 inks, row 0 at the top: as they are, and flipped.

    0 is transparent, foliage has tint 0. The cone is symmetric.
    """
    random = np.random.default_rng(2017)
    pictures = np.zeros((len(KINDS) + 1, SPRITE_HEIGHT, SPRITE_WIDTH), dtype=np.uint8)
    y, x = np.mgrid[0:SPRITE_HEIGHT, 0:SPRITE_WIDTH]
    up = 1.0 - (y + 0.5) / SPRITE_HEIGHT  # 1 at the top
    aside = (x + 0.5) / SPRITE_WIDTH * 2.0 - 1.0

    tiers = 0.55 + 0.45 * ((1.0 - up) * 7.0 % 1.0)
    conifer = (np.abs(aside) < 0.98 * (1.0 - (up - 0.1) / 0.9) * tiers) & (up > 0.1)
    _draw_plant(pictures[CONIFER], conifer, up, aside, random, stem=0.12)

    crown = _clumps(up, aside, random, count=26, middle=(0.62, 0.0), spread=(0.24, 0.55), size=0.2)
    _draw_plant(pictures[BROADLEAF], crown & (up > 0.22), up, aside, random, stem=0.1)

    poplar = (aside / 0.92) ** 2 + ((up - 0.53) / 0.47) ** 2 < 0.8 + 0.25 * random.random(up.shape)
    _draw_plant(pictures[POPLAR], poplar & (up > 0.07), up, aside, random, stem=0.16)

    bush = _clumps(up, aside, random, count=18, middle=(0.35, 0.0), spread=(0.25, 0.6), size=0.28)
    _draw_plant(pictures[BUSH], bush | ((up < 0.3) & (np.abs(aside) < 0.8)), up, aside, random, stem=0.0)

    panel = (up > 0.3) & (np.abs(aside) < 0.95)
    arrow = (np.abs(up - 0.65) * 1.6 + aside) % 0.66 < 0.33
    pictures[BOARD][panel] = np.where(arrow, BOARD_RED, BOARD_WHITE)[panel]
    pictures[BOARD][(up <= 0.3) & (np.abs(np.abs(aside) - 0.7) < 0.07)] = TRUNK

    body = (np.abs(aside) < 0.12 + 0.62 * (1.0 - up)) & (up > 0.06)
    striped = ((up > 0.35) & (up < 0.52)) | ((up > 0.68) & (up < 0.8))
    lit = np.where(np.abs(aside) > 0.25, CONE + 1, CONE)
    pictures[CONE_SPRITE][body] = np.where(striped, CONE_WHITE, lit)[body]
    pictures[CONE_SPRITE][(up <= 0.06) & (np.abs(aside) < 0.95)] = CONE + 1
    draw_street_sprites(pictures)
    return np.stack([pictures, pictures[:, :, ::-1]])


def _clumps(
    up: npt.NDArray[np.float64],
    aside: npt.NDArray[np.float64],
    random: np.random.Generator,
    count: int,
    middle: tuple[float, float],
    spread: tuple[float, float],
    size: float,
) -> Mask:
    """Union of random discs within an ellipse."""
    crown = np.zeros(up.shape, dtype=np.bool_)
    for _ in range(count):
        angle, distance = random.uniform(0.0, 2.0 * np.pi), np.sqrt(random.random())
        cu = middle[0] + spread[0] * distance * np.sin(angle)
        ca = middle[1] + spread[1] * distance * np.cos(angle)
        crown |= ((up - cu) / size) ** 2 + ((aside - ca) / (1.35 * size)) ** 2 < random.uniform(0.5, 1.0)
    return crown & (np.abs(aside) < 0.98)


def _draw_plant(
    picture: npt.NDArray[np.uint8],
    crown: Mask,
    up: npt.NDArray[np.float64],
    aside: npt.NDArray[np.float64],
    random: np.random.Generator,
    stem: float,
) -> None:
    """Draw foliage within a crown, lighter above and to the right, and a stem."""
    trunk = (np.abs(aside) < stem) & (up < 0.5)
    picture[trunk] = np.where(aside > 0.0, TRUNK, TRUNK + 1)[trunk]
    noise = random.random(up.shape)
    rough = random.random((SPRITE_HEIGHT // 4, SPRITE_WIDTH // 4)).repeat(4, axis=0).repeat(4, axis=1)
    shade = np.clip(1.0 + 3.2 * up + 1.2 * aside + 2.2 * noise + 2.0 * rough - 1.2, 0.0, 7.0).astype(np.uint8)
    holes = noise < 0.04
    picture[crown & ~holes] = (FOLIAGE + shade)[crown & ~holes]

"""Textures of buildings, as kinds of surface with grain; generated once from a fixed seed.

A tile is one bay of one storey: a byte per texel, its kind in the upper half and its grain in the lower. The camera
gives each kind the colours of the building at hand. Coarser levels hold the most frequent kind of the texels around.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.terrain.buildings import (
    GROUND_TILES,
    HEDGE,
    PLAIN,
    RAILING,
    ROOF,
    RUBBLE,
    TILES,
    UPPER_TILES,
)

TEXELS = 32  # along a side of a tile
LEVELS = 5  # each halves the resolution
WALL, DARK, FRAME, GLASS, ACCENT, HOLE = range(6)
KINDS = HOLE  # that are drawn
KIND_SHIFT = 4  # a byte is kind << 4 | grain

Tile = npt.NDArray[np.uint8]


@cache
def facades() -> npt.NDArray[np.uint8]:
    """(LEVELS, TILES, TEXELS, TEXELS) uint8, row 0 at the bottom; coarser levels repeat texels."""
    random = np.random.default_rng(1871)
    finest = np.zeros((TILES, TEXELS, TEXELS), dtype=np.uint8)
    for k in range(UPPER_TILES):
        finest[k] = _windows(random)
    for k in range(GROUND_TILES):
        finest[UPPER_TILES + k] = _shop_front(random) if k < GROUND_TILES // 2 else _entrance(random)
    finest[PLAIN] = _brick(random, 2)
    rows = np.arange(TEXELS)[:, None]
    finest[ROOF] = np.where(rows % 4 == 0, _surface(DARK, random, 4), _surface(WALL, random, 7))
    finest[HEDGE] = _surface(WALL, random, 15)
    bars = (np.arange(TEXELS)[None] % 8 < 2) | (rows > 27) | (rows < 3)
    finest[RAILING] = np.where(bars, _surface(WALL, random, 3), HOLE << KIND_SHIFT)
    finest[RUBBLE] = _rubble(random)
    levels = np.empty((LEVELS, *finest.shape), dtype=np.uint8)
    levels[0] = finest
    for level in range(1, LEVELS):
        levels[level] = _coarser(finest, 1 << level)
    return levels


def _surface(kind: int, random: np.random.Generator, rough: int) -> Tile:
    """A tile of one kind with a random grain around the middle."""
    grain = 8 + random.integers(-(rough // 2), rough // 2 + 1, (TEXELS, TEXELS))
    return (kind << KIND_SHIFT | np.clip(grain, 0, 15)).astype(np.uint8)


def _brick(random: np.random.Generator, course: int) -> Tile:
    """Courses of bricks with their own tones, or plaster without courses (0)."""
    if course == 0:
        return _surface(WALL, random, 4)
    tones = random.integers(4, 13, (TEXELS // course, TEXELS // (2 * course)))
    grain = tones.repeat(course, axis=0).repeat(2 * course, axis=1)
    return (WALL << KIND_SHIFT | grain).astype(np.uint8)


def _rectangle(tile: Tile, surface: Tile, bottom: float, top: float, left: float, right: float) -> None:
    """Copy a part of a surface, in shares of the tile."""
    part = np.s_[
        round(bottom * TEXELS) : max(round(bottom * TEXELS) + 1, round(top * TEXELS)),
        round(left * TEXELS) : max(round(left * TEXELS) + 1, round(right * TEXELS)),
    ]
    tile[part] = surface[part]


def _windows(random: np.random.Generator) -> Tile:
    """An upper storey: one or two windows, or a band of glass, with frames, bars and sills."""
    tile = _brick(random, int(random.choice([0, 0, 1, 2])))
    glass, frame, dark = _surface(GLASS, random, 6), _surface(FRAME, random, 2), _surface(DARK, random, 3)
    style = random.random()
    bottom, top = random.uniform(0.2, 0.34), random.uniform(0.72, 0.88)
    if style < 0.2:  # a band
        spans = [(0.0, 1.0)]
    elif style < 0.45:
        spans = [(0.12, 0.44), (0.56, 0.88)]
    else:
        half = random.uniform(0.14, 0.36)
        spans = [(0.5 - half, 0.5 + half)]
    rim = random.choice([0.03, 0.06])
    for left, right in spans:
        if style >= 0.2:
            _rectangle(tile, frame if random.random() < 0.7 else dark, bottom - rim, top + rim, left - rim, right + rim)
        _rectangle(tile, glass, bottom, top, left, right)
        middle = 0.5 * (left + right)
        _rectangle(tile, frame, bottom, top, middle - 0.02, middle + 0.02)
        if random.random() < 0.6:
            level = random.uniform(0.5, 0.62)
            _rectangle(tile, frame, level, level + 0.03, left, right)
    if random.random() < 0.5:
        _rectangle(
            tile, frame, bottom - 0.08, bottom - 0.03, max(0.0, spans[0][0] - 0.05), min(1.0, spans[-1][1] + 0.05)
        )
    if random.random() < 0.35:
        _rectangle(tile, frame if random.random() < 0.5 else dark, 0.95, 1.0, 0.0, 1.0)
    return tile


def _shop_front(random: np.random.Generator) -> Tile:
    """A shop: glass, pillars, a sign above it."""
    tile = _brick(random, 0)
    _rectangle(tile, _surface(GLASS, random, 12), 0.08, 0.7, 0.04, 0.96)
    accent, frame = _surface(ACCENT, random, 3), _surface(FRAME, random, 3)
    _rectangle(tile, accent, 0.72, 0.92, 0.0, 1.0)
    for _ in range(int(random.integers(2, 6))):  # letters
        left = random.uniform(0.15, 0.75)
        _rectangle(tile, frame, 0.78, 0.87, left, left + random.uniform(0.03, 0.1))
    door = random.uniform(0.1, 0.7)
    _rectangle(tile, accent if random.random() < 0.5 else frame, 0.0, 0.68, door, door + 0.03)
    _rectangle(tile, accent if random.random() < 0.5 else frame, 0.0, 0.68, door + 0.2, door + 0.23)
    _rectangle(tile, accent, 0.0, 0.1, 0.0, 1.0)
    return tile


def _entrance(random: np.random.Generator) -> Tile:
    """A lowest storey with a window and often a door."""
    tile = _windows(random)
    if random.random() < 0.6:
        left = random.choice([0.06, 0.7])
        _rectangle(tile, _surface(FRAME, random, 2), 0.0, 0.78, left - 0.03, left + 0.25)
        _rectangle(tile, _surface(ACCENT, random, 3), 0.0, 0.74, left, left + 0.22)
    _rectangle(tile, _surface(DARK, random, 3), 0.0, 0.06, 0.0, 1.0)
    return tile


def _rubble(random: np.random.Generator) -> Tile:
    """Irregular stones with dark joints: a Voronoi pattern that repeats."""
    seeds = random.uniform(0.0, TEXELS, (26, 2))
    tones = random.integers(3, 14, len(seeds))
    y, x = np.mgrid[0:TEXELS, 0:TEXELS] + 0.5
    wrapped = [np.abs(axis[..., None] - seeds[:, k]) for k, axis in enumerate((y, x))]
    distance = np.hypot(*[np.minimum(away, TEXELS - away) for away in wrapped])
    nearest = np.sort(distance, axis=-1)
    joint = nearest[..., 1] - nearest[..., 0] < 0.9
    stone = WALL << KIND_SHIFT | tones[distance.argmin(axis=-1)]
    return np.where(joint, DARK << KIND_SHIFT | 4, stone).astype(np.uint8)


def _coarser(tiles: npt.NDArray[np.uint8], factor: int) -> npt.NDArray[np.uint8]:
    """The most frequent kind, and mean grain, of blocks of texels; repeated, so that the shape stays."""
    count, side = len(tiles), TEXELS // factor
    blocks = tiles.reshape(count, side, factor, side, factor).transpose(0, 1, 3, 2, 4).reshape(count, side, side, -1)
    kinds = blocks >> KIND_SHIFT
    votes = np.stack([(kinds == kind).sum(axis=-1) for kind in range(HOLE + 1)], axis=-1)
    best = votes.argmax(axis=-1)
    same = kinds == best[..., None]
    grain = ((blocks & 15) * same).sum(axis=-1).astype(np.int64) // same.sum(axis=-1)
    coarse = (best << KIND_SHIFT | grain).astype(np.uint8)
    repeated: npt.NDArray[np.uint8] = coarse.repeat(factor, axis=1).repeat(factor, axis=2)
    return repeated

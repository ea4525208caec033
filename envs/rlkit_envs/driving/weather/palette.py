"""Colour tables of an appearance: one entry per byte of the ground and band of distance, one look-up per pixel.

The colour of a byte depends on distance, by fog and by the reflection of the sky on a wet road. Distances are divided
into bands on a logarithmic scale, each with a table of its own. An entry is a 32-bit word: red,
green, blue, and the class of what it is in the topmost byte.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    EARTH,
    GRASS,
    GRAVEL,
    KERB_RED,
    KERB_WHITE,
    LINE,
    PATCH,
    PAVING,
)

CLASSES = ("sky", "tree", "grass", "gravel", "road", "line", "kerb", "vehicle", "obstacle")
SKY, TREE, GROUND, TRAP, ROAD, MARKING, KERBS, VEHICLE, OBSTACLE = range(len(CLASSES))
DRIVABLE = ("road", "line", "kerb")
# Class of each material of ``terrain.materials``; bare earth counts as grass.
CLASS_OF_MATERIAL = np.array([GROUND, TRAP, ROAD, ROAD, MARKING, KERBS, KERBS, GROUND], dtype=np.uint32)
# Streets have two more classes; kerb stones belong to the pavement.
STREET_CLASSES = (*CLASSES, "pavement", "building")
PAVEMENT, BUILDING = len(CLASSES), len(CLASSES) + 1
CLASS_OF_STREET_MATERIAL = np.array([GROUND, PAVEMENT, ROAD, ROAD, MARKING, PAVEMENT, MARKING, GROUND], dtype=np.uint32)

BANDS = 14
_NEAREST, _FURTHEST = 2.0, 400.0  # m, range of the bands

# Inks of objects on the ground. Foliage: 4 tints by 8 shades; cars: paint by 8 colours in 3 shades.
INKS = 80
FOLIAGE, TRUNK, BOARD_RED, BOARD_WHITE, CONE, CONE_WHITE = 1, 33, 35, 36, 37, 39
PAINT, GLASS, TYRE, TAIL_LAMP, HEAD_LAMP = 40, 64, 65, 66, 67
# Furniture and people of streets: metal in two shades, signs, clothes, skin, and lights.
POLE, SIGN_BLUE, SIGN_YELLOW, CLOTHES, SKIN, GREEN_LIGHT = 68, 70, 71, 72, 77, 78
# From the first of them on: albedo.
_STREET_INKS = np.array(
    [
        (0.34, 0.35, 0.36),
        (0.16, 0.17, 0.17),
        (0.08, 0.18, 0.50),
        (0.85, 0.68, 0.10),
        (0.06, 0.06, 0.08),
        (0.12, 0.16, 0.32),
        (0.50, 0.10, 0.10),
        (0.48, 0.44, 0.38),
        (0.80, 0.80, 0.78),
        (0.62, 0.44, 0.34),
        (0.10, 0.75, 0.35),
        (0.80, 0.12, 0.08),
    ]
)

# Colours of cars: silver, black, white, blue, red, green, yellow, orange.
_PAINTS = np.array(
    [
        (0.62, 0.64, 0.66),
        (0.07, 0.07, 0.08),
        (0.88, 0.88, 0.88),
        (0.10, 0.20, 0.55),
        (0.62, 0.07, 0.08),
        (0.08, 0.34, 0.20),
        (0.84, 0.68, 0.12),
        (0.86, 0.38, 0.08),
    ]
)
_PUDDLE = 0.45  # share of the road's grain with standing water at full wetness
SKY_ROWS, SKY_SHADES = 16, 16


@kernel
def band_of(distance: float) -> int:
    """Band of a distance in metres."""
    if distance <= _NEAREST:
        return 0
    return min(BANDS - 1, int(BANDS * np.log(distance / _NEAREST) / np.log(_FURTHEST / _NEAREST)))


@kernel
def _band_distance(band: int) -> float:
    """A distance in the middle of a band, in metres."""
    return float(_NEAREST * (_FURTHEST / _NEAREST) ** ((band + 0.5) / BANDS))


@kernel
def _word(red: float, green: float, blue: float, label: int) -> np.uint32:
    r = np.uint32(min(255.0, max(0.0, 255.0 * red + 0.5)))
    g = np.uint32(min(255.0, max(0.0, 255.0 * green + 0.5)))
    b = np.uint32(min(255.0, max(0.0, 255.0 * blue + 0.5)))
    return r | (g << np.uint32(8)) | (b << np.uint32(16)) | (np.uint32(label) << np.uint32(24))


@kernel
def mix_ground(table: np.ndarray, appearance: Record, camera_height: float, street: bool = False) -> None:
    """Compute the colours of the ground; about 20 µs.

    Args:
        table: (bands, 256) uint32, written; with a single band, as seen from above and near.
        appearance: Record of ``APPEARANCE``.
        camera_height: In metres; the lower, the more a wet road reflects.
        street: Whether the materials are those of a street.
    """
    from_above = len(table) == 1
    near = np.empty((256, 3))  # without fog and reflection
    shines = np.empty(256)  # factor of the reflection
    for byte in range(256):
        material = byte >> 5
        shaded = (byte >> 4) & 1
        grain = (byte & 15) / 15.0
        paved = material in (ASPHALT, PATCH, LINE, KERB_RED, KERB_WHITE) or (street and material == PAVING)
        rough = 0.3 if material in (GRASS, EARTH) else 0.25 if material == GRAVEL else 0.12
        bright = 1.0 + rough * appearance.contrast * (2.0 * grain - 1.0)
        shines[byte] = 0.2
        if paved:
            bright *= 1.0 - 0.4 * appearance.wetness
            shines[byte] = 1.8 if grain > 1.0 - _PUDDLE * appearance.wetness else 1.0
        # Snow covers grass completely and the road in patches.
        cover = appearance.snow * (0.95 if not paved else 0.25 + 0.45 * grain)
        if paved and grain > 1.05 - 0.5 * appearance.snow:
            cover = min(1.0, cover + 0.45 * appearance.snow)
        for c in range(3):
            albedo = (1.0 - cover) * appearance.material[material, c] * bright + cover * (0.86 + 0.06 * grain)
            near[byte, c] = albedo * (appearance.ambient[c] + (0.0 if shaded else appearance.sun[c]))
    for band in range(len(table)):
        distance = 0.0 if from_above else _band_distance(band)
        haze = 1.0 - np.exp(-appearance.fog * distance)
        sine = 1.0 if from_above else camera_height / np.sqrt(camera_height**2 + distance**2)
        mirror = appearance.wetness * (0.04 + 0.75 * (1.0 - sine) ** 5)
        for byte in range(256):
            shine = min(0.9, mirror * shines[byte])
            keep = (1.0 - haze) * (1.0 - shine)
            # Fog and reflection both add the colour of the sky at the horizon.
            table[band, byte] = _word(
                keep * near[byte, 0] + (1.0 - keep) * appearance.horizon[0],
                keep * near[byte, 1] + (1.0 - keep) * appearance.horizon[1],
                keep * near[byte, 2] + (1.0 - keep) * appearance.horizon[2],
                CLASS_OF_STREET_MATERIAL[byte >> 5] if street else CLASS_OF_MATERIAL[byte >> 5],
            )


@kernel
def _ink_colour(ink: int, appearance: Record, colour: np.ndarray) -> int:
    """Write the albedo (3,) of an ink and return its class."""
    if ink >= POLE:
        colour[:] = _STREET_INKS[ink - POLE]
        return OBSTACLE
    if ink >= PAINT and ink < GLASS:
        paint, shade = (ink - PAINT) // 3, (ink - PAINT) % 3
        for c in range(3):
            colour[c] = _PAINTS[paint, c] * (1.0 - 0.28 * shade)
        return VEHICLE
    if ink == GLASS:
        colour[0], colour[1], colour[2] = 0.12, 0.15, 0.18
        return VEHICLE
    if ink == TYRE:
        colour[:] = 0.05
        return VEHICLE
    if ink == TAIL_LAMP:
        colour[0], colour[1], colour[2] = 0.75, 0.05, 0.05
        return VEHICLE
    if ink == HEAD_LAMP:
        colour[:] = 0.92
        return VEHICLE
    if ink == CONE or ink == CONE + 1:
        colour[0], colour[1], colour[2] = 0.92, 0.36, 0.08
        if ink > CONE:
            colour *= 0.75
        return OBSTACLE
    if ink == CONE_WHITE:
        colour[:] = 0.9
        return OBSTACLE
    if ink == BOARD_RED:
        colour[0], colour[1], colour[2] = 0.75, 0.10, 0.10
        return OBSTACLE
    if ink == BOARD_WHITE:
        colour[:] = 0.9
        return OBSTACLE
    if ink >= TRUNK:
        colour[0], colour[1], colour[2] = 0.24, 0.17, 0.11
        if ink > TRUNK:
            colour *= 0.7
        return TREE
    tint, shade = (ink - FOLIAGE) // 8, (ink - FOLIAGE) % 8
    bright = (0.75 + 0.2 * tint) * (0.45 + 1.1 * shade / 7.0)
    snowy = appearance.snow * (0.2 + 0.6 * shade / 7.0)
    for c in range(3):
        colour[c] = (1.0 - snowy) * appearance.foliage[c] * bright * 1.6 + snowy * 0.85
    return TREE


@kernel
def mix_inks(table: np.ndarray, appearance: Record) -> None:
    """Work out the colours of what stands on the ground.

    Args:
        table: (bands, INKS) uint32, written; with a single band, without fog.
        appearance: Record of ``APPEARANCE``.
    """
    colour = np.empty(3)
    clear = np.ones(len(table))
    if len(table) > 1:
        for band in range(len(table)):
            clear[band] = np.exp(-appearance.fog * _band_distance(band))
    for ink in range(1, INKS):
        label = _ink_colour(ink, appearance, colour)
        lit = 0.55 if label != TREE else 0.7
        glow = appearance.lamps if ink in (TAIL_LAMP, HEAD_LAMP) else 0.0
        for c in range(3):
            colour[c] *= max(appearance.ambient[c] + lit * appearance.sun[c], glow)
        for band in range(len(table)):
            keep = clear[band]
            table[band, ink] = _word(
                keep * colour[0] + (1.0 - keep) * appearance.horizon[0],
                keep * colour[1] + (1.0 - keep) * appearance.horizon[1],
                keep * colour[2] + (1.0 - keep) * appearance.horizon[2],
                label,
            )


@kernel
def mix_sky(table: np.ndarray, appearance: Record) -> None:
    """Compute the colours of the sky, by elevation and cloud cover, and of the hills.

    Args:
        table: (SKY_ROWS + 1, SKY_SHADES) uint32, written: from the horizon up; the last row is the hills, by distance.
        appearance: Record of ``APPEARANCE``.
    """
    for row in range(SKY_ROWS):
        up = (row / (SKY_ROWS - 1.0)) ** 0.7
        for shade in range(SKY_SHADES):
            # Clouds are where the texture is bright, and thinner towards the horizon.
            density = (shade / (SKY_SHADES - 1.0) - 1.0 + appearance.clouds) * 2.5
            cover = min(1.0, max(0.0, density)) * (0.25 + 0.75 * min(1.0, 2.0 * up))
            mixed = (
                (1.0 - cover) * ((1.0 - up) * appearance.horizon[0] + up * appearance.sky[0])
                + cover * appearance.cloud[0],
                (1.0 - cover) * ((1.0 - up) * appearance.horizon[1] + up * appearance.sky[1])
                + cover * appearance.cloud[1],
                (1.0 - cover) * ((1.0 - up) * appearance.horizon[2] + up * appearance.sky[2])
                + cover * appearance.cloud[2],
            )
            table[row, shade] = _word(mixed[0], mixed[1], mixed[2], SKY)
    haze = 1.0 - np.exp(-appearance.fog * 600.0)
    for shade in range(SKY_SHADES):
        bright = (0.7 + 0.3 * shade / (SKY_SHADES - 1.0)) * (1.0 - appearance.snow) + 2.6 * appearance.snow
        mixed = (
            0.35 * haze * appearance.horizon[0]
            + (1.0 - 0.35 * haze) * 0.24 * bright * (appearance.ambient[0] + 0.5 * appearance.sun[0]),
            0.35 * haze * appearance.horizon[1]
            + (1.0 - 0.35 * haze) * 0.30 * bright * (appearance.ambient[1] + 0.5 * appearance.sun[1]),
            0.35 * haze * appearance.horizon[2]
            + (1.0 - 0.35 * haze) * 0.28 * bright * (appearance.ambient[2] + 0.5 * appearance.sun[2]),
        )
        far = 0.45 + 0.55 * haze
        table[SKY_ROWS, shade] = _word(
            (1.0 - far) * mixed[0] + far * appearance.horizon[0],
            (1.0 - far) * mixed[1] + far * appearance.horizon[1],
            (1.0 - far) * mixed[2] + far * appearance.horizon[2],
            TREE,
        )

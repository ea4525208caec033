"""The bird's view: the ground around the car as seen from above by a car that drives upwards."""

import numpy as np

from rlkit_envs.driving.compiled import Record, kernel
from rlkit_envs.driving.ground.layers import MATERIAL_LEVELS
from rlkit_envs.driving.ground.tiles import ONE, paint_row, read_row, start_of_row
from rlkit_envs.driving.looks.colours import CLASS_OF_MATERIAL, OBSTACLE, PAINT, VEHICLE
from rlkit_envs.driving.looks.colours import CONE as CONE_INK
from rlkit_envs.driving.sensors.boxes import paint_box
from rlkit_envs.driving.traffic.road_users import CONE

OTHERS_GREY = 96  # what other cars and cones are in a picture of the road
CAR_HEIGHT = 0.75  # share of the picture that lies ahead of the car: it mostly looks ahead


@kernel
def _walk(
    height: int, width: int, scale: float, x: float, y: float, heading: float, layer: Record
) -> tuple[int, int, int, int, int, int]:
    """Fixed-point position of the top left pixel in a layer, and the paces from pixel to pixel and from row to row."""
    cosine = np.cos(heading)
    sine = np.sin(heading)
    ahead = (CAR_HEIGHT * height - 0.5) * scale
    u, v, du, dv = start_of_row(x + ahead * cosine, y + ahead * sine, scale * sine, -scale * cosine, width, layer)
    half = 0.5 * scale * ONE / layer.cell  # Paces are even, so that positions stay odd
    return u, v, du, dv, -2 * int(np.rint(half * cosine)), -2 * int(np.rint(half * sine))


@kernel
def draw_road(
    picture: np.ndarray,
    scales: np.ndarray,
    x: float,
    y: float,
    heading: float,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
) -> None:
    """Draw how much of each pixel is road, 255 for all of it; about 1.4 ns a pixel.

    Args:
        picture: (H, W, C) uint8; one channel per scale is written.
        scales: (S,) metres per pixel, S at most C.
        x: Car's position, in metres.
        y: Car's position, in metres.
        heading: Car's heading, in radians.
        cells: (B,) uint8 ground of the circuit.
        tiles: (T,) uint32 table of its tiles.
        layers: (L,) records of ``LAYER``, the share layers first.
    """
    height, width = picture.shape[0], picture.shape[1]
    for channel in range(len(scales)):
        layer = layers[channel]
        u, v, du, dv, down_u, down_v = _walk(height, width, scales[channel], x, y, heading, layer)
        for row in range(height):
            read_row(picture[row, :, channel], u + row * down_u, v + row * down_v, du, dv, cells, tiles, layer)


@kernel
def draw_colours(
    words: np.ndarray,
    labels: np.ndarray,
    scale: float,
    x: float,
    y: float,
    heading: float,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
    colours: np.ndarray,
) -> None:
    """Draw the ground in colour; about 1.5 ns a pixel.

    Args:
        words: (H, 3W/4) uint32 picture, written.
        labels: (H, W) uint8, written; with no rows, no labels are asked for.
        scale: Metres per pixel.
        x: Car's position, in metres.
        y: Car's position, in metres.
        heading: Car's heading, in radians.
        cells: (B,) uint8 ground of the circuit.
        tiles: (T,) uint32 table of its tiles.
        layers: (MATERIAL_LEVELS,) records of ``LAYER``.
        colours: (256,) uint32.
    """
    height, width = len(words), 4 * words.shape[1] // 3
    level = 0
    while level < MATERIAL_LEVELS - 1 and layers[level].cell * 1.5 < scale:
        level += 1
    layer = layers[level]
    u, v, du, dv, down_u, down_v = _walk(height, width, scale, x, y, heading, layer)
    for row in range(height):
        if len(labels):
            paint_row(words[row], labels[row], u + row * down_u, v + row * down_v, du, dv, cells, tiles, layer, colours)
        else:
            paint_row(words[row], None, u + row * down_u, v + row * down_v, du, dv, cells, tiles, layer, colours)


@kernel
def road_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray | None,
    pictures: np.ndarray,
    scales: np.ndarray,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
) -> None:
    """Draw the road (N, H, W, C), and other cars and cones on it in grey, for cars from ``low`` up to ``high``."""
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        draw_road(pictures[i], scales, car.x, car.y, car.heading, cells[slot], tiles[slot], layers[slot])
        if others is not None:
            values = np.full((others.shape[1], 1), OTHERS_GREY, dtype=np.uint8)
            for channel in range(len(scales)):
                _paint_others(pictures[i], channel, car, others[i], scales[channel], values)


@kernel
def colours_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray | None,
    pictures: np.ndarray,
    words: np.ndarray,
    scale: float,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
    shares: int,
    colours: np.ndarray,
    inks: np.ndarray,
) -> None:
    """Draw the ground (N, H, W, 3) in colour, and other cars and cones on it, for cars from ``low`` up to ``high``."""
    none = np.empty((0, 0), dtype=np.uint8)
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        draw_colours(
            words[i],
            none,
            scale,
            car.x,
            car.y,
            car.heading,
            cells[slot],
            tiles[slot],
            layers[slot, shares:],
            colours[i, 0],
        )
        if others is not None:
            values = np.empty((others.shape[1], 3), dtype=np.uint8)
            for k in range(others.shape[1]):
                other = others[i, k]
                word = inks[i, 0, CONE_INK if other.kind == CONE else PAINT + 3 * (other.colour % 8)]
                for c in range(3):
                    values[k, c] = (word >> np.uint32(8 * c)) & np.uint32(255)
            _paint_others(pictures[i], 0, car, others[i], scale, values)


@kernel
def classes_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray | None,
    pictures: np.ndarray,
    scale: float,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
    shares: int,
) -> None:
    """Draw what class each pixel (N, H, W, 1) of the ground is, for cars from ``low`` up to ``high``."""
    height, width = pictures.shape[1], pictures.shape[2]
    words = np.empty((height, 3 * width // 4), dtype=np.uint32)
    colours = np.empty(256, dtype=np.uint32)
    for byte in range(256):
        colours[byte] = CLASS_OF_MATERIAL[byte >> 5] << np.uint32(24)
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        draw_colours(
            words,
            pictures[i, :, :, 0],
            scale,
            car.x,
            car.y,
            car.heading,
            cells[slot],
            tiles[slot],
            layers[slot, shares:],
            colours,
        )
        if others is not None:
            values = np.empty((others.shape[1], 1), dtype=np.uint8)
            for k in range(others.shape[1]):
                values[k, 0] = OBSTACLE if others[i, k].kind == CONE else VEHICLE
            _paint_others(pictures[i], 0, car, others[i], scale, values)


@kernel
def _paint_others(
    picture: np.ndarray, channel: int, car: Record, others: np.ndarray, scale: float, values: np.ndarray
) -> None:
    """Draw other cars and cones (K,) into a picture (H, W, C), each with its row of the values (K, V)."""
    for k in range(len(others)):
        if others[k].active:
            paint_box(
                picture, channel, values[k], scale, CAR_HEIGHT * len(picture), car.x, car.y, car.heading, others[k]
            )

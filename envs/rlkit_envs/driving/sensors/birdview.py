"""The bird's-eye view: the ground around the car from above, driving direction up, with boxes of other cars."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.terrain.layers import MATERIAL_LEVELS
from rlkit_envs.driving.terrain.tiles import ONE, paint_row, read_row, start_of_row
from rlkit_envs.driving.traffic.behaviour import CONE
from rlkit_envs.driving.weather.palette import CLASS_OF_MATERIAL, OBSTACLE, PAINT, VEHICLE
from rlkit_envs.driving.weather.palette import CONE as CONE_INK

OTHERS_GREY = 96  # value of other cars and cones among the road
STANDING = 64  # value of those that stand in the channel of speeds, where 0 is nothing
FASTEST = 30.0  # m/s, speed from which the value there is 255
CAR_HEIGHT = 0.75  # share of the image that lies ahead of the car


@kernel
def _pixel_grid(
    height: int, width: int, scale: float, x: float, y: float, heading: float, layer: Record
) -> tuple[int, int, int, int, int, int]:
    """Fixed-point position of the top left pixel in a layer, and the steps from pixel to pixel and row to row."""
    cosine = np.cos(heading)
    sine = np.sin(heading)
    ahead = (CAR_HEIGHT * height - 0.5) * scale
    u, v, du, dv = start_of_row(x + ahead * cosine, y + ahead * sine, scale * sine, -scale * cosine, width, layer)
    half = 0.5 * scale * ONE / layer.cell  # steps are even, so that positions stay odd
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
        u, v, du, dv, down_u, down_v = _pixel_grid(height, width, scales[channel], x, y, heading, layer)
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
        labels: (H, W) uint8, written; without rows, there are no labels.
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
    u, v, du, dv, down_u, down_v = _pixel_grid(height, width, scale, x, y, heading, layer)
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
    """Draw the road (N, H, W, C) for cars from ``low`` up to ``high``, one channel per scale.

    With other cars or cones, they are grey there, and a further channel at the first scale shows their speeds.
    """
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        draw_road(pictures[i], scales, car.x, car.y, car.heading, cells[slot], tiles[slot], layers[slot])
        if others is not None:
            values = np.full((others.shape[1], 1), OTHERS_GREY, dtype=np.uint8)
            for channel in range(len(scales)):
                _paint_others(pictures[i], channel, car, others[i], scales[channel], values)
            for k in range(others.shape[1]):
                share = min(1.0, max(0.0, others[i, k].speed / FASTEST))
                values[k, 0] = np.uint8(STANDING + (255 - STANDING) * share)
            pictures[i, :, :, len(scales)] = 0
            _paint_others(pictures[i], len(scales), car, others[i], scales[0], values)


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
    """Draw the class of each pixel (N, H, W, 1) of the ground, for cars from ``low`` up to ``high``."""
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


@kernel
def paint_box(
    picture: np.ndarray,
    channel: int,
    values: np.ndarray,
    scale: float,
    own_row: float,
    own_x: float,
    own_y: float,
    own_heading: float,
    box: Record,
) -> None:
    """Fill the pixels whose centres lie in a box; for a box without any, the pixel around its centre.

    Args:
        picture: (H, W, C) uint8, changed in place; the own car is in its middle column, driving direction up.
        channel: First channel to paint.
        values: (V,) uint8 for as many channels from there on: one for a grey picture, three for a colour.
        scale: Metres per pixel.
        own_row: Rows from the upper edge to the middle of the own car.
        own_x: Its position, in metres.
        own_y: Likewise.
        own_heading: In radians.
        box: Record with x, y, heading, length, width, such as ``traffic.OTHER``.
    """
    height, width = picture.shape[0], picture.shape[1]
    cosine, sine = np.cos(own_heading), np.sin(own_heading)
    dx, dy = box.x - own_x, box.y - own_y
    # Pixels down and to the right, from the picture's corner to the middle of the box.
    middle_row = own_row - (dx * cosine + dy * sine) / scale
    middle_column = 0.5 * width + (dx * sine - dy * cosine) / scale
    half_length, half_width = 0.5 * box.length / scale, 0.5 * box.width / scale
    radius = np.sqrt(half_length * half_length + half_width * half_width) + 1.0
    if not (-radius < middle_row < height + radius and -radius < middle_column < width + radius):
        return
    # Unit vector of the box's length in the picture: up is -row, left is -column.
    turn = box.heading - own_heading
    up, left = np.cos(turn), np.sin(turn)
    painted = False
    for row in range(max(0, int(middle_row - radius)), min(height, int(middle_row + radius) + 1)):
        # Columns c with |along| <= half length and |aside| <= half width are one interval; find its ends.
        above = middle_row - (row + 0.5)
        low, high = middle_column - radius, middle_column + radius
        low, high = _clip(low, high, above * up + middle_column * left, left, half_length)
        low, high = _clip(low, high, -above * left + middle_column * up, up, half_width)
        for column in range(max(0, int(np.ceil(low - 0.5))), min(width - 1, int(np.floor(high - 0.5))) + 1):
            painted = True
            for k in range(len(values)):
                picture[row, column, channel + k] = values[k]
    if not painted and 0.0 <= middle_row < height and 0.0 <= middle_column < width:
        for k in range(len(values)):
            picture[int(middle_row), int(middle_column), channel + k] = values[k]


@kernel
def _clip(low: float, high: float, at_zero: float, slope: float, half: float) -> tuple[float, float]:
    """Part of [low, high] in which at_zero - slope·c lies within ±half."""
    if abs(slope) < 1e-12:
        return (low, high) if abs(at_zero) <= half else (high, low - 1.0)
    first, last = (at_zero - half) / slope, (at_zero + half) / slope
    if first > last:
        first, last = last, first
    return max(low, first), min(high, last)

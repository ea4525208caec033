"""What the driver gets to see: the bird's view of the road around the car, and a few numbers about the car itself."""

import numpy as np

from rlkit_envs.driving.compiled import Record, kernel
from rlkit_envs.driving.ground import LEVELS, level_start
from rlkit_envs.driving.vehicle import MAX_STEERING, SPEED_SCALE, YAW_RATE_SCALE

CAR_HEIGHT = 0.75  # share of the picture that lies ahead of the car: it drives upwards and mostly looks ahead


@kernel
def birdview(
    picture: np.ndarray,
    scales: np.ndarray,
    x: float,
    y: float,
    heading: float,
    cells: np.ndarray,
    circuit: Record,
    intensity: np.ndarray,
) -> None:
    """Draw the road as seen from above by a car that drives upwards, softly filtered.

    Each pixel is one bilinear look-up in the level of the ground whose cells are as wide as the pixel or less, so that
    coarse pictures show how much of a pixel is road instead of flickering.

    Args:
        picture: (H, W, C) uint8, written; one channel per scale. 255 is road, 0 is not.
        scales: (C,) metres per pixel.
        x: Car's position, in metres.
        y: Car's position, in metres.
        heading: Car's heading, in radians.
        cells: (B,) uint8 ground of the circuit.
        circuit: Its record of ``CIRCUIT``.
        intensity: (256,) uint8 brightness of each byte of the finest level.
    """
    height, width = picture.shape[0], picture.shape[1]
    cosine = np.cos(heading)
    sine = np.sin(heading)
    for channel in range(len(scales)):
        scale = scales[channel]
        level = 0
        while level < LEVELS - 1 and circuit.cell * (2 << level) <= scale * 1.0001:
            level += 1
        cell = circuit.cell * (1 << level)
        start = level_start(circuit.rows, circuit.columns, level)
        rows = circuit.rows >> level
        columns = circuit.columns >> level
        pace = scale / cell
        # Raster coordinates of the middle of the top left pixel; from there it goes on in equal paces.
        ahead = (CAR_HEIGHT * height - 0.5) * pace
        left = (0.5 * width - 0.5) * pace
        top_u = (x - circuit.origin_x) / cell - 0.5 + ahead * cosine - left * sine
        top_v = (y - circuit.origin_y) / cell - 0.5 + ahead * sine + left * cosine
        for row in range(height):
            row_u = top_u - row * pace * cosine
            row_v = top_v - row * pace * sine
            for column in range(width):
                u = row_u + column * pace * sine
                v = row_v - column * pace * cosine
                value = 0.0
                if 0.0 <= u < columns - 1 and 0.0 <= v < rows - 1:
                    i = int(u)
                    j = int(v)
                    fu = u - i
                    fv = v - j
                    at = start + j * columns + i
                    a = cells[at]
                    b = cells[at + 1]
                    c = cells[at + columns]
                    d = cells[at + columns + 1]
                    if level == 0:
                        a, b, c, d = intensity[a], intensity[b], intensity[c], intensity[d]
                    if a | b | c | d:
                        low = a + fu * (float(b) - a)
                        high = c + fu * (float(d) - c)
                        value = low + fv * (high - low)
                picture[row, column, channel] = np.uint8(value + 0.5)


@kernel
def gauges(state: np.ndarray, speed: float, steering: float, yaw_rate: float) -> None:
    """Write speed, steering and yaw rate as shares of their scales, in [-1, 1]; left is positive.

    Args:
        state: (3,) float32, written.
        speed: In m/s.
        steering: Angle of the front wheels, in radians.
        yaw_rate: In rad/s.
    """
    state[0] = min(1.0, speed / SPEED_SCALE)
    state[1] = min(1.0, max(-1.0, steering / MAX_STEERING))
    state[2] = min(1.0, max(-1.0, yaw_rate / YAW_RATE_SCALE))


@kernel
def paint_gauges(picture: np.ndarray, channel: int, state: np.ndarray) -> None:
    """Show the three numbers in a channel of their own, as grey bands from top to bottom; 128 stands for zero.

    Args:
        picture: (H, W, C) uint8, one channel of which is written.
        channel: Which one.
        state: (3,) float32 in [-1, 1].
    """
    height = picture.shape[0]
    for row in range(height):
        value = np.uint8(128.0 + 127.0 * state[3 * row // height])
        for column in range(picture.shape[1]):
            picture[row, column, channel] = value

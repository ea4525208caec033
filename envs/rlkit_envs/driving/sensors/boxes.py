"""Rotated boxes in pictures that look straight down."""

import numpy as np

from rlkit_envs.driving.compiled import Record, kernel


@kernel
def paint_box(
    picture: np.ndarray,
    channel: int,
    values: np.ndarray,
    scale: float,
    eye_row: float,
    eye_x: float,
    eye_y: float,
    eye_heading: float,
    box: Record,
) -> None:
    """Fill the pixels of a bird's view whose middles lie in a box; a box too small for any gets the one around it.

    Args:
        picture: (H, W, C) uint8, changed in place; the car that looks drives upwards in it, in its middle column.
        channel: First channel to paint.
        values: (V,) uint8 for as many channels from there on: one for a grey picture, three for a colour.
        scale: Metres per pixel.
        eye_row: Rows from the upper edge to the middle of the car that looks.
        eye_x: Position of the car that looks, in metres.
        eye_y: Likewise.
        eye_heading: In radians.
        box: Record with x, y, heading, length, width: one of ``traffic.OTHER``, say.
    """
    height, width = picture.shape[0], picture.shape[1]
    cosine, sine = np.cos(eye_heading), np.sin(eye_heading)
    dx, dy = box.x - eye_x, box.y - eye_y
    # Pixels down and to the right, from the picture's corner to the middle of the box.
    middle_row = eye_row - (dx * cosine + dy * sine) / scale
    middle_column = 0.5 * width + (dx * sine - dy * cosine) / scale
    half_length, half_width = 0.5 * box.length / scale, 0.5 * box.width / scale
    radius = np.sqrt(half_length * half_length + half_width * half_width) + 1.0
    if not (-radius < middle_row < height + radius and -radius < middle_column < width + radius):
        return
    # Unit vector of the box's length in the picture: up is -row, left is -column.
    turn = box.heading - eye_heading
    up, left = np.cos(turn), np.sin(turn)
    painted = False
    for row in range(max(0, int(middle_row - radius)), min(height, int(middle_row + radius) + 1)):
        # Columns c with |along| <= half length and |aside| <= half width are one run; find where it begins and ends.
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

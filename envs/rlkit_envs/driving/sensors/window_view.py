"""The picture of Gymnasium's CarRacing-v3: road, car and instruments from above, in its colours and proportions.

CarRacing-v3 draws a window of 1000×800 points at 16.2 points a metre and shrinks it to a square, so that a pixel of the
picture is 0.64 m wide and 0.51 m high. In the first second the view zooms in from the whole field. The road is drawn
here as there, tile by tile in three shades of grey, with red and white kerbs inside tight curves, beyond the road's
border; around it grass with lighter squares, and black beyond the field. Four samples a pixel take the place of its
7 by 8 points. The lowest eighth is black and shows the ``window_instruments``.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, X, Y, interpolate
from rlkit_envs.driving.sensors.window_instruments import FRAME, TILE, WINDOW_HEIGHT, WINDOW_WIDTH, draw_instruments
from rlkit_envs.driving.terrain.materials import ASPHALT, GRASS, KERB_RED, KERB_WHITE

ZOOM, FIRST_ZOOM = 16.2, 0.6  # points per metre, after the first second and at its begin
AHEAD = 0.75  # share of the window that lies ahead of the middle of the car
BAR = 0.875  # share of the window above the instruments
KERB_CURVATURE = 0.2 * 0.31 / TILE  # 1/m
KERB_TILES = 4  # tiles in a row that turn at least so much to the same side have a kerb there
TILE_REACH = 12.0  # m, more than from the middle of a tile to its corners
KERB_WIDTH = 4.0 / 3.0  # m
GRASS_SQUARE = 50.0 / 3.0  # m, every second square of every second row is lighter
FIELD = 1000.0 / 3.0  # m from the origin to the borders of the field
FIELD_MARGIN = 100.0  # m of field around a circuit that is larger
ORIGIN = 0.0804592  # m from the centre of gravity ahead to the middle of the window
SAMPLES = 2  # per pixel, along each side

# Palette of the drawing.
MEADOW, LIGHT_MEADOW, BLACK, GREY, RED, WHITE, TYRE, PAINT, OTHER = 0, 1, 2, 3, 6, 7, 8, 9, 10
INKS = 11


def _packed(*colours: tuple[int, int, int]) -> np.ndarray:
    """(n,) uint32 words: red, green and blue with 10 bits each, so that four of them can be added."""
    return np.array([red | (green << 10) | (blue << 20) for red, green, blue in colours], dtype=np.uint32)


COLOURS = _packed(
    (102, 204, 102),
    (102, 230, 102),
    (0, 0, 0),
    (102, 102, 102),
    (104, 104, 104),
    (107, 107, 107),
    (255, 0, 0),
    (255, 255, 255),
    (10, 10, 10),  # with some of the grey mark that shows a wheel's spin
    (204, 0, 0),
    (40, 60, 160),
)

# Outline of the body, in metres to the right and ahead of the middle of the window.
_BODY = 0.02 * np.array(
    [
        [(-60, 130), (60, 130), (60, 110), (-60, 110)],
        [(-15, 120), (15, 120), (20, 20), (-20, 20)],
        [(25, 20), (50, -10), (50, -40), (20, -90)],
        [(25, 20), (20, -90), (-20, -90), (-25, 20)],
        [(-25, 20), (-20, -90), (-50, -40), (-50, -10)],
        [(-50, -120), (50, -120), (50, -90), (-50, -90)],
    ]
)
_WHEELS = 0.02 * np.array([(-55, 80), (55, 80), (-55, -82), (55, -82)])
_WHEEL = 0.02 * np.array([(-14, 27), (14, 27), (14, -27), (-14, -27)])


@kernel
def field_of(circuit: Record) -> float:
    """Metres from the origin to the borders of the field: those of CarRacing-v3, or more for a larger circuit."""
    return float(max(FIELD, circuit.reach + FIELD_MARGIN))


@kernel
def _fill(canvas: np.ndarray, spans: np.ndarray, corners: np.ndarray, ink: int) -> None:
    """Fill the samples of a canvas (H, W) whose middles lie in the convex polygon with these corners (n, 2).

    Args:
        canvas: (H, W) uint8, changed in place.
        spans: (H, 2) scratch.
        corners: Samples to the right and down.
        ink: Value to write.
    """
    height, width = canvas.shape
    count = len(corners)
    top, bottom = corners[0, 1], corners[0, 1]
    for k in range(1, count):
        top, bottom = min(top, corners[k, 1]), max(bottom, corners[k, 1])
    first, last = max(0, int(np.ceil(top - 0.5))), min(height - 1, int(np.floor(bottom - 0.5)))
    for row in range(first, last + 1):
        spans[row, 0], spans[row, 1] = 1e9, -1e9
    for k in range(count):
        j = k + 1 if k + 1 < count else 0
        upper, lower = (k, j) if corners[k, 1] < corners[j, 1] else (j, k)
        begin = max(first, int(np.ceil(corners[upper, 1] - 0.5)))
        end = min(last, int(np.ceil(corners[lower, 1] - 0.5)) - 1)
        if end < begin:
            continue
        slope = (corners[lower, 0] - corners[upper, 0]) / (corners[lower, 1] - corners[upper, 1])
        x = corners[upper, 0] + (begin + 0.5 - corners[upper, 1]) * slope
        for row in range(begin, end + 1):
            if x < spans[row, 0]:
                spans[row, 0] = x
            if x > spans[row, 1]:
                spans[row, 1] = x
            x += slope
    for row in range(first, last + 1):
        begin, end = max(0, int(np.ceil(spans[row, 0] - 0.5))), min(width - 1, int(np.floor(spans[row, 1] - 0.5)))
        for column in range(begin, end + 1):
            canvas[row, column] = ink


@kernel
def _within(low: float, high: float, start: float, step: float, limit: float) -> tuple[float, float]:
    """Part of [low, high] in which start + t·step lies within ±limit; empty and at ``high`` if there is none."""
    if abs(step) < 1e-12:
        return (low, high) if abs(start) < limit else (high, high)
    first, last = (-limit - start) / step, (limit - start) / step
    if first > last:
        first, last = last, first
    first, last = max(low, first), min(high, last)
    return (first, last) if first < last else (high, high)


@kernel
def _draw_meadow(canvas: np.ndarray, view: np.ndarray, field: float) -> None:
    """Fill the canvas with grass, and with black beyond the field.

    Args:
        canvas: (H, W) uint8, written.
        view: (6,) x and y (m) of its upper left sample, and their steps from column to column and row to row.
        field: Metres from the origin to the borders of the field.
    """
    height, width = canvas.shape
    scale = 2.0**32 / (2.0 * GRASS_SQUARE)  # a pair of squares is a whole turn of 32 bits
    half = np.int64(1) << np.int64(31)
    right = np.int64(np.rint(view[2] * scale))
    up = np.int64(np.rint(view[3] * scale))
    inside = True
    for row in (0, height):
        for column in (0, width):
            x = view[0] + column * view[2] + row * view[4]
            y = view[1] + column * view[3] + row * view[5]
            inside = inside and abs(x) < field and abs(y) < field
    for row in range(height):
        x, y = view[0] + row * view[4], view[1] + row * view[5]
        u = np.int64(np.floor(x * scale))
        v = np.int64(np.floor(y * scale))
        for column in range(width):
            canvas[row, column] = 1 - (((u | v) & half) >> np.int64(31))
            u += right
            v += up
        if not inside:
            low, high = _within(0.0, float(width), x, view[2], field)
            low, high = _within(low, high, y, view[3], field)
            for column in range(min(width, int(np.ceil(low)))):
                canvas[row, column] = BLACK
            for column in range(max(0, int(np.ceil(high))), width):
                canvas[row, column] = BLACK


@kernel
def _edge(line: np.ndarray, samples: int, place: float, flip: float, edge: np.ndarray) -> None:
    """Write x, y and the unit vector to the left (4,) of the centre line at a place in samples; flip -1 mirrors it."""
    place = place % samples
    i = min(int(place), samples - 1)
    share = place - i
    tx = interpolate(line, samples, i, share, TX)
    ty = flip * interpolate(line, samples, i, share, TY)
    norm = np.sqrt(tx * tx + ty * ty)
    edge[0] = interpolate(line, samples, i, share, X)
    edge[1] = flip * interpolate(line, samples, i, share, Y)
    edge[2], edge[3] = -ty / norm, tx / norm


@kernel
def _quad(
    canvas: np.ndarray, spans: np.ndarray, pose: np.ndarray, edges: np.ndarray, sides: np.ndarray, ink: int
) -> None:
    """Fill the part of the road between two edges (2, 4), from one offset to another (2, 2), left positive."""
    corners = np.empty((4, 2))
    for k in range(4):
        end = 0 if k < 2 else 1
        side = sides[end, k & 1 if end == 0 else 1 - (k & 1)]
        dx = edges[end, 0] + side * edges[end, 2] - pose[0]
        dy = edges[end, 1] + side * edges[end, 3] - pose[1]
        corners[k, 0] = pose[6] + pose[4] * (dx * pose[3] - dy * pose[2])
        corners[k, 1] = pose[7] - pose[5] * (dx * pose[2] + dy * pose[3])
    _fill(canvas, spans, corners, ink)


@kernel
def _draw_road(
    canvas: np.ndarray,
    spans: np.ndarray,
    pose: np.ndarray,
    line: np.ndarray,
    samples: int,
    length: float,
    flip: float,
) -> None:
    """Draw the tiles and kerbs that can be seen."""
    count = max(1, int(np.rint(length / TILE)))
    edges, sides = np.empty((2, 4)), np.empty((2, 2))
    left, right = (LEFT, RIGHT) if flip > 0.0 else (RIGHT, LEFT)
    aside = pose[6] / pose[4] + TILE_REACH
    before, behind = pose[7] / pose[5] + TILE_REACH, (len(canvas) - pose[7]) / pose[5] + TILE_REACH
    for tile in range(count):
        middle = int((tile - 0.5) / count * samples) % samples
        dx, dy = line[middle, X] - pose[0], flip * line[middle, Y] - pose[1]
        ahead = dx * pose[2] + dy * pose[3]
        if ahead > before or ahead < -behind or abs(dx * pose[3] - dy * pose[2]) > aside:
            continue
        for end in range(2):
            _edge(line, samples, (tile - end) / count * samples, flip, edges[end])
            sides[end, 0], sides[end, 1] = line[middle, left], -line[middle, right]
        _quad(canvas, spans, pose, edges, sides, GREY + tile % 3)
        curvature = flip * line[middle, CURVATURE]
        if abs(curvature) <= KERB_CURVATURE:
            continue
        alike = 1
        for way in (-1, 1):
            for k in range(1, KERB_TILES):
                other = int((tile - 0.5 + way * k) / count * samples) % samples
                if flip * line[other, CURVATURE] * np.sign(curvature) <= KERB_CURVATURE:
                    break
                alike += 1
        if alike >= KERB_TILES:
            for end in range(2):
                border = sides[end, 0 if curvature > 0.0 else 1]
                sides[end, 0], sides[end, 1] = border, border + KERB_WIDTH * np.sign(curvature)
            _quad(canvas, spans, pose, edges, sides, WHITE if tile % 2 == 0 else RED)


@kernel
def _draw_car(canvas: np.ndarray, spans: np.ndarray, pose: np.ndarray, steering: float) -> None:
    """Draw wheels and body of the own car."""
    corners = np.empty((4, 2))
    for wheel in range(4):
        angle = steering if wheel < 2 else 0.0
        cosine, sine = np.cos(angle), np.sin(angle)
        for k in range(4):
            right, ahead = _WHEEL[k, 0], _WHEEL[k, 1]
            corners[k, 0] = pose[6] + pose[4] * (_WHEELS[wheel, 0] + right * cosine - ahead * sine)
            corners[k, 1] = pose[7] - pose[5] * (_WHEELS[wheel, 1] + right * sine + ahead * cosine)
        _fill(canvas, spans, corners, TYRE)
    for part in range(len(_BODY)):
        for k in range(4):
            corners[k, 0] = pose[6] + pose[4] * _BODY[part, k, 0]
            corners[k, 1] = pose[7] - pose[5] * _BODY[part, k, 1]
        _fill(canvas, spans, corners, PAINT)


@kernel
def _draw_box(canvas: np.ndarray, spans: np.ndarray, pose: np.ndarray, box: Record, flip: float) -> None:
    """Draw another car or a cone."""
    corners = np.empty((4, 2))
    cosine, sine = np.cos(box.heading), flip * np.sin(box.heading)
    for k in range(4):
        ahead = 0.5 * box.length * (1.0 if k < 2 else -1.0)
        aside = 0.5 * box.width * (1.0 if k == 0 or k == 3 else -1.0)
        dx = box.x + ahead * cosine - aside * sine - pose[0]
        dy = flip * box.y + ahead * sine + aside * cosine - pose[1]
        corners[k, 0] = pose[6] + pose[4] * (dx * pose[3] - dy * pose[2])
        corners[k, 1] = pose[7] - pose[5] * (dx * pose[2] + dy * pose[3])
    _fill(canvas, spans, corners, OTHER)


@kernel
def _shrink(canvas: np.ndarray, colours: np.ndarray, picture: np.ndarray) -> None:
    """Average the samples of each pixel of the upper rows of a picture (H, W, 3)."""
    width = picture.shape[1]
    for row in range(len(canvas) // SAMPLES):
        above, below = canvas[2 * row], canvas[2 * row + 1]
        for column in range(width):
            left, right = 2 * column, 2 * column + 1
            ink = above[left]
            total = colours[ink]
            if ink != above[right] or ink != below[left] or ink != below[right]:
                total += colours[above[right]] + colours[below[left]] + colours[below[right]]
                total >>= np.uint32(2)
            picture[row, column, 0] = total & np.uint32(255)
            picture[row, column, 1] = (total >> np.uint32(10)) & np.uint32(255)
            picture[row, column, 2] = (total >> np.uint32(20)) & np.uint32(255)


@kernel
def draw_window(
    picture: np.ndarray,
    canvas: np.ndarray,
    spans: np.ndarray,
    colours: np.ndarray,
    car: Record,
    others: np.ndarray | None,
    line: np.ndarray,
    circuit: Record,
) -> None:
    """Draw the picture of one car.

    Args:
        picture: (H, W, 3) uint8, written.
        canvas: (2H·BAR, 2W) uint8, written.
        spans: (2H·BAR, 2) scratch.
        colours: (INKS,) packed colours.
        car: Record of ``CAR``.
        others: (K,) records of ``OTHER``; None for none.
        line: (n, 8) packed centre line.
        circuit: Record of ``CIRCUIT``. On a mirrored one, the picture is that of the original, flipped.
    """
    height, width = picture.shape[0], picture.shape[1]
    flip = -1.0 if circuit.mirrored else 1.0
    since = min(1.0, car.time + FRAME)
    zoom = FIRST_ZOOM * (1.0 - since) + ZOOM * since
    cosine, sine = np.cos(car.heading), flip * np.sin(car.heading)
    pose = np.empty(8)
    pose[0], pose[1] = car.x + ORIGIN * cosine, flip * car.y + ORIGIN * sine
    pose[2], pose[3] = cosine, sine
    pose[4], pose[5] = SAMPLES * zoom * width / WINDOW_WIDTH, SAMPLES * zoom * height / WINDOW_HEIGHT
    pose[6], pose[7] = 0.5 * SAMPLES * width, AHEAD * SAMPLES * height
    view = np.empty(6)
    right, ahead = (0.5 - pose[6]) / pose[4], (pose[7] - 0.5) / pose[5]
    view[0] = pose[0] + ahead * cosine + right * sine
    view[1] = pose[1] + ahead * sine - right * cosine
    view[2], view[3] = sine / pose[4], -cosine / pose[4]
    view[4], view[5] = -cosine / pose[5], -sine / pose[5]
    _draw_meadow(canvas, view, field_of(circuit))
    _draw_road(canvas, spans, pose, line, circuit.samples, circuit.length, flip)
    if others is not None:
        for k in range(len(others)):
            if others[k].active:
                _draw_box(canvas, spans, pose, others[k], flip)
    _draw_car(canvas, spans, pose, flip * car.steering)
    _shrink(canvas, colours, picture)
    picture[len(canvas) // SAMPLES :] = 0
    draw_instruments(picture, car, circuit.length, flip)
    if flip < 0.0:
        for row in range(height):
            for column in range(width // 2):
                for c in range(3):
                    other = picture[row, width - 1 - column, c]
                    picture[row, width - 1 - column, c] = picture[row, column, c]
                    picture[row, column, c] = other


@kernel
def window_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray | None,
    pictures: np.ndarray,
    lines: np.ndarray,
    circuits: np.ndarray,
    ground: np.ndarray,
) -> None:
    """Draw the pictures (N, H, W, 3) for cars from ``low`` up to ``high``.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``.
        others: (N, K) records of ``OTHER``; None for none.
        pictures: (N, H, W, 3) uint8, written.
        lines: (S, n, 8) packed centre lines.
        circuits: (S,) records of ``CIRCUIT``.
        ground: (N, 1, 256) colours of the ground for other colours than those of CarRacing-v3; (0, …) for these.
    """
    height, width = pictures.shape[1], pictures.shape[2]
    canvas = np.empty((SAMPLES * int(BAR * height), SAMPLES * width), dtype=np.uint8)
    spans = np.empty((len(canvas), 2))
    colours = COLOURS.copy()
    for i in range(low, high):
        if len(ground):
            for ink in range(WHITE + 1):
                if ink != BLACK:
                    grain = 4 * (ink - GREY) if ink >= GREY else 15 * ink
                    material = KERB_RED if ink == RED else KERB_WHITE if ink == WHITE else ASPHALT
                    if ink < BLACK:
                        material = GRASS
                    word = ground[i, 0, (material << 5) | (grain if ink < RED else 8)]
                    colours[ink] = (
                        (word & np.uint32(255))
                        | ((word >> np.uint32(8)) & np.uint32(255)) << np.uint32(10)
                        | ((word >> np.uint32(16)) & np.uint32(255)) << np.uint32(20)
                    )
        slot = cars[i].slot
        if others is None:
            draw_window(pictures[i], canvas, spans, colours, cars[i], None, lines[slot], circuits[slot])
        else:
            draw_window(pictures[i], canvas, spans, colours, cars[i], others[i], lines[slot], circuits[slot])

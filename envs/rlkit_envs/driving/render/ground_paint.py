"""Painting of the ground for rendering: grass, gravel, trees, asphalt with rubber, kerbs and lines.

One kernel paints one square tile of the world; edges are antialiased analytically.
"""

import numpy as np

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import KERB_WIDTH, LEFT
from rlkit_envs.driving.vehicle.surfaces import GRAVEL_WIDTH

RESOLUTION = 14.0  # pixels per metre

_REACH = 9.0  # m beyond the border that are painted by the distance to the road
_CHUNK = 8  # samples of the centre line that are painted together
_LINE = 0.16  # m, width of the white line
_SQUARE = 0.5  # m, squares of the start line
_GROVE = 8.0  # m, side of squares with at most one tree each
_CROWN = 3.2  # m, radius of the largest tree


@kernel
def _hash(i: int, j: int) -> float:
    """Pseudo-random number in [0, 1) of a pair of integers."""
    mixed = np.uint32(i * 374761393 + j * 668265263)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(1274126177)
    mixed = np.uint32(mixed)
    mixed = np.uint32(mixed ^ (mixed >> np.uint32(16)))
    return float(mixed / 4294967296.0)


@kernel
def _noise(x: float, y: float) -> float:
    """Value noise in [-1, 1] with a lattice of one unit."""
    i, j = int(np.floor(x)), int(np.floor(y))
    u, v = x - i, y - j
    u, v = u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v)
    low = _hash(i, j) * (1.0 - u) + _hash(i + 1, j) * u
    high = _hash(i, j + 1) * (1.0 - u) + _hash(i + 1, j + 1) * u
    return float(2.0 * (low * (1.0 - v) + high * v) - 1.0)


@kernel
def _cover(distance: float) -> float:
    """Share of a pixel on the positive side of an edge at this distance (m), smoothed."""
    share = min(1.0, max(0.0, distance * RESOLUTION + 0.5))
    return share * share * (3.0 - 2.0 * share)


@kernel
def _survey(
    low_u: int, low_v: int, line: np.ndarray, shift: np.ndarray, step: float, inside: np.ndarray, values: np.ndarray
) -> None:
    """For each pixel of a tile, find its position relative to the nearest part of the road.

    Args:
        low_u: Pixel column of the tile's first pixel in the world.
        low_v: Pixel row of it.
        line: (n, 8) packed centre line.
        shift: (n,) the rubbered line.
        step: Metres between samples.
        inside: (S, S) float32, written: metres to the border, negative beyond it.
        values: (S, S, 5) float32, written: station, offset, curvature, kerbs or none, distance to the rubbered line.
    """
    side = inside.shape[0]
    inside[:] = -_REACH
    values[:] = 0.0
    count = len(line)
    for first in range(0, count, _CHUNK):
        last = min(first + _CHUNK, count)
        reach = 0.0
        low_x = low_y = 1e300
        high_x = high_y = -1e300
        for k in range(first, last + 1):
            i = k % count
            reach = max(reach, line[i, LEFT] + _REACH, line[i, LEFT + 1] + _REACH)
            low_x, high_x = min(low_x, line[i, 0]), max(high_x, line[i, 0])
            low_y, high_y = min(low_y, line[i, 1]), max(high_y, line[i, 1])
        first_u = max(0, int(np.floor((low_x - reach) * RESOLUTION)) - low_u)
        last_u = min(side - 1, int(np.ceil((high_x + reach) * RESOLUTION)) - low_u)
        first_v = max(0, int(np.floor((low_y - reach) * RESOLUTION)) - low_v)
        last_v = min(side - 1, int(np.ceil((high_y + reach) * RESOLUTION)) - low_v)
        end = last % count
        for v in range(first_v, last_v + 1):
            y = (low_v + v + 0.5) / RESOLUTION
            k = first
            for u in range(first_u, last_u + 1):
                x = (low_u + u + 0.5) / RESOLUTION
                if (x - line[first, 0]) * line[first, 2] + (y - line[first, 1]) * line[first, 3] < 0.0:
                    continue
                if (x - line[end, 0]) * line[end, 2] + (y - line[end, 1]) * line[end, 3] >= 0.0:
                    continue
                here = (x - line[k, 0]) * line[k, 2] + (y - line[k, 1]) * line[k, 3]
                while here < 0.0 and k > first:
                    k -= 1
                    here = (x - line[k, 0]) * line[k, 2] + (y - line[k, 1]) * line[k, 3]
                j = (k + 1) % count
                ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
                while ahead >= 0.0 and k < last - 1:
                    k += 1
                    here = ahead
                    j = (k + 1) % count
                    ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
                if here < 0.0 or ahead >= 0.0:
                    continue
                f = here / (here - ahead)
                g = 1.0 - f
                tx, ty = g * line[k, 2] + f * line[j, 2], g * line[k, 3] + f * line[j, 3]
                cx, cy = g * line[k, 0] + f * line[j, 0], g * line[k, 1] + f * line[j, 1]
                offset = ((y - cy) * tx - (x - cx) * ty) / np.sqrt(tx * tx + ty * ty)
                column = LEFT if offset > 0.0 else LEFT + 1
                depth = g * line[k, column] + f * line[j, column] - abs(offset)
                if depth > inside[v, u]:
                    inside[v, u] = depth
                    values[v, u, 0] = (k + f) * step
                    values[v, u, 1] = offset
                    values[v, u, 2] = g * line[k, 4] + f * line[j, 4]
                    values[v, u, 3] = g * line[k, 7] + f * line[j, 7]
                    values[v, u, 4] = abs(offset - g * shift[k] - f * shift[j])


@kernel
def _grass(x: float, y: float, grain: float) -> tuple[float, float, float]:
    """Colour of mown grass."""
    broad = _noise(0.045 * x + 7.3, 0.045 * y)
    clumps = _noise(0.35 * x, 0.35 * y + 3.1)
    tufts = _noise(1.9 * x, 1.9 * y)
    # Stripes of a mower, 6 m wide.
    lane = (0.82 * x + 0.57 * y + 1.2 * broad) / 6.0
    lane = abs((lane - 2.0 * np.floor(0.5 * lane)) - 1.0)
    stripe = 2.0 * min(1.0, max(0.0, (lane - 0.5) * 14.0 + 0.5)) - 1.0
    light = 1.0 + 0.05 * stripe + 0.09 * broad + 0.05 * clumps + 0.035 * tufts + 0.10 * (grain - 0.5)
    return (86.0 + 8.0 * broad) * light, (124.0 + 4.0 * clumps) * light, (60.0 - 3.0 * broad) * light


@kernel
def _pack(red: float, green: float, blue: float) -> np.uint32:
    """A texel 0x00RRGGBB."""
    r = int(min(255.0, max(0.0, red)))
    g = int(min(255.0, max(0.0, green)))
    b = int(min(255.0, max(0.0, blue)))
    return np.uint32((r << 16) | (g << 8) | b)


@kernel
def _paint_trees(tile: np.ndarray, low_u: int, low_v: int, line: np.ndarray) -> None:
    """Paint trees in loose groves away from the road, with shadows to the south-east."""
    side = tile.shape[0]
    west, south = low_u / RESOLUTION, low_v / RESOLUTION
    extent = side / RESOLUTION
    margin = 2.0 * _CROWN
    for shadow in (True, False):
        for j in range(int(np.floor((south - margin) / _GROVE)), int(np.floor((south + extent + margin) / _GROVE)) + 1):
            for i in range(
                int(np.floor((west - margin) / _GROVE)), int(np.floor((west + extent + margin) / _GROVE)) + 1
            ):
                if _hash(3 * i + 1, 5 * j + 2) > 0.45 + 0.9 * _noise(0.17 * i + 3.7, 0.17 * j):
                    continue
                radius = _CROWN * (0.5 + 0.5 * _hash(i + 101, j))
                x = (i + 0.2 + 0.6 * _hash(i, j + 57)) * _GROVE
                y = (j + 0.2 + 0.6 * _hash(i + 31, j)) * _GROVE
                if _is_near_road(x, y, _REACH + radius, line):
                    continue
                _paint_tree(tile, low_u, low_v, x, y, radius, _hash(i, j + 7), shadow)


@kernel
def _is_near_road(x: float, y: float, clearance: float, line: np.ndarray) -> bool:
    for k in range(0, len(line), 2):
        dx, dy = line[k, 0] - x, line[k, 1] - y
        reach = clearance + max(line[k, LEFT], line[k, LEFT + 1])
        if dx * dx + dy * dy < reach * reach:
            return True
    return False


@kernel
def _paint_tree(
    tile: np.ndarray, low_u: int, low_v: int, x: float, y: float, radius: float, kind: float, shadow: bool
) -> None:
    side = tile.shape[0]
    if shadow:
        x, y = x + 0.55 * radius, y - 0.45 * radius
    reach = int(1.25 * radius * RESOLUTION) + 1
    middle_u, middle_v = int(x * RESOLUTION) - low_u, int(y * RESOLUTION) - low_v
    for v in range(max(0, middle_v - reach), min(side, middle_v + reach + 1)):
        for u in range(max(0, middle_u - reach), min(side, middle_u + reach + 1)):
            px, py = (low_u + u + 0.5) / RESOLUTION, (low_v + v + 0.5) / RESOLUTION
            dx, dy = (px - x) / radius, (py - y) / radius
            leaves = _noise(1.7 * px + 40.0 * kind, 1.7 * py)
            distance = np.sqrt(dx * dx + dy * dy) + 0.12 * leaves
            if distance >= 1.12:
                continue
            texel = int(tile[v, u])
            red, green, blue = float((texel >> 16) & 255), float((texel >> 8) & 255), float(texel & 255)
            if shadow:
                dim = 1.0 - 0.42 * min(1.0, (1.12 - distance) * 3.0)
                tile[v, u] = _pack(dim * red, dim * green, dim * blue)
                continue
            share = min(1.0, (1.0 - distance) * radius * RESOLUTION * 0.5)
            if share <= 0.0:
                continue
            # Shading of a dome, lit from the north-west.
            light = (
                0.86 + 0.3 * (dy - dx) + 0.2 * leaves + 0.16 * _noise(4.5 * px, 4.5 * py) - 0.25 * distance * distance
            )
            red += share * ((62.0 + 26.0 * kind) * light - red)
            green += share * ((98.0 + 16.0 * kind) * light - green)
            blue += share * ((46.0 - 6.0 * kind) * light - blue)
            tile[v, u] = _pack(red, green, blue)


@kernel
def paint_tile(tile: np.ndarray, low_u: int, low_v: int, line: np.ndarray, shift: np.ndarray, step: float) -> None:
    """Paint one tile whose first pixel is (low_u, low_v) in world pixels; rows along +y."""
    side = tile.shape[0]
    inside = np.empty((side, side), dtype=np.float32)
    values = np.empty((side, side, 5), dtype=np.float32)
    _survey(low_u, low_v, line, shift, step, inside, values)
    length = len(line) * step
    for v in range(side):
        y = (low_v + v + 0.5) / RESOLUTION
        for u in range(side):
            x = (low_u + u + 0.5) / RESOLUTION
            grain = _hash(low_u + u, low_v + v)
            depth = float(inside[v, u])
            station, offset, curvature = values[v, u, 0], values[v, u, 1], values[v, u, 2]
            red = green = blue = 0.0
            if depth < 0.2:
                red, green, blue = _grass(x, y, grain)
                beyond = -depth
                if beyond < _REACH - 0.5:
                    wobble = 0.35 * _noise(0.8 * x, 0.8 * y)
                    # Gravel as in ``surfaces.verge``.
                    outside = values[v, u, 3] if (curvature < 0.0) == (offset > 0.0) else 0.0
                    outside = outside * outside * (3.0 - 2.0 * outside)
                    middle, half = 0.5 * GRAVEL_WIDTH, 0.5 * GRAVEL_WIDTH * np.sqrt(outside)
                    bed = min(1.0, max(0.0, (half - abs(beyond - middle) + 0.6 * wobble * outside) * 3.5))
                    stones = 1.0 + 0.22 * (grain - 0.5) + 0.05 * _noise(1.1 * x, 1.1 * y)
                    red += bed * (196.0 * stones - red)
                    green += bed * (178.0 * stones - green)
                    blue += bed * (141.0 * stones - blue)
                    # Worn verge.
                    worn = 0.5 * max(0.0, 1.0 - beyond / (1.5 + wobble)) ** 1.5
                    red += worn * (128.0 - red)
                    green += worn * (122.0 - green)
                    blue += worn * (84.0 - blue)
            if depth > -0.2:
                patches = _noise(0.22 * station, 0.5 * offset + 11.0)
                light = 1.0 + 0.05 * patches + 0.02 * _noise(2.5 * x, 2.5 * y) + 0.09 * (grain - 0.5)
                rubber = np.exp(-0.5 * (values[v, u, 4] / 1.25) ** 2)
                rubber *= 0.13 + 0.13 * min(1.0, 28.0 * abs(curvature))
                light *= 1.0 - rubber
                light *= 1.0 + 0.05 * max(0.0, 1.0 - depth / 0.9)  # dust along the border
                road_red, road_green, road_blue = 92.0 * light, 93.0 * light, 97.0 * light
                kerb = values[v, u, 3]
                white = 0.0
                if kerb > 0.5:
                    painted = 1.0 - _cover(depth - KERB_WIDTH)
                    block = station / (length / max(1.0, np.floor(length / 3.0)))
                    phase = abs((block - np.floor(block)) - 0.5) - 0.25
                    tone = 0.93 + 0.12 * (depth / KERB_WIDTH) + 0.05 * (grain - 0.5)
                    bright = _cover(phase * 3.0)
                    red_part = (196.0 + 40.0 * bright) * tone
                    other = (38.0 + 196.0 * bright) * tone
                    road_red += painted * (red_part - road_red)
                    road_green += painted * (other - road_green)
                    road_blue += painted * (other - road_blue)
                    white = _cover(depth - KERB_WIDTH) * (1.0 - _cover(depth - KERB_WIDTH - _LINE))
                else:
                    white = 1.0 - _cover(depth - _LINE - 0.1) if depth > 0.05 else 0.0
                    white *= _cover(depth - 0.1)
                worn_paint = 0.86 + 0.1 * _noise(1.3 * x, 1.3 * y)
                if depth > (KERB_WIDTH if kerb > 0.5 else 0.0) + 0.1:
                    along = station - length if station > 0.5 * length else station
                    band = _cover(along) * (1.0 - _cover(along - 4.0 * _SQUARE))
                    if band > 0.0:
                        column, row = np.floor(offset / _SQUARE), np.floor(along / _SQUARE)
                        dark = (column + row) - 2.0 * np.floor(0.5 * (column + row))
                        shade = 236.0 if dark < 0.5 else 26.0
                        band *= 0.95
                        road_red += band * (shade - road_red)
                        road_green += band * (shade - road_green)
                        road_blue += band * (shade - road_blue)
                white *= worn_paint
                road_red += white * (238.0 - road_red)
                road_green += white * (238.0 - road_green)
                road_blue += white * (234.0 - road_blue)
                share = _cover(depth)
                red += share * (road_red - red)
                green += share * (road_green - green)
                blue += share * (road_blue - blue)
            tile[v, u] = _pack(red, green, blue)
    _paint_trees(tile, low_u, low_v, line)

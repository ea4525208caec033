"""Kernels that draw the layers of the ground: shares of road, materials, shadows, and coarser levels."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import CURVATURE, KERB, KERB_WIDTH, LEFT, RIGHT
from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    EARTH,
    GRASS,
    GRAVEL,
    KERB_RED,
    KERB_WHITE,
    LINE,
    MATERIAL_SHIFT,
    PATCH,
    SHADOW,
)
from rlkit_envs.driving.terrain.tiles import TILE, cell_index, cells_before
from rlkit_envs.driving.vehicle.surfaces import GRAVEL as GRAVEL_VERGE
from rlkit_envs.driving.vehicle.surfaces import GRAVEL_WIDTH, verge

VERGE = 9.0  # m beyond the border that are drawn: earth and gravel traps
_LINE_WIDTH = 0.3  # m, the white line along the inside of the border or of the kerb
_KERB_LENGTH = 2.0  # m of red, then of white
_DASH = (3.0, 9.0)  # m, length of a dash of the middle line, and from dash to dash
_FOLD = 0.9  # of a curve's radius, limit of what is drawn on its inside


@kernel
def _reach(line: np.ndarray, i: int, beyond_left: float, beyond_right: float) -> tuple[float, float]:
    """Metres to the left and right of a sample that are drawn, up to where the normals of a curve meet."""
    left = line[i, LEFT] + beyond_left
    right = line[i, RIGHT] + beyond_right
    curvature = line[i, CURVATURE]
    if curvature > 0.0:
        left = max(line[i, LEFT], min(left, _FOLD / curvature))
    elif curvature < 0.0:
        right = max(line[i, RIGHT], min(right, _FOLD / -curvature))
    return left, right


@kernel
def piece_of(line: np.ndarray, i: int, j: int, beyond_left: float, beyond_right: float, corners: np.ndarray) -> None:
    """Corners (4, 2) of the piece of ground between the normals of two samples, so far beyond the borders, in order."""
    left, right = _reach(line, i, beyond_left, beyond_right)
    corners[0, 0] = line[i, 0] - line[i, 3] * left
    corners[0, 1] = line[i, 1] + line[i, 2] * left
    corners[1, 0] = line[i, 0] + line[i, 3] * right
    corners[1, 1] = line[i, 1] - line[i, 2] * right
    left, right = _reach(line, j, beyond_left, beyond_right)
    corners[2, 0] = line[j, 0] + line[j, 3] * right
    corners[2, 1] = line[j, 1] - line[j, 2] * right
    corners[3, 0] = line[j, 0] - line[j, 3] * left
    corners[3, 1] = line[j, 1] + line[j, 2] * left


@kernel
def rows_of(corners: np.ndarray, layer: Record) -> tuple[int, int]:
    """First and last row of a layer that a quadrilateral can touch."""
    low = min(corners[0, 1], corners[1, 1], corners[2, 1], corners[3, 1])
    high = max(corners[0, 1], corners[1, 1], corners[2, 1], corners[3, 1])
    first = int(np.floor((low - layer.origin_y) / layer.cell - 0.5))
    return first, int(np.ceil((high - layer.origin_y) / layer.cell - 0.5))


@kernel
def _span(corners: np.ndarray, y: float, slack: float) -> tuple[float, float]:
    """Smallest and largest x of a quadrilateral near a value of y."""
    low = 1e300
    high = -1e300
    for a in range(4):
        b = (a + 1) % 4
        ya, yb = corners[a, 1], corners[b, 1]
        if min(ya, yb) > y + slack or max(ya, yb) < y - slack:
            continue
        for edge in (y - slack, y + slack):
            share = 0.0 if yb == ya else min(1.0, max(0.0, (edge - ya) / (yb - ya)))
            x = corners[a, 0] + share * (corners[b, 0] - corners[a, 0])
            low, high = min(low, x), max(high, x)
        if yb == ya:
            low, high = min(low, corners[b, 0]), max(high, corners[b, 0])
    return low - slack, high + slack


@kernel
def columns_of(corners: np.ndarray, layer: Record, y: float) -> tuple[int, int]:
    """First and last column of a layer that a quadrilateral can touch at a value of y."""
    low, high = _span(corners, y, 0.5 * layer.cell)
    first = int(np.floor((low - layer.origin_x) / layer.cell - 0.5))
    return first, int(np.ceil((high - layer.origin_x) / layer.cell - 0.5))


@kernel
def _inside(line: np.ndarray, i: int, j: int, f: float, offset: float) -> float:
    """Metres from a point between two samples to the border on its side; negative beyond the border."""
    side = LEFT if offset > 0.0 else RIGHT
    return float((1.0 - f) * line[i, side] + f * line[j, side] - abs(offset))


@kernel
def place_in_piece(line: np.ndarray, i: int, j: int, x: float, y: float) -> tuple[float, float]:
    """Position of a point from sample i to j, 0 to 1, or negative if outside, and its offset to the left."""
    here = (x - line[i, 0]) * line[i, 2] + (y - line[i, 1]) * line[i, 3]
    ahead = (x - line[j, 0]) * line[j, 2] + (y - line[j, 1]) * line[j, 3]
    if here < 0.0 or ahead > 0.0 or here == ahead:
        return -1.0, 0.0
    f = here / (here - ahead)
    tx = (1.0 - f) * line[i, 2] + f * line[j, 2]
    ty = (1.0 - f) * line[i, 3] + f * line[j, 3]
    cx = (1.0 - f) * line[i, 0] + f * line[j, 0]
    cy = (1.0 - f) * line[i, 1] + f * line[j, 1]
    return f, (y - cy) * tx - (x - cx) * ty


@kernel
def draw_share(layer: Record, tiles: np.ndarray, cells: np.ndarray, line: np.ndarray, pixel: float) -> None:
    """Draw the share of road in a pixel around each cell, by the distance to the border, taken as straight."""
    count = len(line)
    corners = np.empty((4, 2))
    cell = layer.cell
    west, south = cells_before(layer.origin_x, layer), cells_before(layer.origin_y, layer)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        piece_of(line, i, j, 0.5 * pixel, 0.5 * pixel, corners)
        first, last = rows_of(corners, layer)
        for row in range(first, last + 1):
            y = (south + row + 0.5) * cell
            left, right = columns_of(corners, layer, y)
            for column in range(left, right + 1):
                x = (west + column + 0.5) * cell
                f, offset = place_in_piece(line, i, j, x, y)
                if f < 0.0:
                    continue
                inside = _inside(line, i, j, f, offset)
                share = min(1.0, max(0.0, 0.5 + inside / pixel))
                at = cell_index(layer, tiles, column, row)
                if at >= 0:
                    cells[at] = max(cells[at], np.uint8(255.0 * share + 0.5))


@kernel
def draw_materials(
    layer: Record,
    tiles: np.ndarray,
    cells: np.ndarray,
    line: np.ndarray,
    step: float,
    grain: np.ndarray,
    blotch: np.ndarray,
    wear: float,
    dashes: bool,
) -> None:
    """Draw the finest material layer: about 15 ns a cell."""
    count = len(line)
    corners = np.empty((4, 2))
    cell = layer.cell
    west, south = cells_before(layer.origin_x, layer), cells_before(layer.origin_y, layer)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        piece_of(line, i, j, VERGE, VERGE, corners)
        first, last = rows_of(corners, layer)
        for row in range(first, last + 1):
            y = (south + row + 0.5) * cell
            left, right = columns_of(corners, layer, y)
            for column in range(left, right + 1):
                x = (west + column + 0.5) * cell
                f, offset = place_in_piece(line, i, j, x, y)
                if f < 0.0:
                    continue
                at = cell_index(layer, tiles, column, row)
                if at < 0:
                    continue
                inside = _inside(line, i, j, f, offset)
                if inside < 0.0 and (cells[at] >> MATERIAL_SHIFT) not in (GRASS, EARTH):
                    continue  # a verge never covers a road, nor gravel of another leg
                fine = grain[row & 255, column & 255]
                broad = blotch[row & 255, column & 255]
                gravel = verge(line, i, offset > 0.0) == GRAVEL_VERGE
                material = _material(
                    inside, offset, (i + f) * step, line[i, KERB] > 0.0, gravel, fine, broad, wear, dashes
                )
                if material >= 0:
                    cells[at] = np.uint8(material << MATERIAL_SHIFT) | (cells[at] & np.uint8(15))


@kernel
def _material(
    inside: float,
    offset: float,
    station: float,
    kerb: bool,
    gravel: bool,
    fine: int,
    broad: int,
    wear: float,
    dashes: bool,
) -> int:
    """Material at ``inside`` metres within the border; -1 for grass as it is."""
    if inside < 0.0:
        beyond = -inside
        if gravel:
            if beyond < GRAVEL_WIDTH + 0.05 * (float(broad) - 15.0):
                return GRAVEL
            return -1
        # Bare earth along the border, more with wear.
        if beyond < (0.15 + 0.9 * wear) * float(broad) / 15.0 + 0.04 * float(fine):
            return EARTH
        return -1
    edge = KERB_WIDTH if kerb else 0.0
    if inside < edge:
        return KERB_RED if station % (2.0 * _KERB_LENGTH) < _KERB_LENGTH else KERB_WHITE
    worn = 0.6 * float(broad) + 0.4 * float(fine) < 15.0 * wear
    if inside < edge + _LINE_WIDTH and not worn:
        return LINE
    if station < 0.8 and not worn:
        return LINE  # start line
    if dashes and abs(offset) < 0.09 and station % _DASH[1] < _DASH[0] and not worn:
        return LINE
    if broad < 15.0 * (0.15 + 0.4 * wear):
        return PATCH
    return ASPHALT


@kernel
def cast_shadows(
    layer: Record, tiles: np.ndarray, cells: np.ndarray, shadows: np.ndarray, grain: np.ndarray, flipped: bool
) -> None:
    """Mark the shadows of trees: ragged ellipses.

    Args:
        layer: Record of the finest material layer.
        tiles: (T,) uint32.
        cells: (B,) uint8, changed.
        shadows: (m, 6) middle x, y, direction x, y (unit), half length along it, half width, in metres.
        grain: (256, 256) uint8 texture.
        flipped: Whether it is flipped, which reverses the shift from shadow to shadow.
    """
    cell = layer.cell
    west, south = cells_before(layer.origin_x, layer), cells_before(layer.origin_y, layer)
    for k in range(len(shadows)):
        cx, cy, dx, dy, length, width = shadows[k]
        reach = max(length, width)
        shift = -31 * k if flipped else 31 * k
        for row in range(int((cy - reach - layer.origin_y) / cell), int((cy + reach - layer.origin_y) / cell) + 1):
            y = (south + row + 0.5) * cell - cy
            for column in range(
                int((cx - reach - layer.origin_x) / cell), int((cx + reach - layer.origin_x) / cell) + 1
            ):
                x = (west + column + 0.5) * cell - cx
                along = (x * dx + y * dy) / length
                across = (y * dx - x * dy) / width
                ragged = float(grain[(row // 2 + shift) & 255, (column // 2 + 57 * k) & 255]) / 15.0
                if along * along + across * across < 0.45 + 0.55 * ragged:
                    at = cell_index(layer, tiles, column, row)
                    if at >= 0:
                        cells[at] |= np.uint8(SHADOW)


@kernel
def downsample(fine: Record, coarse: Record, tiles: np.ndarray, cells: np.ndarray) -> None:
    """Fill a material layer from the finer one: the most frequent of four materials, with more weight on paint."""
    # Where the coarse layer begins, in cells of the fine one.
    west = int(2.0 * cells_before(coarse.origin_x, coarse) - cells_before(fine.origin_x, fine))
    south = int(2.0 * cells_before(coarse.origin_y, coarse) - cells_before(fine.origin_y, fine))
    votes = np.empty(8, dtype=np.int64)
    weights = np.array([4, 4, 4, 4, 6, 6, 5, 4])
    for tile_row in range(coarse.rows):
        for tile_column in range(coarse.columns):
            if cell_index(coarse, tiles, tile_column * TILE, tile_row * TILE) < 0:
                continue
            for i in range(TILE):
                for j in range(TILE):
                    row, column = tile_row * TILE + i, tile_column * TILE + j
                    votes[:] = 0
                    grain = 2
                    shadow = 0
                    found = 0
                    for a in range(2):
                        for b in range(2):
                            at = cell_index(fine, tiles, 2 * column + b + west, 2 * row + a + south)
                            if at < 0:
                                continue
                            byte = cells[at]
                            found += 1
                            votes[byte >> MATERIAL_SHIFT] += weights[byte >> MATERIAL_SHIFT]
                            grain += byte & 15
                            shadow += (byte >> 4) & 1
                    at = cell_index(coarse, tiles, column, row)
                    if found == 0:
                        continue
                    best = 0
                    for material in range(1, 8):
                        if votes[material] > votes[best]:
                            best = material
                    mean = min(15, grain // 4) if found == 4 else int(cells[at]) & 15
                    cells[at] = (
                        np.uint8(best << MATERIAL_SHIFT)
                        | np.uint8(mean)
                        | (np.uint8(SHADOW) if shadow >= 2 else np.uint8(0))
                    )

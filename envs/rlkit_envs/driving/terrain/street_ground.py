"""Kernels that draw the ground of a street, and the shadows of boxes on it."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import LEFT
from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    EARTH,
    GRASS,
    KERBSTONE,
    LINE,
    MATERIAL_SHIFT,
    PATCH,
    PAVING,
    SHADOW,
    YELLOW_LINE,
)
from rlkit_envs.driving.terrain.raster import columns_of, piece_of, place_in_piece, rows_of
from rlkit_envs.driving.terrain.street_layout import (
    BAYS,
    DOUBLE,
    DOUBLE_YELLOW,
    HATCHED,
    LONG_DASHES,
    SHORT_DASHES,
    SOLID,
    WHITE_EDGE,
    YELLOW,
)
from rlkit_envs.driving.terrain.tiles import cell_index, cells_before

_KERB = 0.22  # m, width of the kerb stones
_FILLET = 4.0  # m, radius of the kerb at the mouth of a side road
_SIDE_DASH = 3.0  # m from dash to dash of a side road's centre line


@kernel
def draw_street(
    layer: Record,
    tiles: np.ndarray,
    cells: np.ndarray,
    line: np.ndarray,
    step: float,
    plan: np.ndarray,
    paving: np.ndarray,
    grain: np.ndarray,
    blotch: np.ndarray,
    wear: float,
    line_width: float,
) -> None:
    """Draw the finest material layer of a street: about 30 ns a cell.

    Args:
        layer: Record of ``LAYER``.
        tiles: (T,) uint32.
        cells: (B,) uint8, changed.
        line: (n, 8) packed centre line.
        step: Metres from sample to sample.
        plan: (n,) records of ``PLAN``.
        paving: (2,) length and width of a slab of the pavement, in metres.
        grain: (256, 256) uint8 texture.
        blotch: (256, 256) uint8 texture without fine noise.
        wear: Share of paint and surface that is worn.
        line_width: Of painted lines, in metres.
    """
    count = len(line)
    corners = np.empty((4, 2))
    cell = layer.cell
    west, south = cells_before(layer.origin_x, layer), cells_before(layer.origin_y, layer)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        sample = plan[i]
        piece_of(line, i, j, sample.reach[0], sample.reach[1], corners)
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
                side = 0 if offset > 0.0 else 1
                border = (1.0 - f) * line[i, LEFT + side] + f * line[j, LEFT + side]
                border += (1.0 - f) * sample.parking[side] + f * plan[j].parking[side]
                beyond = abs(offset) - border
                old = cells[at] >> MATERIAL_SHIFT
                if beyond >= 0.0 and (old in (ASPHALT, PATCH, LINE, YELLOW_LINE)):
                    continue  # nothing beside a road covers another leg of it
                along = f * step
                fine = int(grain[row & 255, column & 255])
                broad = int(blotch[row & 255, column & 255])
                worn = 0.6 * broad + 0.4 * fine < 15.0 * wear
                if beyond < 0.0:
                    material = _on_road(sample, side, offset, -beyond, border, along, (i + f) * step, worn, line_width)
                    tone = -1
                else:
                    material, tone = _beside_road(
                        sample, side, beyond, along, (i + f) * step, paving, fine, old, worn, line_width
                    )
                if material < 0:
                    continue
                if material == ASPHALT and broad < 15.0 * (0.1 + 0.4 * wear):
                    material = PATCH
                value = cells[at] & np.uint8(15) if tone < 0 else np.uint8(tone)
                cells[at] = np.uint8(material << MATERIAL_SHIFT) | value


@kernel
def _on_road(
    sample: Record,
    side: int,
    offset: float,
    inside: float,
    border: float,
    along: float,
    station: float,
    worn: bool,
    line_width: float,
) -> int:
    """Material between the kerbs: paint, repairs, asphalt. ``inside`` is the distance from the kerb in metres."""
    aside = abs(offset)
    lane = border - sample.parking[side]  # m, width of the half of the road without the parking lane
    if not worn:
        mouth = abs(sample.mouth[side] + along) - sample.mouth_half[side]
        zebra = abs(sample.zebra + along)
        if zebra < 1.6 and inside > 0.2:
            return LINE if (offset + 100.0) % 1.2 < 0.6 else ASPHALT
        if 1.9 < zebra < 2.15:
            return LINE if (offset + 100.0) % 0.8 < 0.5 else ASPHALT
        if abs(sample.stop[side] + along) < 0.15 and aside > 0.1 and aside < lane:
            return LINE
        if sample.yellow_box and mouth < 0.0:
            if (station + offset + 100.0) % 2.6 < 0.18 or (station - offset + 100.0) % 2.6 < 0.18:
                return YELLOW_LINE
            return ASPHALT
        if zebra < 19.0:  # zigzag lines
            swing = 0.45 * abs((station % 4.0) / 2.0 - 1.0)
            if abs(aside - 0.1 - swing) < 0.6 * line_width or abs(lane - aside - 0.25 - swing) < 0.6 * line_width:
                return LINE
        elif _centre_line(sample.centre, offset, station, line_width):
            return LINE
        if mouth > 2.0:
            edge = sample.edge[side]
            if edge == WHITE_EDGE and abs(inside - 0.35) < 0.5 * line_width:
                return LINE
            if (edge in (YELLOW, DOUBLE_YELLOW)) and abs(inside - 0.3) < 0.4 * line_width:
                return YELLOW_LINE
            if edge == DOUBLE_YELLOW and abs(inside - 0.52) < 0.4 * line_width:
                return YELLOW_LINE
            if edge == BAYS and sample.parking[side] > 1.0:
                if abs(aside - lane) < 0.5 * line_width and station % 1.2 < 0.7:
                    return LINE
                if aside > lane and station % 5.4 < line_width:
                    return LINE
        ahead = sample.arrow[side] + along  # points to positive for both lanes; a head at its end
        if -2.2 < ahead < 2.0:
            away = abs(aside - 0.5 * lane)
            if (ahead < 0.6 and away < 0.1) or (ahead >= 0.6 and away < 0.32 * (2.0 - ahead)):
                return LINE
    cover = sample.cover[side] + along
    if abs(cover) < 0.35 and abs(aside - 0.6 * lane) < 0.35:
        return PATCH
    if sample.repair[0] < offset < sample.repair[1]:
        return PATCH
    return ASPHALT


@kernel
def _centre_line(kind: int, offset: float, station: float, line_width: float) -> bool:
    """Whether the centre line covers a place of the road."""
    aside = abs(offset)
    if kind == SHORT_DASHES:
        return aside < 0.5 * line_width and station % 6.0 < 2.0
    if kind == LONG_DASHES:
        return aside < 0.5 * line_width and station % 6.0 < 4.0
    if kind == SOLID:
        return aside < 0.5 * line_width
    if kind == DOUBLE:
        return abs(aside - 0.15) < 0.5 * line_width
    if kind == HATCHED:
        return abs(aside - 0.75) < 0.5 * line_width or (aside < 0.75 and (station + aside) % 3.0 < 0.3)
    return False


@kernel
def _beside_road(
    sample: Record,
    side: int,
    beyond: float,
    along: float,
    station: float,
    paving: np.ndarray,
    fine: int,
    old: int,
    worn: bool,
    line_width: float,
) -> tuple[int, int]:
    """Material beyond the kerb's face, and its grain: side roads, kerb stones, pavement, yards.

    A material of -1 leaves the ground as it is, a grain of -1 that of the texture.
    """
    mouth = sample.mouth[side] + along
    half = sample.mouth_half[side]
    edge = half
    if beyond < _FILLET:
        short = _FILLET - beyond
        edge = half + _FILLET - np.sqrt(_FILLET * _FILLET - short * short)
    if abs(mouth) < edge:
        if not worn and half < 5.0:
            # Give way: two rows of dashes across the lane that leaves the side road.
            if abs(mouth) < half and mouth > 0.0 and (beyond < 0.2 or 0.45 < beyond < 0.65):
                return (LINE if mouth % 0.9 < 0.6 else ASPHALT), -1
            if beyond > 1.5 and abs(mouth) < 0.5 * line_width and beyond % _SIDE_DASH < 0.6 * _SIDE_DASH:
                return LINE, -1
        return ASPHALT, -1
    kerb = min(beyond, abs(mouth) - edge)  # m from the kerb's face
    if kerb < _KERB:
        return KERBSTONE, -1
    kerb -= _KERB
    if kerb < sample.strip[side]:
        return GRASS, -1
    kerb -= sample.strip[side]
    if kerb < sample.pavement[side]:
        return PAVING, _slab(station, kerb, paving, fine)
    if old in (PAVING, KERBSTONE):
        return -1, -1
    yard = int(sample.yard[side])
    if yard == GRASS:
        return -1, -1
    return yard, -1 if yard == EARTH else _slab(kerb, station, paving, fine)


@kernel
def _slab(along: float, across: float, paving: np.ndarray, fine: int) -> int:
    """Grain of a place on paving stones: each has a tone of its own, joints are dark."""
    row = int(np.floor(across / paving[1]))
    shifted = along + 0.5 * paving[0] * (row & 1)
    column = int(np.floor(shifted / paving[0]))
    if paving[0] > 0.5 and paving[0] < 5.0:
        joint = 0.05
        if across - row * paving[1] < joint or shifted - column * paving[0] < joint:
            return 1
    tone = ((row * 73856093) ^ (column * 19349663)) >> 4
    return min(15, max(0, 4 + (tone & 7) + (fine - 8) // 3))


@kernel
def cast_box_shadows(
    layer: Record, tiles: np.ndarray, cells: np.ndarray, boxes: np.ndarray, sun: float, length_of_shadow: float
) -> None:
    """Mark the shadows of boxes.

    Args:
        layer: Record of the finest material layer.
        tiles: (T,) uint32.
        cells: (B,) uint8, changed.
        boxes: (m, 6) middle x, y, heading (rad), half length, half width and height, in metres.
        sun: Direction in which shadows fall, in radians.
        length_of_shadow: Metres per metre of height.
    """
    cell = layer.cell
    west, south = cells_before(layer.origin_x, layer), cells_before(layer.origin_y, layer)
    for k in range(len(boxes)):
        cx, cy, heading, half_length, half_width, height = boxes[k]
        cosine, sine = np.cos(heading), np.sin(heading)
        shift = height * length_of_shadow
        sx, sy = shift * np.cos(sun), shift * np.sin(sun)
        # Where the sun is, in the frame of the box.
        along_sun, across_sun = -(sx * cosine + sy * sine), -(sy * cosine - sx * sine)
        reach_x = abs(half_length * cosine) + abs(half_width * sine)
        reach_y = abs(half_length * sine) + abs(half_width * cosine)
        low_x, high_x = cx - reach_x + min(0.0, sx), cx + reach_x + max(0.0, sx)
        low_y, high_y = cy - reach_y + min(0.0, sy), cy + reach_y + max(0.0, sy)
        for row in range(int((low_y - layer.origin_y) / cell), int((high_y - layer.origin_y) / cell) + 1):
            y = (south + row + 0.5) * cell - cy
            for column in range(int((low_x - layer.origin_x) / cell), int((high_x - layer.origin_x) / cell) + 1):
                x = (west + column + 0.5) * cell - cx
                # The line towards the sun enters the box between two shares of its length.
                enter, leave = 0.0, 1.0
                enter, leave = _clip(x * cosine + y * sine, along_sun, half_length, enter, leave)
                enter, leave = _clip(y * cosine - x * sine, across_sun, half_width, enter, leave)
                if enter <= leave:
                    at = cell_index(layer, tiles, column, row)
                    if at >= 0:
                        cells[at] |= np.uint8(SHADOW)


@kernel
def _clip(start: float, way: float, half: float, enter: float, leave: float) -> tuple[float, float]:
    """Part of [enter, leave] in which start + share * way lies within ±half; empty if enter > leave."""
    if abs(way) < 1e-9:
        return (enter, leave) if abs(start) <= half else (1.0, 0.0)
    first, last = (-half - start) / way, (half - start) / way
    if first > last:
        first, last = last, first
    return max(enter, first), min(leave, last)

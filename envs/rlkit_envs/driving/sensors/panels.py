"""Buildings in the camera's image: flat textured panels in perspective, with a depth buffer.

A pixel's ray meets the plane of a panel at a depth whose inverse is linear in row and column, as are the products of
inverse depth and the place on the panel: one division per pixel gives both.
"""

from typing import Any

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.terrain.buildings import HEDGE
from rlkit_envs.driving.weather.facades import (
    ACCENT,
    DARK,
    FRAME,
    GLASS,
    HOLE,
    KIND_SHIFT,
    KINDS,
    LEVELS,
    TEXELS,
    WALL,
)
from rlkit_envs.driving.weather.palette import BUILDING, TREE

_SEEN_TO = 260.0  # m, range
_NEAREST = 0.3  # m along the axis, in front of which panels are clipped


@kernel
def draw_panels(
    picture: np.ndarray,
    labels: np.ndarray,
    nearness: np.ndarray,
    geometry: Record,
    x: float,
    y: float,
    heading: float,
    panels: np.ndarray,
    count: int,
    facades: np.ndarray,
    appearance: Record,
    sun: float,
) -> None:
    """Draw panels over ground and sky; about 5 ns a pixel of each.

    Args:
        picture: (H, W, 3) uint8, changed.
        labels: (H, W) uint8, changed.
        nearness: (H, W) float32, cleared; the inverse depth (1/m) of the panel that each pixel shows is written.
        geometry: Record of ``GEOMETRY``.
        x: Car's position, in metres.
        y: Likewise.
        heading: Car's heading, in radians.
        panels: (P,) records of ``PANEL``.
        count: How many of them there are.
        facades: (LEVELS, TILES, TEXELS, TEXELS) uint8.
        appearance: Record of ``APPEARANCE``.
        sun: Direction of the sun, in radians.
    """
    height, width = labels.shape
    cosine, sine = np.cos(heading), np.sin(heading)
    camera_x, camera_y = x + geometry.mount_ahead * cosine, y + geometry.mount_ahead * sine
    slope = 0.5 * width / geometry.focal
    colours = np.empty((KINDS, 2, 3), dtype=np.float32)
    origin, along, up, normal = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    bounds = np.empty(4, dtype=np.int64)
    distances = np.empty(count)
    which = np.empty(count, dtype=np.int64)
    seen = 0
    for k in range(count):
        panel = panels[k]
        dx, dy = panel.x - camera_x, panel.y - camera_y
        ahead, left = dx * cosine + dy * sine, dy * cosine - dx * sine
        reach = panel.width + panel.height
        if ahead < -reach or ahead > _SEEN_TO or abs(left) > slope * max(0.0, ahead) + reach * (1.0 + slope):
            continue
        # From behind, a panel is not seen.
        facing = (dx * panel.along_y - dy * panel.along_x) * panel.up_z
        facing += (panel.z - geometry.mount_height) * (panel.along_x * panel.up_y - panel.along_y * panel.up_x)
        if facing >= -0.01:
            continue
        distances[seen] = ahead + 0.5 * panel.width * (panel.along_x * cosine + panel.along_y * sine)
        which[seen] = k
        seen += 1
    # The nearest first, so that fewer pixels are drawn twice.
    for place in np.argsort(distances[:seen]):
        panel = panels[which[place]]
        dx, dy = panel.x - camera_x, panel.y - camera_y
        ahead, left = dx * cosine + dy * sine, dy * cosine - dx * sine
        # Into the camera's frame: to the right, down, along the axis.
        _turn(origin, ahead, left, panel.z - geometry.mount_height, geometry)
        _turn(
            along,
            panel.along_x * cosine + panel.along_y * sine,
            panel.along_y * cosine - panel.along_x * sine,
            0.0,
            geometry,
        )
        _turn(
            up, panel.up_x * cosine + panel.up_y * sine, panel.up_y * cosine - panel.up_x * sine, panel.up_z, geometry
        )
        normal[0] = along[1] * up[2] - along[2] * up[1]
        normal[1] = along[2] * up[0] - along[0] * up[2]
        normal[2] = along[0] * up[1] - along[1] * up[0]
        distance = origin[0] * normal[0] + origin[1] * normal[1] + origin[2] * normal[2]
        if not _find_bounds(bounds, origin, along, up, panel, geometry.focal, height, width):
            continue
        _mix(colours, panel, appearance, sun, max(1.0, distances[place]))
        _fill_panel(
            picture,
            labels,
            nearness,
            geometry.focal,
            bounds,
            origin,
            along,
            up,
            normal,
            distance,
            panel,
            facades,
            colours,
        )


@kernel
def _turn(out: np.ndarray, ahead: float, left: float, above: float, geometry: Record) -> None:
    """Write a vector, given ahead, to the left and up, in the camera's frame: right, down, along the axis."""
    out[0] = -left
    out[1] = -above * geometry.cosine - ahead * geometry.sine
    out[2] = ahead * geometry.cosine - above * geometry.sine


@kernel
def _find_bounds(
    bounds: np.ndarray,
    origin: np.ndarray,
    along: np.ndarray,
    up: np.ndarray,
    panel: Record,
    focal: float,
    height: int,
    width: int,
) -> bool:
    """Write first and last row and column that a panel can touch; False if it is outside of the image."""
    low_x, high_x, low_y, high_y = 1e300, -1e300, 1e300, -1e300
    for k in range(4):
        # The edge from corner k to the next, clipped at the nearest depth.
        a, b = (k == 1 or k == 2), (k == 2 or k == 3)
        c, d = (k == 0 or k == 1), (k == 1 or k == 2)
        start = np.empty(3)
        end = np.empty(3)
        for axis in range(3):
            start[axis] = origin[axis] + a * panel.width * along[axis] + b * panel.height * up[axis]
            end[axis] = origin[axis] + c * panel.width * along[axis] + d * panel.height * up[axis]
        if start[2] < _NEAREST and end[2] < _NEAREST:
            continue
        first, last = 0.0, 1.0
        if start[2] < _NEAREST:
            first = (_NEAREST - start[2]) / (end[2] - start[2])
        elif end[2] < _NEAREST:
            last = (_NEAREST - start[2]) / (end[2] - start[2])
        for share in (first, last):
            depth = max(_NEAREST, start[2] + share * (end[2] - start[2]))
            px = 0.5 * width + focal * (start[0] + share * (end[0] - start[0])) / depth
            py = 0.5 * height + focal * (start[1] + share * (end[1] - start[1])) / depth
            low_x, high_x = min(low_x, px), max(high_x, px)
            low_y, high_y = min(low_y, py), max(high_y, py)
    if low_x > high_x or high_x < 0.0 or low_x > width or high_y < 0.0 or low_y > height:
        return False
    bounds[0], bounds[1] = int(max(0.0, low_y)), int(min(height - 1.0, high_y))
    bounds[2], bounds[3] = int(max(0.0, low_x)), int(min(width - 1.0, high_x))
    return True


@kernel
def _mix(colours: np.ndarray, panel: Record, appearance: Record, sun: float, distance: float) -> None:
    """Compute the colours of a panel in the light of an episode, with fog.

    Args:
        colours: (KINDS, 2, 3) float32, written: of each kind of surface the colour at a grain of 0, from 0 to 255, and
            what each step of the grain adds.
        panel: Record of ``PANEL``.
        appearance: Record of ``APPEARANCE``.
        sun: Direction of the sun, in radians.
        distance: In metres.
    """
    # Outwards, across the direction along the ground.
    facing = panel.along_y * np.cos(sun) - panel.along_x * np.sin(sun)
    lit = max(0.0, facing) * panel.up_z + 0.5 * (1.0 - panel.up_z)
    leaves = panel.upper_tile == HEDGE
    keep = np.exp(-appearance.fog * distance)
    for c in range(3):
        light = 0.9 * appearance.ambient[c] + lit * appearance.sun[c]
        wall, frame, accent = panel.colour[0, c], panel.colour[1, c], panel.colour[2, c]
        # Glass reflects the sky, more or less, or shows a dark room.
        sky = max(light, 0.8 * appearance.horizon[c])
        for kind in range(KINDS):
            start, slope = 0.03 * sky, panel.glass * sky
            if kind == WALL:
                start, slope = (0.2 if leaves else 0.72) * wall * light, (1.6 if leaves else 0.5) * wall * light
            elif kind == DARK:
                start, slope = 0.45 * wall * light, 0.3 * wall * light
            elif kind == FRAME:
                start, slope = 0.85 * frame * light, 0.3 * frame * light
            elif kind == ACCENT:
                start, slope = 0.8 * accent * light, 0.4 * accent * light
            clear = keep * (1.0 - 0.5 * appearance.snow)
            snow = keep * 0.3 * appearance.snow * light
            colours[kind, 0, c] = 255.0 * (clear * start + snow + (1.0 - keep) * appearance.horizon[c]) + 0.5
            colours[kind, 1, c] = 255.0 * clear * slope / 15.0


@kernel
def _fill_panel(
    picture: np.ndarray,
    labels: np.ndarray,
    nearness: np.ndarray,
    focal: float,
    bounds: np.ndarray,
    origin: np.ndarray,
    along: np.ndarray,
    up: np.ndarray,
    normal: np.ndarray,
    distance: float,
    panel: Record,
    facades: np.ndarray,
    colours: np.ndarray,
) -> None:
    height, width = labels.shape
    start_u = origin[0] * along[0] + origin[1] * along[1] + origin[2] * along[2]
    start_v = origin[0] * up[0] + origin[1] * up[1] + origin[2] * up[2]
    bays, storeys = panel.bays / panel.width, panel.storeys / panel.height
    wide, tall, taper = panel.width, panel.height, panel.taper * panel.width / panel.height
    # Texels per pixel for each metre of depth; a coarser level from 1.5 on.
    footprint = TEXELS * max(bays, storeys) / focal / 1.5
    seed = np.uint64(panel.seed)
    label = np.uint8(TREE if panel.upper_tile == HEDGE else BUILDING)
    for row in range(bounds[0], bounds[1] + 1):
        ray_y = (row + 0.5 - 0.5 * height) / focal
        for column in range(bounds[2], bounds[3] + 1):
            ray_x = (column + 0.5 - 0.5 * width) / focal
            inverse = (ray_x * normal[0] + ray_y * normal[1] + normal[2]) / distance
            if inverse <= nearness[row, column] or inverse * _SEEN_TO < 1.0 or inverse * _NEAREST > 1.0:
                continue
            depth = 1.0 / inverse
            v = depth * (ray_x * up[0] + ray_y * up[1] + up[2]) - start_v
            if v < 0.0 or v >= tall:
                continue
            u = depth * (ray_x * along[0] + ray_y * along[1] + along[2]) - start_u
            if u < taper * v or u >= wide - taper * v:
                continue
            bay, storey = u * bays, v * storeys
            column_of, row_of = int(bay), int(storey)
            tile = panel.ground_tile if row_of == 0 else panel.upper_tile
            level = 0
            texels = footprint * depth
            while texels > 1.0 and level < LEVELS - 1:
                texels *= 0.5
                level += 1
            surface = facades[level, tile, int((storey - row_of) * TEXELS), int((bay - column_of) * TEXELS)]
            kind = surface >> KIND_SHIFT
            if kind == HOLE:
                continue
            if kind == GLASS:
                surface = (GLASS << KIND_SHIFT) | _window_tone(seed, column_of, row_of, surface & 15)
            grain = np.float32(surface & 15)
            for c in range(3):
                value = colours[kind, 0, c] + colours[kind, 1, c] * grain
                picture[row, column, c] = np.uint8(min(np.float32(255.0), value))
            labels[row, column] = label
            nearness[row, column] = inverse


@kernel
def _window_tone(seed: np.uint64, bay: int, storey: int, grain: int) -> Any:
    """Grain of a window: each has a tone of its own."""
    mixed = (seed + np.uint64(bay * 7919 + storey * 104729)) * np.uint64(0x9E3779B97F4A7C15)
    tone = int(mixed >> np.uint64(60))
    return min(15, max(0, tone + int(grain) - 8))

"""Objects in the camera's image, drawn from far to near: sprites, and cars as boxes."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.sensors.boxes import extend_outline, visible_part
from rlkit_envs.driving.terrain.roadside import BUSH
from rlkit_envs.driving.traffic.behaviour import CONE
from rlkit_envs.driving.weather.palette import GLASS, HEAD_LAMP, PAINT, TAIL_LAMP, TYRE, band_of
from rlkit_envs.driving.weather.sprites import CONE_SPRITE, SPRITE_HEIGHT, SPRITE_WIDTH

SEEN_TO = 260.0  # m, range
MOST_SEEN = 256  # objects in one image
_NEAREST = 0.6  # m ahead of the camera
_SMALLEST = 1.0  # pixels, smallest height of a sprite


@kernel
def _put(
    picture: np.ndarray,
    labels: np.ndarray,
    owners: np.ndarray | None,
    row: int,
    column: int,
    word: np.uint32,
    owner: int,
    nearness: np.ndarray | None,
    near: float,
) -> None:
    if nearness is not None and nearness[row, column] > near:
        return
    picture[row, column, 0] = word & np.uint32(255)
    picture[row, column, 1] = (word >> np.uint32(8)) & np.uint32(255)
    picture[row, column, 2] = (word >> np.uint32(16)) & np.uint32(255)
    labels[row, column] = word >> np.uint32(24)
    if owners is not None:
        owners[row, column] = owner


@kernel
def draw_standing(
    picture: np.ndarray,
    labels: np.ndarray,
    geometry: Record,
    x: float,
    y: float,
    heading: float,
    standing: np.ndarray,
    count: int,
    others: np.ndarray | None,
    sprites: np.ndarray,
    inks: np.ndarray,
    owners: np.ndarray | None,
    outlines: np.ndarray | None,
    parked: np.ndarray | None,
    parked_count: int,
    nearness: np.ndarray | None,
) -> None:
    """Draw trees, boards, cones and cars over the ground.

    Args:
        picture: (H, W, 3) uint8, changed.
        labels: (H, W) uint8, changed.
        geometry: Record of ``GEOMETRY``.
        x: Car's position, in metres.
        y: Car's position, in metres.
        heading: Car's heading, in radians.
        standing: (M,) records of ``STANDING``.
        count: How many of them there are.
        others: (K,) records of ``OTHER``; None for none.
        sprites: (2, kinds, SPRITE_HEIGHT, SPRITE_WIDTH) uint8 inks.
        inks: (BANDS, INKS) uint32.
        owners: (H, W) uint8, cleared; 1 + which of the others each pixel shows is written. None if it is not wanted.
        outlines: (K,) records of ``OUTLINE``, cleared; those of the others that are drawn are written. None likewise.
        parked: (P,) records of ``street.PARKED``; None for none. They have no owner.
        parked_count: How many of them there are.
        nearness: (H, W) float32 inverse depth of the buildings in front of which objects are drawn; None for none.
    """
    width = labels.shape[1]
    cosine = np.cos(heading)
    sine = np.sin(heading)
    camera_x = x + geometry.mount_ahead * cosine
    camera_y = y + geometry.mount_ahead * sine
    slope = 0.5 * width / geometry.focal
    depth = np.empty(MOST_SEEN)
    which = np.empty(MOST_SEEN, dtype=np.int64)
    seen = 0
    first_other = count if parked is None else count + parked_count
    both = first_other if others is None else first_other + len(others)
    for k in range(both):
        dx = dy = reach = 0.0
        if k < count:
            thing = standing[k]
            dx, dy, reach = thing.x - camera_x, thing.y - camera_y, 0.5 * thing.width
        elif parked is not None and k < first_other:
            still = parked[k - count]
            dx, dy, reach = still.x - camera_x, still.y - camera_y, 0.5 * still.length
        elif others is not None:
            other = others[k - first_other]
            if other.active == 0:
                continue
            dx, dy, reach = other.x - camera_x, other.y - camera_y, 0.5 * other.length
        ahead = dx * cosine + dy * sine
        if ahead < _NEAREST or ahead > SEEN_TO:
            continue
        left = dy * cosine - dx * sine
        if abs(left) > slope * ahead + 1.2 * reach:
            continue
        # Insertion sort by distance, the furthest first; beyond MOST_SEEN, the furthest is dropped.
        if seen == MOST_SEEN:
            if ahead >= depth[0]:
                continue
            for i in range(seen - 1):
                depth[i], which[i] = depth[i + 1], which[i + 1]
            seen -= 1
        i = seen
        while i > 0 and depth[i - 1] < ahead:
            depth[i], which[i] = depth[i - 1], which[i - 1]
            i -= 1
        depth[i] = ahead
        which[i] = k
        seen += 1
    for i in range(seen):
        k = which[i]
        place_x = place_y = tall = wide = 0.0
        kind = tint = turned = 0
        if k < count:
            thing = standing[k]
            place_x, place_y, tall, wide, kind = thing.x, thing.y, thing.height, thing.width, thing.kind
            turned = thing.turned
            tint = thing.tint if kind <= BUSH else 0
        elif parked is not None and k < first_other:
            still = parked[k - count]
            _draw_car(picture, labels, geometry, camera_x, camera_y, cosine, sine, still, inks, None, None, 0, nearness)
            continue
        elif others is not None:
            other = others[k - first_other]
            if other.kind != CONE:
                _draw_car(
                    picture,
                    labels,
                    geometry,
                    camera_x,
                    camera_y,
                    cosine,
                    sine,
                    other,
                    inks,
                    owners,
                    outlines,
                    1 + k - first_other,
                    nearness,
                )
                continue
            place_x, place_y, tall, wide, kind = other.x, other.y, other.height, other.width, CONE_SPRITE
        left = (place_y - camera_y) * cosine - (place_x - camera_x) * sine
        _draw_sprite(
            picture,
            labels,
            geometry,
            depth[i],
            left,
            tall,
            wide,
            sprites[turned, kind],
            tint,
            inks,
            owners,
            outlines,
            max(0, 1 + k - first_other),  # 0: what stands beside the road hides what is behind it
            nearness,
        )


@kernel
def _draw_sprite(
    picture: np.ndarray,
    labels: np.ndarray,
    geometry: Record,
    ahead: float,
    left: float,
    tall: float,
    wide: float,
    sprite: np.ndarray,
    tint: int,
    inks: np.ndarray,
    owners: np.ndarray | None,
    outlines: np.ndarray | None,
    owner: int,
    nearness: np.ndarray | None,
) -> None:
    height, width = labels.shape
    # Foot and top in camera coordinates: along the axis, and downwards.
    foot_axis = ahead * geometry.cosine + geometry.mount_height * geometry.sine
    foot_down = geometry.mount_height * geometry.cosine - ahead * geometry.sine
    top_axis = foot_axis - tall * geometry.sine
    top_down = foot_down - tall * geometry.cosine
    if foot_axis < _NEAREST or top_axis < _NEAREST:
        return
    bottom = 0.5 * height + geometry.focal * foot_down / foot_axis
    top = 0.5 * height + geometry.focal * top_down / top_axis
    half = 0.5 * wide * geometry.focal / foot_axis
    middle = 0.5 * width - left * geometry.focal / foot_axis
    if bottom - top < _SMALLEST:
        return
    if outlines is not None and owner > 0:
        extend_outline(outlines[owner - 1], middle - half, top)
        extend_outline(outlines[owner - 1], middle + half, bottom)
    first_row, last_row = max(0, int(np.ceil(top - 0.5))), min(height, int(np.ceil(bottom - 0.5)))
    first, last = max(0, int(np.ceil(middle - half - 0.5))), min(width, int(np.ceil(middle + half - 0.5)))
    if first >= last:
        return
    table = inks[band_of(ahead)]
    near = 1.0 / foot_axis
    pace = SPRITE_WIDTH / (2.0 * half)
    start = (first + 0.5 - middle + half) * pace
    for row in range(first_row, last_row):
        line = sprite[min(SPRITE_HEIGHT - 1, int((row + 0.5 - top) / (bottom - top) * SPRITE_HEIGHT))]
        at = start
        for column in range(first, last):
            ink = line[min(SPRITE_WIDTH - 1, int(at))]
            at += pace
            if ink != 0:
                if ink < 33:
                    ink += np.uint8(8 * tint)
                _put(picture, labels, owners, row, column, table[ink], owner, nearness, near)
    if owners is not None and outlines is not None and owner > 0:
        outlines[owner - 1].pixels = visible_part(owners, owner, outlines[owner - 1])[4]


@kernel
def _project(
    corners: np.ndarray, geometry: Record, height: int, width: int, ahead: float, left: float, up: float, k: int
) -> None:
    axis = max(0.3, ahead * geometry.cosine + (geometry.mount_height - up) * geometry.sine)
    down = (geometry.mount_height - up) * geometry.cosine - ahead * geometry.sine
    corners[k, 0] = 0.5 * width - left * geometry.focal / axis
    corners[k, 1] = 0.5 * height + geometry.focal * down / axis


@kernel
def _fill(
    picture: np.ndarray,
    labels: np.ndarray,
    corners: np.ndarray,
    word: np.uint32,
    owners: np.ndarray | None,
    owner: int,
    nearness: np.ndarray | None,
    near: float,
) -> None:
    """Fill a convex quadrilateral of (4, 2) corners in pixels."""
    height, width = labels.shape
    first = max(0, int(np.ceil(corners[:, 1].min() - 0.5)))
    last = min(height, int(np.ceil(corners[:, 1].max() - 0.5)))
    for row in range(first, last):
        y = row + 0.5
        low = 1e300
        high = -1e300
        for a in range(4):
            b = (a + 1) % 4
            ya, yb = corners[a, 1], corners[b, 1]
            if (ya <= y) != (yb <= y):
                x = corners[a, 0] + (y - ya) / (yb - ya) * (corners[b, 0] - corners[a, 0])
                low, high = min(low, x), max(high, x)
        if low > high:
            continue
        for column in range(max(0, int(np.ceil(low - 0.5))), min(width, int(np.ceil(high - 0.5)))):
            _put(picture, labels, owners, row, column, word, owner, nearness, near)


@kernel
def _draw_box(
    picture: np.ndarray,
    labels: np.ndarray,
    geometry: Record,
    place: np.ndarray,
    extent: np.ndarray,
    inks: np.ndarray,
    table: np.ndarray,
    owners: np.ndarray | None,
    outlines: np.ndarray | None,
    owner: int,
    nearness: np.ndarray | None,
    near: float,
) -> None:
    """Draw the faces of a box that face the camera, and its top if the camera is above it.

    Args:
        picture: (H, W, 3) uint8, changed.
        labels: (H, W) uint8, changed.
        geometry: Record of ``GEOMETRY``.
        place: (4,) middle of the car, ahead and to the left of the camera (m), and cosine and sine of its heading
            relative to the camera's.
        extent: (6,) from and to along the car, half width, from and to above the ground, and by how much the top is
            shorter and narrower at each end, in metres.
        inks: (3,) of ends, flanks and top.
        table: (INKS,) uint32.
        owners: (H, W) uint8, changed; None if it is not wanted.
        outlines: (K,) records of ``OUTLINE``, that of the car is widened; None likewise.
        owner: Number of the car in ``owners``.
        nearness: (H, W) float32 inverse depth of buildings; None for none.
        near: Inverse depth of the box.
    """
    height, width = labels.shape
    ahead, left, cosine, sine = place[0], place[1], place[2], place[3]
    back, front, half, low, high, taper = extent[0], extent[1], extent[2], extent[3], extent[4], extent[5]
    corners = np.empty((4, 2))
    for face in range(5):
        # Ends 0 and 1, flanks 2 and 3, top 4.
        sign = 1.0 if face % 2 == 0 else -1.0
        if face < 2:
            end = front if face == 0 else back
            # Back-face culling.
            if sign * ((ahead + end * cosine) * cosine + (left + end * sine) * sine) >= 0.0:
                continue
        elif face < 4:
            if sign * ((ahead - sign * half * sine) * sine - (left + sign * half * cosine) * cosine) <= 0.0:
                continue
        elif geometry.mount_height <= high:
            continue
        for k in range(4):
            upper = face == 4 or k >= 2
            inset = taper if upper else 0.0
            near = k == 0 or k == 3  # the corners on the first side of the face
            if face < 2:
                along = end - sign * inset
                aside = (half if near else -half) - (inset if near else -inset)
            elif face < 4:
                along = back + inset if near else front - inset
                aside = sign * (half - inset)
            else:
                along = back + inset if near else front - inset
                aside = half - inset if k < 2 else inset - half
            _project(
                corners,
                geometry,
                height,
                width,
                ahead + along * cosine - aside * sine,
                left + along * sine + aside * cosine,
                high if upper else low,
                k,
            )
        if outlines is not None:
            for k in range(4):
                extend_outline(outlines[owner - 1], corners[k, 0], corners[k, 1])
        _fill(picture, labels, corners, table[inks[face // 2]], owners, owner, nearness, near)


# A car as four boxes: wheels and floor, body, lamps, cabin. Shares of half its length, half its width, and its height;
# the last is the taper of the top, as a share of the height.
_BOXES = np.array(
    [
        (-0.86, 0.86, 0.96, 0.0, 0.3, 0.0),
        (-1.0, 1.0, 1.0, 0.16, 0.58, 0.04),
        (-1.004, 1.004, 0.96, 0.36, 0.46, 0.0),
        (-0.72, 0.42, 0.88, 0.56, 1.0, 0.16),
    ]
)
# A van: its body reaches from the back to the windscreen; the last box is the glass of cab and windscreen.
VAN_HEIGHT = 2.0  # m, from which on a vehicle is one
_VAN_BOXES = np.array(
    [
        (-0.92, 0.9, 0.96, 0.0, 0.2, 0.0),
        (-1.0, 0.62, 1.0, 0.12, 1.0, 0.02),
        (-1.004, 1.0, 0.97, 0.12, 0.45, 0.02),
        (0.3, 0.86, 0.94, 0.42, 0.92, 0.1),
    ]
)


@kernel
def _draw_car(
    picture: np.ndarray,
    labels: np.ndarray,
    geometry: Record,
    camera_x: float,
    camera_y: float,
    cosine: float,
    sine: float,
    other: Record,
    inks: np.ndarray,
    owners: np.ndarray | None,
    outlines: np.ndarray | None,
    owner: int,
    nearness: np.ndarray | None,
) -> None:
    dx, dy = other.x - camera_x, other.y - camera_y
    place = np.empty(4)
    place[0], place[1] = dx * cosine + dy * sine, dy * cosine - dx * sine
    place[2] = np.cos(other.heading) * cosine + np.sin(other.heading) * sine
    place[3] = np.sin(other.heading) * cosine - np.cos(other.heading) * sine
    table = inks[band_of(max(place[0], 0.1))]
    near = 1.0 / max(0.5, place[0] - 0.5 * other.length)
    van = other.height > VAN_HEIGHT
    paint = PAINT + 3 * (other.colour % 8)
    behind = place[2] * place[0] + place[3] * place[1] > 0.0
    colours = np.empty((4, 3), dtype=np.int64)
    colours[0, :] = TYRE
    colours[1, 0], colours[1, 1], colours[1, 2] = paint + 1, paint + 2, paint
    colours[2, 0], colours[2, 1], colours[2, 2] = TAIL_LAMP if behind else HEAD_LAMP, paint + 2, paint
    colours[3, 0], colours[3, 1], colours[3, 2] = GLASS, GLASS, paint
    extent = np.empty(6)
    for box in range(4):
        shape = _VAN_BOXES[box] if van else _BOXES[box]
        extent[0], extent[1] = 0.5 * other.length * shape[0], 0.5 * other.length * shape[1]
        extent[2] = 0.5 * other.width * shape[2]
        for k in range(3, 6):
            extent[k] = other.height * shape[k]
        _draw_box(
            picture, labels, geometry, place, extent, colours[box], table, owners, outlines, owner, nearness, near
        )
    if owners is not None and outlines is not None:
        outlines[owner - 1].pixels = visible_part(owners, owner, outlines[owner - 1])[4]

"""The lidar: distances to the border of the road and to other road users, in many directions.

A ray is traced along the road from one cross-section to the next. Between two of them the road is a quadrilateral,
which the ray leaves by the left border, the right border or the next cross-section; two cross products decide. That is
exact, takes time in proportion to the range, and ignores a road that crosses on a bridge, unlike sphere tracing through
a distance field.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, TX, TY, X, Y, locate


@kernel
def lidar(
    beams: np.ndarray,
    x: float,
    y: float,
    heading: float,
    line: np.ndarray,
    samples: int,
    index: int,
    others: np.ndarray,
    count: int,
    angles: np.ndarray,
    max_range: float,
) -> None:
    """Measure the distance to the nearest border or road user in each direction.

    Off the road, beams end at the border from outside.

    Args:
        beams: (B,) float32, written: metres, at most ``max_range``.
        x: Position of the scanner, in metres.
        y: Likewise.
        heading: Direction of the scanner, in radians.
        line: (n, 8) packed centre line.
        samples: Number of samples in use, at most n.
        index: Sample at or near the scanner.
        others: (K,) records of ``traffic.OTHER``.
        count: How many of them are in use.
        angles: (B,) float64 directions to the left of the heading, in radians.
        max_range: In metres.
    """
    index, _ = locate(line, samples, x, y, index)
    on_road = _is_on_road(line, samples, index, x, y)
    for k in range(len(beams)):
        dx = np.cos(heading + angles[k])
        dy = np.sin(heading + angles[k])
        if on_road:
            distance = _trace(line, samples, index, x, y, dx, dy, max_range)
        else:
            distance = _trace_outside(line, samples, index, x, y, dx, dy, max_range)
        for i in range(count):
            if others[i].active != 0:
                distance = min(distance, box_distance(others[i], x, y, dx, dy))
        beams[k] = distance


@kernel
def beam_angles(count: int, field_of_view: float) -> np.ndarray:
    """(B,) directions in radians, evenly spaced from right to left; a full circle has no direction twice.

    Args:
        count: B; a single beam points ahead.
        field_of_view: Angle between the first beam and the last, in radians; 2π for a full circle.
    """
    angles = np.zeros(count)
    if count > 1:
        steps = count if field_of_view > 2.0 * np.pi - 1e-9 else count - 1
        for k in range(count):
            angles[k] = field_of_view * (k / steps - 0.5)
    return angles


@kernel
def _border(line: np.ndarray, i: int, left: bool) -> tuple[float, float]:
    """Point of the border beside a sample, in metres."""
    width = line[i, LEFT] if left else -line[i, RIGHT]
    return float(line[i, X] - width * line[i, TY]), float(line[i, Y] + width * line[i, TX])


@kernel
def _crossing(ax: float, ay: float, bx: float, by: float, x: float, y: float, dx: float, dy: float) -> float:
    """Distance at which the ray from x, y meets the line through a and b."""
    ex, ey = bx - ax, by - ay
    return float(((ax - x) * ey - (ay - y) * ex) / (dx * ey - dy * ex))


@kernel
def _is_on_road(line: np.ndarray, samples: int, i: int, x: float, y: float) -> bool:
    """Whether a point is between the cross-sections of sample i and the next, and between the borders."""
    j = i + 1 if i + 1 < samples else 0
    inside = True
    for left in (True, False):
        ax, ay = _border(line, i, left)
        bx, by = _border(line, j, left)
        side = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
        inside = inside and (side < 0.0 if left else side > 0.0)
    here = (x - line[i, X]) * line[i, TX] + (y - line[i, Y]) * line[i, TY]
    ahead = (x - line[j, X]) * line[j, TX] + (y - line[j, Y]) * line[j, TY]
    return bool(inside and here >= 0.0 and ahead <= 0.0)


@kernel
def _trace(
    line: np.ndarray, samples: int, index: int, x: float, y: float, dx: float, dy: float, max_range: float
) -> float:
    """Distance at which a ray from a point of the road meets its border, at most ``max_range``."""
    i = index
    j = i + 1 if i + 1 < samples else 0
    # From inside the first quadrilateral, the ray leaves between two neighbouring corners.
    rear_left, rear_right = _border(line, i, True), _border(line, i, False)
    front_left, front_right = _border(line, j, True), _border(line, j, False)
    front_left_turn = dx * (front_left[1] - y) - dy * (front_left[0] - x)  # positive: left of the ray
    front_right_turn = dx * (front_right[1] - y) - dy * (front_right[0] - x)
    rear_left_turn = dx * (rear_left[1] - y) - dy * (rear_left[0] - x)
    rear_right_turn = dx * (rear_right[1] - y) - dy * (rear_right[0] - x)
    if front_right_turn <= 0.0 and front_left_turn > 0.0:
        forward = True
        left, right, at = front_left, front_right, j
    elif rear_left_turn <= 0.0 and rear_right_turn > 0.0:
        forward = False
        left, right, at = rear_left, rear_right, i
    elif front_left_turn <= 0.0 and rear_left_turn > 0.0:
        return float(min(max_range, _crossing(*front_left, *rear_left, x, y, dx, dy)))
    else:
        return float(min(max_range, _crossing(*rear_right, *front_right, x, y, dx, dy)))
    for _ in range(samples):
        if (left[0] - x) * dx + (left[1] - y) * dy > max_range and (right[0] - x) * dx + (
            right[1] - y
        ) * dy > max_range:
            return max_range
        at += 1 if forward else -1
        if at == samples:
            at = 0
        elif at < 0:
            at = samples - 1
        next_left, next_right = _border(line, at, True), _border(line, at, False)
        left_turn = dx * (next_left[1] - y) - dy * (next_left[0] - x)
        right_turn = dx * (next_right[1] - y) - dy * (next_right[0] - x)
        if not forward:
            left_turn, right_turn = -left_turn, -right_turn
        if left_turn <= 0.0:
            return float(min(max_range, _crossing(*left, *next_left, x, y, dx, dy)))
        if right_turn > 0.0:
            return float(min(max_range, _crossing(*right, *next_right, x, y, dx, dy)))
        left, right = next_left, next_right
    return max_range


@kernel
def _trace_outside(
    line: np.ndarray, samples: int, index: int, x: float, y: float, dx: float, dy: float, max_range: float
) -> float:
    """Distance at which a ray from anywhere meets a border near the sample ``index``, at most ``max_range``."""
    nearest = max_range
    reach = min(samples // 2, int(1.5 * max_range) + 1)
    for left in (True, False):
        ax, ay = _border(line, (index - reach) % samples, left)
        turn = dx * (ay - y) - dy * (ax - x)
        for k in range(1 - reach, reach + 1):
            bx, by = _border(line, (index + k) % samples, left)
            next_turn = dx * (by - y) - dy * (bx - x)
            if (turn <= 0.0) != (next_turn <= 0.0):
                distance = _crossing(ax, ay, bx, by, x, y, dx, dy)
                if 0.0 <= distance < nearest:
                    nearest = distance
            ax, ay, turn = bx, by, next_turn
    return nearest


@kernel
def box_distance(other: Record, x: float, y: float, dx: float, dy: float) -> float:
    """Distance (m) at which a ray meets a box: 0 from inside it, infinity if never.

    Args:
        other: One record of ``traffic.OTHER``.
        x: Where the ray begins, in metres.
        y: Likewise.
        dx: Unit vector of its direction.
        dy: Likewise.
    """
    from_x, from_y = x - other.x, y - other.y
    half_length, half_width = 0.5 * other.length, 0.5 * other.width
    aside = from_x * dy - from_y * dx
    if aside * aside > half_length * half_length + half_width * half_width:
        return np.inf
    cosine, sine = np.cos(other.heading), np.sin(other.heading)
    enter, leave = 0.0, np.inf
    for axis in range(2):
        if axis == 0:
            start, pace, half = from_x * cosine + from_y * sine, dx * cosine + dy * sine, half_length
        else:
            start, pace, half = from_y * cosine - from_x * sine, dy * cosine - dx * sine, half_width
        if abs(pace) < 1e-12:
            if abs(start) > half:
                return np.inf
            continue
        near, far = (-half - start) / pace, (half - start) / pace
        if near > far:
            near, far = far, near
        enter, leave = max(enter, near), min(leave, far)
    return enter if enter <= leave else np.inf

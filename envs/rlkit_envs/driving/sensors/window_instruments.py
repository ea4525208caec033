"""The instruments below the picture of ``window_view``, as CarRacing-v3 draws them in its window of 1000×800 points.

From left to right: the score, the speed, the spin of the four wheels, the steering and the yaw rate. The score is
estimated from the progress and the time, in digits of 3×5 blocks.
"""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel

WINDOW_WIDTH, WINDOW_HEIGHT = 1000.0, 800.0  # points
FRAME = 0.02  # s
TILE = 3.5  # m of road
FRONT = 2.2  # m from the centre of gravity to where the front wheels touch a tile

# Blocks of the digits 0 to 9: five rows of three bits, an octal digit each.
_DIGITS = np.array([0o75557, 0o26227, 0o71747, 0o71317, 0o55711, 0o74717, 0o74757, 0o71222, 0o75757, 0o75717])
_MINUS = 0o00700


@kernel
def tiles_reached(progress: float, length: float) -> int:
    """Tiles of a circuit that a car has come upon after some metres of progress; two of them at the start."""
    count = max(1, int(np.rint(length / TILE)))
    return min(count, 2 + int(np.floor((progress + FRONT) / length * count)))


@kernel
def _bar(
    picture: np.ndarray, left: float, right: float, top: float, bottom: float, red: int, green: int, blue: int
) -> None:
    """Add a rectangle, in points of the window, to the black part of a picture (H, W, 3)."""
    height, width = picture.shape[0], picture.shape[1]
    left, right = min(left, right) * width / WINDOW_WIDTH, max(left, right) * width / WINDOW_WIDTH
    top, bottom = min(top, bottom) * height / WINDOW_HEIGHT, max(top, bottom) * height / WINDOW_HEIGHT
    for row in range(max(0, int(top)), min(height, int(np.ceil(bottom)))):
        tall = min(row + 1.0, bottom) - max(float(row), top)
        for column in range(max(0, int(left)), min(width, int(np.ceil(right)))):
            share = tall * (min(column + 1.0, right) - max(float(column), left))
            picture[row, column, 0] = min(255.0, picture[row, column, 0] + share * red)
            picture[row, column, 1] = min(255.0, picture[row, column, 1] + share * green)
            picture[row, column, 2] = min(255.0, picture[row, column, 2] + share * blue)


@kernel
def _draw_score(picture: np.ndarray, score: int) -> None:
    """Write four characters, with a minus first for numbers below 0."""
    left = abs(score)
    for k in range(3, -1, -1):
        blocks = _DIGITS[left % 10]
        left //= 10
        if score < 0 and k == 0:
            blocks = _MINUS
        for block in range(15):
            if (blocks >> (14 - block)) & 1:
                x, y = 14.0 + 23.4 * k + 6.0 * (block % 3), 735.0 + 6.0 * (block // 3)
                _bar(picture, x, x + 6.0, y, y + 6.0, 255, 255, 255)


@kernel
def draw_instruments(picture: np.ndarray, car: Record, length: float, flip: float) -> None:
    """Draw score, speed, the spin of the four wheels, steering and yaw rate."""
    reached = max(2, tiles_reached(car.progress, length))
    score = 1000.0 * reached / max(1.0, np.rint(length / TILE)) - 0.1 * car.time / FRAME
    _draw_score(picture, int(np.rint(min(score, 1000.0))))
    pace = np.sqrt(car.speed * car.speed + car.lateral_velocity * car.lateral_velocity)
    _bar(picture, 125.0, 151.0, 780.0 - 0.4 * pace, 781.0, 255, 255, 255)
    spins = (car.spin_front_left, car.spin_front_right, car.spin_rear_left, car.spin_rear_right)
    if flip < 0.0:
        spins = (car.spin_front_right, car.spin_front_left, car.spin_rear_right, car.spin_rear_left)
    for wheel in range(4):
        if abs(spins[wheel]) > 1e-4:
            x = 175.0 + 25.0 * wheel
            _bar(picture, x, x + 25.0, 780.0 - 0.2 * spins[wheel], 781.0, 0 if wheel < 2 else 51, 0, 255)
    if abs(car.steering) > 1e-4:
        _bar(picture, 500.0, 500.0 - 250.0 * flip * car.steering, 720.0, 761.0, 0, 255, 0)
    if abs(car.yaw_rate) > 1e-4:
        _bar(picture, 750.0, 750.0 - 20.0 * flip * car.yaw_rate, 720.0, 761.0, 255, 0, 0)

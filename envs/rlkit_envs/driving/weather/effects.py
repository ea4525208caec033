"""Effects on the camera's image: headlights, glare, rain, snow and sensor noise."""

import numpy as np

from rlkit_envs.driving.jit import Record, kernel

_NOISE = np.random.default_rng(99).normal(0.0, 32.0, 1 << 15).clip(-127, 127).astype(np.int8)
_UNSEEN = 0.006  # standard deviation below which noise is left out
_GLOW_REACH = 0.4  # radius of the sun's glare, as a share of the image's width


@kernel
def _hash(value: int) -> np.uint64:
    """Hash of a number (the finaliser of SplitMix64, Steele et al. 2014)."""
    z = np.uint64(value) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def light_map(rows: np.ndarray, width: int) -> np.ndarray:
    """Illumination of each pixel by the headlights: a wide near beam and a narrow far one.

    Args:
        rows: (H,) records of ``camera.ROW``.
        width: W.

    Returns:
        (H * W * 3,) uint8, 100 for full light, a little less of it in blue.
    """
    light = np.empty((len(rows), width, 3), dtype=np.uint8)
    for r in range(len(rows)):
        row = rows[r]
        for column in range(width):
            if row.ahead == 0.0:  # above the horizon, for trees
                aside = (column + 0.5 - 0.5 * width) / width
                strength = 0.15 * np.exp(-12.0 * aside * aside)
            else:
                away = (column + 0.5 - 0.5 * width) * row.pace
                near = np.exp(-((away / (2.2 + 0.42 * row.ahead)) ** 2)) * np.exp(-row.ahead / 15.0)
                far = 0.7 * np.exp(-((away / (1.4 + 0.14 * row.ahead)) ** 2)) * np.exp(-row.ahead / 42.0)
                strength = 1.35 * near + far
            light[r, column, 0] = np.uint8(100.0 * strength)
            light[r, column, 1] = np.uint8(97.0 * strength)
            light[r, column, 2] = np.uint8(86.0 * strength)
    return light.reshape(-1)


@kernel
def add_headlights(picture: np.ndarray, light: np.ndarray, appearance: Record) -> None:
    """Brighten an image by the headlights, relative to the ambient light.

    Args:
        picture: (B,) uint8 bytes of the picture, changed.
        light: (B,) uint8 of ``light_map``.
        appearance: Record of ``APPEARANCE``.
    """
    ambient = max(0.04, (appearance.ambient[0] + appearance.ambient[1] + appearance.ambient[2]) / 3.0)
    gain = np.int32(256.0 * appearance.lamps * 0.0075 / ambient)
    for i in range(len(picture)):
        value = (np.int32(picture[i]) * (np.int32(256) + gain * np.int32(light[i]))) >> np.int32(8)
        picture[i] = np.uint8(min(value, np.int32(255)))


@kernel
def add_glare(
    picture: np.ndarray,
    labels: np.ndarray,
    horizon: float,
    focal: float,
    heading: float,
    appearance: Record,
    sun: float,
) -> None:
    """Add the sun's disc and its glare to the image of a camera that faces the sun.

    Args:
        picture: (H, W, 3) uint8, changed.
        labels: (H, W) uint8; the disc is drawn on the sky only, the glare on everything.
        horizon: Row of the horizon.
        focal: Focal length in pixels.
        heading: Direction of the camera, in radians.
        appearance: Record of ``APPEARANCE``.
        sun: Direction of the sun, in radians.
    """
    height, width = picture.shape[0], picture.shape[1]
    away = (sun - heading + np.pi) % (2.0 * np.pi) - np.pi
    if appearance.glow < 0.02 or abs(away) > 1.1:
        return
    x = 0.5 * width - focal * np.tan(away)
    y = horizon - focal * np.tan(appearance.sun_height)
    # A Gaussian, separable into rows and columns, with 8 bits each.
    reach = _GLOW_REACH * width * (0.35 + 0.65 * appearance.glow)
    across = np.empty(3 * width, dtype=np.int32)
    for column in range(width):
        bell = 255.0 * np.exp(-(((column + 0.5 - x) / reach) ** 2))
        for c in range(3):
            across[3 * column + c] = np.int32(bell * (0.35 + 0.65 * appearance.sun[c] / max(0.1, appearance.sun[0])))
    for row in range(height):
        strength = np.int32(150.0 * appearance.glow * appearance.glow * np.exp(-(((row - y) / reach) ** 2)))
        if strength < 2:
            continue
        line = picture[row].reshape(-1)
        for i in range(3 * width):
            value = np.int32(line[i]) + ((strength * across[i]) >> np.int32(8))
            line[i] = np.uint8(min(value, np.int32(255)))
    radius = 0.05 * width * (0.35 + 0.65 * appearance.glow)
    for row in range(max(0, int(y - radius)), min(height, int(y + radius) + 1)):
        for column in range(max(0, int(x - radius)), min(width, int(x + radius) + 1)):
            inside = (row - y) * (row - y) + (column + 0.5 - x) * (column + 0.5 - x) < radius * radius
            if inside and labels[row, column] == 0:
                for c in range(3):
                    picture[row, column, c] = np.uint8(min(255.0, picture[row, column, c] + 190.0 * appearance.glow))


@kernel
def add_precipitation(picture: np.ndarray, appearance: Record, key: int, speed: float) -> None:
    """Draw streaks of rain and snowflakes over an image.

    Args:
        picture: (H, W, 3) uint8, changed.
        appearance: Record of ``APPEARANCE``.
        key: Determines their positions; another one at every step.
        speed: Of the car, in m/s; it tilts and lengthens the streaks.
    """
    height, width = picture.shape[0], picture.shape[1]
    area = height * width / 12288.0
    bright = (
        90.0 * (appearance.horizon[0] + appearance.horizon[1] + appearance.horizon[2]) / 3.0
        + 40.0 * appearance.lamps
        + 12.0
    )
    for k in range(int(70.0 * appearance.rain * area)):
        chance = _hash(key * 1031 + k)
        row = int(chance % np.uint64(height))
        column = int((chance >> np.uint64(20)) % np.uint64(width))
        length = 3 + int((chance >> np.uint64(40)) % np.uint64(5)) + int(0.12 * speed)
        lean = (column + 0.5 - 0.5 * width) / width * min(1.0, speed / 25.0)
        for step in range(length * height // 96 + 1):
            r = row + step
            c = column + int(lean * step)
            if r < height and 0 <= c < width:
                for channel in range(3):
                    value = 0.72 * picture[r, c, channel] + bright * 0.6
                    picture[r, c, channel] = np.uint8(min(255.0, value))
    for k in range(int(90.0 * appearance.flakes * area)):
        chance = _hash(key * 2053 + k)
        row = int(chance % np.uint64(height))
        size = 1 + int((chance >> np.uint64(40)) % np.uint64(7)) // 5
        # They may begin outside the image, so that both sides have as many.
        column = int((chance >> np.uint64(20)) % np.uint64(width + size - 1)) - (size - 1)
        for r in range(row, min(height, row + size * height // 96 + 1)):
            for c in range(max(0, column), min(width, column + size)):
                for channel in range(3):
                    value = 0.35 * picture[r, c, channel] + 0.65 * min(250.0, 2.6 * bright)
                    picture[r, c, channel] = np.uint8(min(255.0, value))


@kernel
def flip_horizontally(picture: np.ndarray) -> None:
    """Flip an image (H, W, 3) horizontally, in place."""
    height, width = picture.shape[0], picture.shape[1]
    for row in range(height):
        for column in range(width // 2):
            for channel in range(3):
                left = picture[row, column, channel]
                picture[row, column, channel] = picture[row, width - 1 - column, channel]
                picture[row, width - 1 - column, channel] = left


@kernel
def add_noise(picture: np.ndarray, strength: float, key: int) -> None:
    """Add noise to the (B,) uint8 bytes of an image; ``strength`` is its standard deviation as a share of 255."""
    if strength < _UNSEEN:
        return
    scale = np.int32(256.0 * 255.0 * strength / 32.0)
    mask = len(_NOISE) - 1
    at = int(_hash(key) & np.uint64(mask))
    done = 0
    while done < len(picture):
        many = min(len(picture) - done, len(_NOISE) - at)
        values = picture[done : done + many]
        noise = _NOISE[at : at + many]
        for i in range(many):
            value = np.int32(values[i]) + ((np.int32(noise[i]) * scale) >> np.int32(8))
            values[i] = np.uint8(min(max(value, np.int32(0)), np.int32(255)))
        done += many
        at = 0

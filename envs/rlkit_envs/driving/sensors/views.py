"""Random cameras: mounting, field of view, roll, and the lens and exposure of the picture.

An episode's camera is one of a fixed number of them, drawn once from a fixed seed, so that an episode costs nothing.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.sensors.camera import Camera
from rlkit_envs.driving.weather.effects import light_map

VIEWS = 64  # random cameras
_SEED = 20090907


@dataclass(frozen=True, eq=False)
class Views:
    """V cameras, as kernels take them.

    Args:
        rows: (V, H) records of ``camera.ROW``.
        geometry: (V,) records of ``camera.GEOMETRY``.
        light: (V, 3HW) uint8 of ``light_map``.
        shifts: (V, W) rows by which each column is moved down by the camera's roll; None for cameras without lenses.
        vignette: (V, H, W) uint8 brightness in 256ths less one; None likewise.
        curves: (V, 3, 256) uint8 tone curves of red, green and blue; None likewise.
    """

    rows: npt.NDArray[np.void]
    geometry: npt.NDArray[np.void]
    light: npt.NDArray[np.uint8]
    shifts: npt.NDArray[np.int64] | None = None
    vignette: npt.NDArray[np.uint8] | None = None
    curves: npt.NDArray[np.uint8] | None = None


def single_view(camera: Camera) -> Views:
    """The camera as it is, without a lens."""
    rows = camera.rows()
    return Views(rows[None], camera.geometry(), light_map(rows, camera.width)[None])


def random_views(camera: Camera) -> Views:
    """Cameras around a given one.

    Drawn are the field of view (0.6 to 1.25 times), the height above the ground (0.8 to 1.5 times), the pitch (6°
    upwards to 5° downwards), the roll (1° standard deviation), a vignette, exposure, white balance and gamma.
    """
    random = np.random.default_rng(_SEED)
    cameras = [
        replace(
            camera,
            field_of_view=float(np.clip(camera.field_of_view * random.uniform(0.6, 1.25), 0.2, 2.6)),
            mount_height=camera.mount_height * float(random.uniform(0.8, 1.5)),
            pitch=camera.pitch + float(random.uniform(-0.11, 0.09)),
        )
        for _ in range(VIEWS)
    ]
    rows = np.stack([each.rows() for each in cameras])
    geometry = np.concatenate([each.geometry() for each in cameras])
    light = np.stack([light_map(each, camera.width) for each in rows])
    height, width = camera.height, camera.width
    across = np.arange(width) + 0.5 - 0.5 * width
    rolls = np.clip(random.normal(0.0, 0.018, VIEWS), -0.05, 0.05)
    shifts = np.rint(rolls[:, None] * across).astype(np.int64)
    down = np.arange(height) + 0.5 - 0.5 * height
    squared = (down[:, None] ** 2 + across**2) / (0.25 * (height**2 + width**2))  # 1 in the corners
    darker = random.uniform(0.0, 0.5, VIEWS) * (random.random(VIEWS) < 0.6)
    vignette = np.rint(255.0 * (1.0 - darker[:, None, None] * squared)).astype(np.uint8)
    exposure = 2.0 ** random.uniform(-0.9, 0.8, (VIEWS, 1, 1)) * random.uniform(0.92, 1.08, (VIEWS, 3, 1))
    gamma = 2.0 ** random.uniform(-0.4, 0.4, (VIEWS, 1, 1))
    curves = np.clip(np.rint(255.0 * (exposure * np.arange(256) / 255.0) ** gamma), 0, 255).astype(np.uint8)
    return Views(rows, geometry, light, shifts, vignette, curves)

"""The front camera: a pinhole camera with ground, objects and sky, and exact segmentation.

A row of the image below the horizon is a straight line over the ground with equal steps: one affine look-up per pixel,
as for the bird's-eye view. Objects are drawn from far to near (painter's algorithm). Labels come from the same look-ups
as colours and cannot differ from them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import Record, kernel
from rlkit_envs.driving.sensors.boxes import OUTLINE, clear_outlines, write_boxes
from rlkit_envs.driving.sensors.lens import apply_lens, roll_labels
from rlkit_envs.driving.sensors.objects import draw_standing
from rlkit_envs.driving.sensors.panels import draw_panels
from rlkit_envs.driving.terrain.layers import MATERIAL_LEVELS
from rlkit_envs.driving.terrain.materials import blotches
from rlkit_envs.driving.terrain.tiles import paint_row, start_of_row
from rlkit_envs.driving.weather.effects import (
    add_glare,
    add_headlights,
    add_noise,
    add_precipitation,
    flip_horizontally,
)
from rlkit_envs.driving.weather.palette import SKY_ROWS, band_of

FURTHEST = 400.0  # m, range of the ground
MATERIAL_CELL = 0.125  # m, finest cells for a camera

# One row of the image.
ROW = np.dtype(
    [
        ("ahead", "f8"),  # m along the ground to the row; 0 for the sky
        ("pace", "f8"),  # m from pixel to pixel
        ("level", "i8"),  # of the material layers, for cells of 0.125 m
        ("band", "i8"),  # of the colour tables
        ("sky", "i8"),  # row of the sky's table
    ],
    align=True,
)


@dataclass(frozen=True)
class Camera:
    """Size and mounting of a camera.

    Args:
        height: Rows of its image.
        width: Columns of its image; a multiple of 4.
        field_of_view: Horizontal, in radians.
        mount_height: Above the ground, in metres.
        mount_ahead: Ahead of the car's centre of gravity, in metres.
        pitch: Downwards, in radians.
    """

    height: int = 96
    width: int = 128
    field_of_view: float = 1.22
    mount_height: float = 1.3
    mount_ahead: float = 0.4
    pitch: float = 0.06

    @property
    def focal_length(self) -> float:
        """In pixels."""
        return 0.5 * self.width / float(np.tan(0.5 * self.field_of_view))

    def geometry(self) -> npt.NDArray[np.void]:
        """(1,) records of ``GEOMETRY``: the same, as kernels take it."""
        record = np.zeros(1, dtype=GEOMETRY)
        record["focal"] = self.focal_length
        record["mount_height"] = self.mount_height
        record["mount_ahead"] = self.mount_ahead
        record["cosine"], record["sine"] = np.cos(self.pitch), np.sin(self.pitch)
        return record

    def rows(self) -> npt.NDArray[np.void]:
        """(H,) records of ``ROW``."""
        rows = np.zeros(self.height, dtype=ROW)
        focal = self.focal_length
        for i, row in enumerate(rows):
            slope = (i + 0.5 - 0.5 * self.height) / focal  # downwards per length along the axis
            forward = np.cos(self.pitch) - slope * np.sin(self.pitch)
            down = np.sin(self.pitch) + slope * np.cos(self.pitch)
            if down * FURTHEST > self.mount_height * forward:
                depth = self.mount_height / down
                row["ahead"] = depth * forward
                row["pace"] = depth / focal
                along = depth * depth * forward / (self.mount_height * focal)
                # Far away a pixel covers much more ground along than across: a compromise of the two.
                size = row["pace"] ** 0.6 * max(along, row["pace"]) ** 0.4
                row["level"] = np.clip(round(np.log2(max(size, 1e-3) / MATERIAL_CELL)), 0, MATERIAL_LEVELS - 1)
                row["band"] = band_of(float(row["ahead"]))
            else:
                elevation = np.arctan2(-down, forward)
                row["sky"] = np.clip(int(elevation / 0.6 * SKY_ROWS), 0, SKY_ROWS - 1)
        return rows


# Mounting of a camera, for the projection of objects.
GEOMETRY = np.dtype(
    [
        ("focal", "f8"),  # pixels
        ("mount_height", "f8"),  # m
        ("mount_ahead", "f8"),  # m
        ("cosine", "f8"),  # of the pitch
        ("sine", "f8"),
    ],
    align=True,
)


def _hills() -> npt.NDArray[np.float64]:
    """(1024,) heights all around the horizon, 0 to 1, without a seam."""
    angle = np.linspace(0.0, 2.0 * np.pi, 1024, endpoint=False)
    random = np.random.default_rng(7)
    height = np.zeros(1024)
    for wave in (2, 3, 5, 8, 13, 21, 34, 55):
        height += np.cos(wave * angle + random.uniform(0.0, 2.0 * np.pi)) / wave**0.7
    return np.asarray((height - height.min()) / np.ptp(height))


HILLS = _hills()
CLOUDS = blotches()


@kernel
def draw_ground(
    words: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    geometry: Record,
    x: float,
    y: float,
    heading: float,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
    colours: np.ndarray,
) -> None:
    """Draw all rows that show ground; about 1.7 ns a pixel.

    Args:
        words: (H, 3W/4) uint32 picture, written.
        labels: (H, W) uint8, written.
        rows: (H,) records of ``ROW``.
        geometry: Record of ``GEOMETRY``.
        x: Car's position, in metres.
        y: Car's position, in metres.
        heading: Car's heading, in radians.
        cells: (B,) uint8 ground of the circuit.
        tiles: (T,) uint32 table of its tiles.
        layers: (MATERIAL_LEVELS,) records of ``LAYER``.
        colours: (BANDS, 256) uint32.
    """
    cosine = np.cos(heading)
    sine = np.sin(heading)
    width = labels.shape[1]
    # Cells are coarser for very long circuits.
    coarser = int(np.round(np.log2(layers[0].cell / MATERIAL_CELL)))
    for r in range(len(rows)):
        row = rows[r]
        if row.ahead == 0.0:
            continue
        layer = layers[max(0, row.level - coarser)]
        ahead = row.ahead + geometry.mount_ahead
        u, v, du, dv = start_of_row(
            x + ahead * cosine, y + ahead * sine, row.pace * sine, -row.pace * cosine, width, layer
        )
        paint_row(words[r], labels[r], u, v, du, dv, cells, tiles, layer, colours[row.band])


@kernel
def draw_sky(
    words: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    geometry: Record,
    heading: float,
    appearance: Record,
    sky: np.ndarray,
    flipped: bool,
) -> None:
    """Draw all rows above the horizon: clouds and hills; about 1.5 ns a pixel.

    Args:
        words: (H, 3W/4) uint32 picture, written.
        labels: (H, W) uint8, written.
        rows: (H,) records of ``ROW``.
        geometry: Record of ``GEOMETRY``.
        heading: Car's heading, in radians.
        appearance: Record of ``APPEARANCE``.
        sky: (SKY_ROWS + 1, SKY_SHADES) uint32.
        flipped: Whether the skyline is flipped.
    """
    height, width = labels.shape
    horizon = 0.5 * height - geometry.focal * geometry.sine / geometry.cosine
    turned = appearance.turn - heading / (2.0 * np.pi)
    tops = np.empty(width, dtype=np.int64)
    drift = np.empty(width, dtype=np.uint64)
    other_end = 1023 if flipped else 0
    for column in range(width):
        # Equal steps of angle instead of the arc tangent, which is not visible on hills and clouds.
        angle = turned + (column + 0.5 - 0.5 * width) / geometry.focal / (2.0 * np.pi)
        around = angle - np.floor(angle)
        tops[column] = int(
            horizon - geometry.focal * appearance.hills * HILLS[(int(around * 1024.0) & 1023) ^ other_end]
        )
        drift[column] = np.uint64((int(around * 768.0) ^ other_end) & 255)
    highest = tops.min()
    for r in range(height):
        if rows[r].ahead > 0.0:
            break
        shades = sky[rows[r].sky]
        clouds = CLOUDS[(r * 320 // height) & 255]
        words_of_row, labels_of_row = words[r], labels[r]
        at = np.uint64(0)
        for column in range(np.uint64(0), np.uint64(width), np.uint64(4)):
            a = shades[clouds[drift[column]]]
            b = shades[clouds[drift[column + np.uint64(1)]]]
            c = shades[clouds[drift[column + np.uint64(2)]]]
            d = shades[clouds[drift[column + np.uint64(3)]]]
            if r >= highest:
                a = _hill(sky, tops, column, r, a)
                b = _hill(sky, tops, column + np.uint64(1), r, b)
                c = _hill(sky, tops, column + np.uint64(2), r, c)
                d = _hill(sky, tops, column + np.uint64(3), r, d)
            words_of_row[at] = (a & np.uint32(0xFFFFFF)) | (b << np.uint32(24))
            words_of_row[at + np.uint64(1)] = ((b >> np.uint32(8)) & np.uint32(0xFFFF)) | (c << np.uint32(16))
            words_of_row[at + np.uint64(2)] = ((c >> np.uint32(16)) & np.uint32(0xFF)) | (d << np.uint32(8))
            labels_of_row[column] = a >> np.uint32(24)
            labels_of_row[column + np.uint64(1)] = b >> np.uint32(24)
            labels_of_row[column + np.uint64(2)] = c >> np.uint32(24)
            labels_of_row[column + np.uint64(3)] = d >> np.uint32(24)
            at += np.uint64(3)


@kernel
def _hill(sky: np.ndarray, tops: np.ndarray, column: np.uint64, row: int, otherwise: np.uint32) -> Any:
    """Colour of a pixel of hills, or else of the sky."""
    below = row - tops[column]
    return sky[SKY_ROWS, min(15, 2 * below)] if below >= 0 else otherwise


@kernel
def camera_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray | None,
    pictures: np.ndarray,
    words: np.ndarray,
    labels: np.ndarray,
    boxes: np.ndarray | None,
    rows: np.ndarray,
    geometry: np.ndarray,
    light: np.ndarray,
    shifts: np.ndarray | None,
    vignette: np.ndarray | None,
    curves: np.ndarray | None,
    cells: np.ndarray,
    tiles: np.ndarray,
    layers: np.ndarray,
    shares: int,
    circuits: np.ndarray,
    standing: np.ndarray,
    panels: np.ndarray | None,
    parked: np.ndarray | None,
    facades: np.ndarray | None,
    sprites: np.ndarray,
    appearances: np.ndarray,
    keys: np.ndarray,
    colours: np.ndarray,
    inks: np.ndarray,
    sky: np.ndarray,
) -> None:
    """Draw pictures and labels for the cars from ``low`` up to ``high``; about 45 µs for 96 x 128 pixels.

    Args:
        low: First car.
        high: One past the last car.
        cars: (N,) records of ``CAR``.
        others: (N, K) records of ``OTHER``; None for none.
        pictures: (N, H, W, 3) uint8, written; without rows if they are not wanted.
        words: (N, H, 3W/4) uint32, the same memory.
        labels: (N, H, W) uint8, written; without rows if they are not wanted.
        boxes: (N, MOST_BOXES, F) float32 of ``boxes.FIELDS``, written; None if they are not wanted.
        rows: (V, H) records of ``ROW``, of V cameras of which each episode has one.
        geometry: (V,) records of ``GEOMETRY``.
        light: (V, 3HW) uint8 of ``light_map``.
        shifts: (V, W) of ``views.Views``; None for cameras without lenses.
        vignette: (V, H, W) uint8 likewise.
        curves: (V, 3, 256) uint8 likewise.
        cells: (S, B) uint8 grounds.
        tiles: (S, T) uint32 tables of tiles.
        layers: (S, L) records of ``LAYER``.
        shares: Number of layers before the material layers.
        circuits: (S,) records of ``CIRCUIT``.
        standing: (S, M) records of ``STANDING``.
        panels: (S, P) records of ``PANEL``; None if there are no streets.
        parked: (S, Q) records of ``PARKED``; None likewise.
        facades: (LEVELS, TILES, TEXELS, TEXELS) uint8; None likewise.
        sprites: (2, kinds, h, w) uint8 inks.
        appearances: (N,) records of ``APPEARANCE``.
        keys: (N,) int64 seeds of rain and noise.
        colours: (N, BANDS, 256) uint32.
        inks: (N, BANDS, INKS) uint32.
        sky: (N, SKY_ROWS + 1, SKY_SHADES) uint32.
    """
    height = rows.shape[1]
    width = light.shape[1] // (3 * height)
    spare_words = np.empty((height, 3 * width // 4), dtype=np.uint32)
    spare_labels = np.empty((height, width), dtype=np.uint8)
    spare_picture = spare_words.view(np.uint8).reshape(height, width, 3)
    before_lens = np.empty((height, width, 3), dtype=np.uint8)
    owners = np.empty((height, width), dtype=np.uint8)
    nearness = np.empty((height, width), dtype=np.float32)
    outlines = np.empty(0 if others is None else others.shape[1], dtype=OUTLINE)
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        appearance = appearances[i]
        view = keys[i] % len(geometry)
        mount = geometry[view]
        horizon = 0.5 * height - mount.focal * mount.sine / mount.cosine
        row_words = words[i] if len(words) else spare_words
        picture = pictures[i] if len(pictures) else spare_picture
        classes = labels[i] if len(labels) else spare_labels
        draw_sky(row_words, classes, rows[view], mount, car.heading, appearance, sky[i], circuits[slot].flipped)
        draw_ground(
            row_words,
            classes,
            rows[view],
            mount,
            car.x,
            car.y,
            car.heading,
            cells[slot],
            tiles[slot],
            layers[slot, shares:],
            colours[i],
        )
        things, count = standing[slot], circuits[slot].standing
        x, y, heading = car.x, car.y, car.heading
        if panels is not None and parked is not None and facades is not None:
            nearness[:] = 0.0
            walls, sun = circuits[slot].panels, circuits[slot].sun
            draw_panels(picture, classes, nearness, mount, x, y, heading, panels[slot], walls, facades, appearance, sun)
            still, number = parked[slot], circuits[slot].parked
            if others is None:
                draw_standing(
                    picture, classes, mount, x, y, heading, things, count, None, sprites, inks[i], None, None,
                    still, number, nearness,
                )  # fmt: skip
            else:
                draw_standing(
                    picture, classes, mount, x, y, heading, things, count, others[i], sprites, inks[i], None, None,
                    still, number, nearness,
                )  # fmt: skip
        elif others is None:
            draw_standing(
                picture, classes, mount, x, y, heading, things, count, None, sprites, inks[i], None, None,
                None, 0, None,
            )  # fmt: skip
        elif boxes is None:
            draw_standing(
                picture, classes, mount, x, y, heading, things, count, others[i], sprites, inks[i], None, None,
                None, 0, None,
            )  # fmt: skip
        else:
            clear_outlines(owners, outlines)
            draw_standing(
                picture, classes, mount, x, y, heading, things, count, others[i], sprites, inks[i], owners, outlines,
                None, 0, None,
            )  # fmt: skip
            write_boxes(boxes[i], owners, outlines, others[i], car, mount.mount_ahead)
        key = keys[i] * 100_003 + car.step
        if len(pictures):
            flat = picture.reshape(-1)
            if appearance.lamps > 0.02:
                add_headlights(flat, light[view], appearance)
            add_glare(picture, classes, horizon, mount.focal, car.heading, appearance, circuits[slot].sun)
            # In a mirrored world, rain and noise are mirrored too.
            if circuits[slot].mirrored:
                flip_horizontally(picture)
            add_precipitation(picture, appearance, key, car.speed)
            if shifts is not None and vignette is not None and curves is not None:
                apply_lens(picture, before_lens, shifts[view], vignette[view], curves[view])
            add_noise(flat, appearance.noise, key)
            if circuits[slot].mirrored:
                flip_horizontally(picture)
        if shifts is not None and len(labels):
            roll_labels(classes, spare_labels, shifts[view])

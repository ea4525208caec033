"""The sensors of a car, their shapes and ranges, and drawing of the observations of a batch of cars."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.circuit_cache import CircuitCache
from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.sensors.birdview import classes_range, colours_range, road_range
from rlkit_envs.driving.sensors.boxes import EMPTY_ROW, FIELDS, MOST_BOXES, box_bounds
from rlkit_envs.driving.sensors.camera import MATERIAL_CELL, Camera, camera_range
from rlkit_envs.driving.sensors.lidar import beam_angles, lidar
from rlkit_envs.driving.sensors.preview import SIZE as PREVIEW_SIZE
from rlkit_envs.driving.sensors.preview import preview
from rlkit_envs.driving.sensors.views import random_views, single_view
from rlkit_envs.driving.sensors.window_view import window_range
from rlkit_envs.driving.terrain.layers import Needs
from rlkit_envs.driving.vehicle.parameters import YAW_RATE_SCALE
from rlkit_envs.driving.weather.facades import facades
from rlkit_envs.driving.weather.palette import CLASSES, STREET_CLASSES
from rlkit_envs.driving.weather.sprites import sprites
from rlkit_envs.driving.weather.tables import WeatherTables

Array = npt.NDArray[Any]

SENSORS = ("birdview", "camera", "segmentation", "boxes", "lidar", "state", "preview")
BIRDVIEWS = ("road", "colour", "classes", "window")
STATE_SIZE = 3  # speed, steering, yaw rate


@dataclass(frozen=True)
class Sensors:
    """The sensors of every car.

    Args:
        names: Some of ``SENSORS``, in the order in which they are given.
        birdview: Content of the bird's view: ``road`` (share of road per pixel, one channel per scale, and with traffic
            one for the speeds of others), ``colour`` (red, green, blue), ``classes`` (numbers of ``palette.CLASSES``),
            ``window`` (see ``window_view``).
        view_size: Height and width of the bird's view, in pixels.
        scales: Metres per pixel of the bird's view, one per channel; a single one in colour and classes.
        camera: Size and mounting of the front camera.
        beams: Number of the lidar's beams.
        beam_angle: Angle between the outermost beams, in radians.
        beam_range: Range of the lidar in metres, which is reported for anything further away.
        traffic: Whether there may be other cars or cones.
        plain_colours: Whether the window has colours of its own, rather than those of the weather.
        streets: Whether there may be streets, whose camera is another one in every episode.
    """

    names: tuple[str, ...]
    birdview: str
    view_size: int
    scales: tuple[float, ...]
    camera: Camera
    beams: int
    beam_angle: float
    beam_range: float
    traffic: bool = False
    plain_colours: bool = False
    streets: bool = False

    @property
    def has_camera(self) -> bool:
        """Whether the camera or one of its labels is among the sensors."""
        return any(name in self.names for name in ("camera", "segmentation", "boxes"))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the segmentation's classes."""
        return STREET_CLASSES if self.streets else CLASSES

    @property
    def needs_weather(self) -> bool:
        """Whether any sensor depends on the weather's colours."""
        return self.has_camera or ("birdview" in self.names and self.birdview in ("colour", "window"))

    @property
    def needs(self) -> Needs:
        """The rasters of the ground that the sensors need."""
        from_above = "birdview" in self.names
        cells = [MATERIAL_CELL] if self.has_camera else []
        if from_above and self.birdview in ("colour", "classes"):
            cells.append(max(MATERIAL_CELL, min(1.0, 0.5 * self.scales[0])))
        return Needs(self.scales if from_above and self.birdview == "road" else (), min(cells, default=None))

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a sensor's observation of one car."""
        channels = {"road": len(self.scales) + self.traffic, "classes": 1}.get(self.birdview, 3)
        return {
            "birdview": (self.view_size, self.view_size, channels),
            "camera": (self.camera.height, self.camera.width, 3),
            "segmentation": (self.camera.height, self.camera.width),
            "boxes": (MOST_BOXES, len(FIELDS)),
            "lidar": (self.beams,),
            "state": (STATE_SIZE,),
            "preview": (PREVIEW_SIZE,),
        }[name]

    def bounds(self, name: str) -> tuple[float | Array, float | Array, type]:
        """Lowest and highest value of a sensor, or of each of its entries, and its type."""
        if name in ("birdview", "camera"):
            classes = name == "birdview" and self.birdview == "classes"
            return 0, len(CLASSES) - 1 if classes else 255, np.uint8
        if name == "segmentation":
            return 0, len(self.classes) - 1, np.uint8
        if name == "boxes":
            return *box_bounds(self.camera.height, self.camera.width), np.float32
        return (0.0, self.beam_range, np.float32) if name == "lidar" else (-1.0, 1.0, np.float32)


class World(Protocol):
    """N cars and their surroundings; see ``simulator.Simulator``."""

    cars: Array
    others: Array
    pool: CircuitCache
    appearances: WeatherTables | None
    vehicle: Array


class SensorSuite:
    """Draws observations.

    Args:
        sensors: Which sensors the cars have.
    """

    def __init__(self, sensors: Sensors):
        self.sensors = sensors
        camera = sensors.camera
        self._rows_of = {name: (sensors.shape(name), sensors.bounds(name)[2]) for name in sensors.names}
        self._shares = len(sensors.needs.share_scales)
        self._scales = np.array(sensors.scales)
        if sensors.has_camera:
            self._views = random_views(camera) if sensors.streets else single_view(camera)
        if "lidar" in sensors.names:
            self._angles = beam_angles(sensors.beams, sensors.beam_angle)

    def allocate(self, count: int) -> dict[str, Array]:
        """New arrays, one row per car."""
        return {name: np.empty((count, *shape), dtype=dtype) for name, (shape, dtype) in self._rows_of.items()}

    def draw(self, low: int, high: int, out: dict[str, Array], world: World) -> None:
        """Draw the observations of the cars from ``low`` up to ``high`` into arrays that ``allocate`` made."""
        cars, pool = world.cars, world.pool
        others = world.others if world.others.shape[1] else None  # None: numba compiles no traffic
        appearances = world.appearances or _NO_APPEARANCES
        ground = (pool.cells, pool.tiles, pool.layers)
        if "birdview" in out:
            view = out["birdview"]
            if self.sensors.birdview == "road":
                road_range(low, high, cars, others, view, self._scales, *ground)
            elif self.sensors.birdview == "colour":
                colours_range(
                    low,
                    high,
                    cars,
                    others,
                    view,
                    as_words(view),
                    self._scales[0],
                    *ground,
                    self._shares,
                    appearances.ground,
                    appearances.inks,
                )
            elif self.sensors.birdview == "window":
                own = _NO_APPEARANCES if self.sensors.plain_colours else appearances
                window_range(low, high, cars, others, view, pool.lines, pool.circuits, own.ground)
            else:
                classes_range(low, high, cars, others, view, self._scales[0], *ground, self._shares)
        boxes = out.get("boxes")
        if boxes is not None and others is None:
            boxes[low:high] = EMPTY_ROW
            boxes = None
        if "camera" in out or "segmentation" in out or boxes is not None:
            # A sensor that is not wanted has no rows; the kernel then draws into a buffer of its own.
            camera, labels = out.get("camera", _NO_PICTURES), out.get("segmentation", _NO_LABELS)
            camera_range(
                low,
                high,
                cars,
                others,
                camera,
                as_words(camera),
                labels,
                boxes,
                self._views.rows,
                self._views.geometry,
                self._views.light,
                self._views.shifts,
                self._views.vignette,
                self._views.curves,
                *ground,
                self._shares,
                pool.circuits,
                pool.standing,
                pool.panels if self.sensors.streets else None,
                pool.parked if self.sensors.streets else None,
                facades() if self.sensors.streets else None,
                sprites(),
                appearances.appearances,
                appearances.keys,
                appearances.ground,
                appearances.inks,
                appearances.sky,
            )
        if "state" in out:
            state_range(low, high, cars, out["state"], world.vehicle)
        if "lidar" in out:
            lidar_range(
                low,
                high,
                cars,
                world.others,
                out["lidar"],
                pool.lines,
                pool.circuits,
                self._angles,
                self.sensors.beam_range,
            )
        if "preview" in out:
            preview_range(low, high, cars, out["preview"], pool.lines, pool.circuits)


_NO_APPEARANCES = WeatherTables(0, 1.0)
_NO_PICTURES = np.empty((0, 0, 0, 3), dtype=np.uint8)
_NO_LABELS = np.empty((0, 0, 0), dtype=np.uint8)


def as_words(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint32]:
    """(N, H, 3W/4) uint32 view of (N, H, W, 3) pictures, four pixels in three words."""
    count, height, width, channels = pictures.shape
    return pictures.reshape(count, height, width * channels).view(np.uint32)


@kernel
def state_range(low: int, high: int, cars: np.ndarray, states: np.ndarray, vehicle: np.ndarray) -> None:
    """Write speed, steering and yaw rate (N, 3) as shares of their scales, in [-1, 1]; left is positive."""
    top_speed = vehicle[0].top_speed
    max_steering = vehicle[0].max_steering
    for i in range(low, high):
        car = cars[i]
        states[i, 0] = min(1.0, max(-1.0, car.speed / top_speed))
        states[i, 1] = min(1.0, max(-1.0, car.steering / max_steering))
        states[i, 2] = min(1.0, max(-1.0, car.yaw_rate / YAW_RATE_SCALE))


@kernel
def lidar_range(
    low: int,
    high: int,
    cars: np.ndarray,
    others: np.ndarray,
    scans: np.ndarray,
    lines: np.ndarray,
    circuits: np.ndarray,
    angles: np.ndarray,
    furthest: float,
) -> None:
    """Write the lidar's distances (N, B) float32 in metres."""
    for i in range(low, high):
        car = cars[i]
        slot = car.slot
        lidar(
            scans[i],
            car.x,
            car.y,
            car.heading,
            lines[slot],
            circuits[slot].samples,
            car.index,
            others[i],
            others.shape[1],
            angles,
            furthest,
        )


@kernel
def preview_range(
    low: int, high: int, cars: np.ndarray, previews: np.ndarray, lines: np.ndarray, circuits: np.ndarray
) -> None:
    """Write the previews (N, P) float32; see ``preview``."""
    for i in range(low, high):
        car = cars[i]
        slip_angle = np.arctan2(car.lateral_velocity, max(1.0, abs(car.speed)))
        preview(previews[i], car, slip_angle, lines[car.slot], circuits[car.slot])


# Factors of speed, steering and yaw rate in the left half of a gauge, its middle column and its right half.
_GAUGES = np.array([(1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (1.0, -1.0, -1.0)], dtype=np.float32)


def paint_gauges(pictures: npt.NDArray[np.uint8], states: npt.NDArray[np.float32]) -> None:
    """Draw the three numbers of a state as grey bands from top to bottom; 128 stands for zero.

    The band of speed is uniform. In those of steering and yaw rate, the left half shows the value and the right half
    its negative, so that a flipped image shows the state of the mirrored world.

    Args:
        pictures: (N, H, W) uint8, written; an odd width leaves a column between the halves.
        states: (N, 3) float32 in [-1, 1].
    """
    height, width = pictures.shape[1:]
    half = width // 2
    bands = STATE_SIZE * np.arange(height) // height
    left, middle, right = (128.0 + 127.0 * _GAUGES[:, np.newaxis] * states).astype(np.uint8)[:, :, bands, np.newaxis]
    pictures[:, :, :half] = left
    pictures[:, :, half : width - half] = middle
    pictures[:, :, width - half :] = right

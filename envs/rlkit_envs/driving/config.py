"""The keyword arguments of the driving environments, and their validation."""

import math
import numbers
import os
from collections.abc import Sequence
from dataclasses import dataclass
from reprlib import repr as shown
from typing import Literal

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.generator import LENGTHS, SPLITS, WIDTH_RANGE, Split
from rlkit_envs.driving.sensors.camera import Camera
from rlkit_envs.driving.sensors.suite import BIRDVIEWS, SENSORS, Sensors
from rlkit_envs.driving.simulator import Traffic
from rlkit_envs.driving.step import RULES
from rlkit_envs.driving.traffic.spawn import CLEAR_AHEAD
from rlkit_envs.driving.vehicle.actions import DECISION
from rlkit_envs.driving.vehicle.dynamics import PHYSICS_STEP
from rlkit_envs.driving.vehicle.parameters import VEHICLES
from rlkit_envs.driving.weather.presets import WEATHERS

VIEW_SIZES = {"dict": 24, "picture": 64}
SCALES = {"dict": (2.0,), "picture": (1.0, 2.0)}
MIXTURES = ("train", "held-out", "all")  # sets of weathers to draw mixtures from
SCENES = ("track", "street", "mixed")
_NUMBERS = int | float | np.integer | np.floating
HIGHEST_CIRCUIT = 2**63 - 1  # numbers of circuits have the range of seeds


@dataclass(frozen=True)
class DrivingConfig:
    """Keyword arguments of all driving environments; the registered ids differ in their defaults only.

    Args:
        split: ``train`` or ``test``: two disjoint streams of procedural circuits, and of weathers.
        circuit: One circuit for all episodes: a number (that circuit of the split) or the path of a CSV file with the
            columns x_m, y_m, w_tr_right_m, w_tr_left_m. None: a random procedural circuit in every episode.
        scale: Metres per unit of the files of circuits, such as 10 for a track of model cars in 1:10. Procedural
            circuits have none.
        backwards: Whether circuits are driven in the opposite direction.
        num_circuits: Number of procedural circuits of the train split; they stay in memory, 0.1 MB each for a bird's
            view of the road, 2 MB each where a camera needs finer ground, but never more than 4 GB of them.
        circuit_length: Shortest and longest procedural circuit, in metres.
        difficulty: Of procedural circuits, from 0 (wide, gentle curves) to 1 (narrow, tight curves); None: random.
        road_width: Narrowest and widest procedural road, in metres; the width then varies along the road. None: one
            width per circuit, 8 to 10 m on circuits of the default length, else by the difficulty.
        start: ``line``: at rest at the start line. ``anywhere``: at a random place, up to 3 m off the centre line and
            turned by up to 0.3 rad; at rest or at up to 95 % of the reference lap's speed there, the faster the less
            turned. None: anywhere on the train split, else at the line.
        observation: ``dict``: every sensor under its name. ``picture``: one image, for libraries without Dict spaces:
            the bird's view or the camera's. If ``state`` is among the sensors, a further channel shows it as grey bands
            of speed, steering and yaw rate, the latter two brighter on the side that they turn to.
        sensors: Some of ``birdview``, ``camera``, ``segmentation`` (classes of the camera's pixels), ``boxes``
            (the cars and cones in the camera's picture), ``lidar``, ``state`` (speed, steering, yaw rate), ``preview``
            (numbers about the road ahead); a tuple, or their names with commas.
        birdview: ``road``: how much of each pixel is road; with traffic or obstacles a further channel shows the speeds
            of other cars. ``colour``: red, green and blue. ``classes``: class numbers. ``window``: the picture of
            CarRacing-v3, in colour and at a scale of its own, with car and instruments.
        view_size: Height and width of the bird's view in pixels; 24 in a dict, 64 as a picture.
        metres_per_pixel: Scale of the bird's view, one number or one per channel; 2 in a dict, (1, 2) as a picture.
        camera_size: Height and width of the camera's picture in pixels.
        camera_field_of_view: Of the camera, horizontally, in radians.
        camera_height: Of the camera above the ground, in metres.
        camera_pitch: Of the camera, downwards, in radians.
        lidar_beams: Number of the lidar's beams.
        lidar_field_of_view: Angle between the outermost beams, in radians.
        lidar_range: Distance that the lidar reaches, in metres.
        scenes: What the camera shows: ``track``, a race track in open country. ``street``: streets of a town, with
            kerbs, pavements, lane lines, crossings, buildings, parked cars and people, and another camera in every
            episode; procedural circuits are then blocks with long straights, and classes have ``pavement`` and
            ``building`` in addition. ``mixed``: streets on procedural circuits of odd number, tracks on all others.
            Scenery has no part in the physics: the border of the road stays what it is.
        weather: A weather's name (see ``presets.WEATHERS``), or ``train``, ``held-out`` or ``all`` for random
            mixtures of such weathers, with other scenery in every episode. None: ``train`` on the train split, else
            ``held-out``.
        grip: Of the road, as a share of that of dry asphalt: 0.75 wet, 0.35 snow, 0.15 ice. None: as the weather has
            it.
        vehicle: ``road_car``, ``race_car`` or ``toy_car``, that of CarRacing-v3.
        actions: ``discrete``: one of 15. ``continuous``: steering and pedal, each from -1 to 1.
        decision_time: Seconds from decision to decision, a multiple of the physics step of 0.02 s.
        traffic: Number of other cars on the circuit.
        obstacles: Number of cones and stopped cars on the circuit.
        traffic_speed: Lowest and highest desired speed of other cars, in m/s.
        clear_ahead: Road without traffic and obstacles ahead of the start, in metres.
        off_road: ``terminate``: the episode ends when two wheels have left the road. ``slow``: it goes on; grass and
            gravel reduce grip and speed.
        collision: ``terminate``: the episode ends when the car hits another one. ``bounce``: it goes on, slower.
        off_road_penalty: Penalty each time that the car leaves the road.
        border_penalty: Penalty per second with a wheel at the border of the road or beyond; it falls to 0 at 1 m
            from it, so that the car learns to keep a margin.
        collision_penalty: Penalty for each collision.
        lap_reward: Reward for the progress of a whole lap, whatever its length.
        metre_reward: Reward for each metre of progress. For circuits of very different lengths, use it instead of
            ``lap_reward``: observations do not tell the length, by which ``lap_reward`` scales the value of a metre.
        jerk_penalty: Penalty per second and m/s³ of jerk.
        steering_penalty: Penalty per change of the steering command by 1.
        reward_speed_cap: Speed in m/s above which progress earns no more reward, for driving in traffic. None: no cap.
        max_episode_steps: Decisions after which an episode is truncated; None: those of a lap at 4 m/s.
            (``gymnasium.make`` takes this argument for its TimeLimit wrapper; the last info then lacks the metrics.)

    Raises:
        ValueError: A value is out of range; the message names the range.
    """

    split: Split = "train"
    circuit: int | str | None = None
    scale: float = 1.0
    backwards: bool = False
    num_circuits: int = 256
    circuit_length: tuple[float, float] = LENGTHS
    difficulty: float | None = None
    road_width: tuple[float, float] | None = None
    start: Literal["anywhere", "line"] | None = None
    observation: Literal["dict", "picture"] = "dict"
    sensors: str | tuple[str, ...] = ("birdview", "state")
    birdview: Literal["road", "colour", "classes", "window"] = "road"
    view_size: int | None = None
    metres_per_pixel: float | tuple[float, ...] | None = None
    camera_size: tuple[int, int] = (96, 128)
    camera_field_of_view: float = Camera.field_of_view
    camera_height: float = Camera.mount_height
    camera_pitch: float = Camera.pitch
    lidar_beams: int = 19
    lidar_field_of_view: float = math.pi
    lidar_range: float = 100.0
    scenes: Literal["track", "street", "mixed"] = "track"
    weather: str | None = None
    grip: float | None = 1.0
    vehicle: Literal["road_car", "race_car", "toy_car"] = "road_car"
    actions: Literal["discrete", "continuous"] = "discrete"
    decision_time: float = DECISION
    traffic: int = 0
    obstacles: int = 0
    traffic_speed: tuple[float, float] = (6.0, 12.0)
    clear_ahead: float = CLEAR_AHEAD
    off_road: Literal["terminate", "slow"] = "terminate"
    collision: Literal["terminate", "bounce"] = "terminate"
    off_road_penalty: float = 5.0
    border_penalty: float = 0.0
    collision_penalty: float = 5.0
    lap_reward: float = 100.0
    metre_reward: float = 0.0
    jerk_penalty: float = 0.0
    steering_penalty: float = 0.0
    reward_speed_cap: float | None = None
    max_episode_steps: int | None = None

    def __post_init__(self) -> None:
        check_choice("split", self.split, SPLITS)
        check_choice("start", self.start, ("anywhere", "line", None))
        check_choice("observation", self.observation, ("dict", "picture"))
        check_choice("birdview", self.birdview, BIRDVIEWS)
        check_choice("vehicle", self.vehicle, tuple(VEHICLES))
        check_choice("actions", self.actions, ("discrete", "continuous"))
        check_choice("off_road", self.off_road, ("terminate", "slow"))
        check_choice("collision", self.collision, ("terminate", "bounce"))
        check_choice("scenes", self.scenes, SCENES)
        check_choice("weather", self.weather, (None, *MIXTURES, *WEATHERS))
        check_circuit(self.circuit)
        check_number("scale", self.scale, 1e-4, 1e4)
        if self.scale != 1.0 and isinstance(self.circuit, numbers.Integral):
            raise ValueError(f"scale={shown(self.scale)}: for circuits from files, not for circuit={self.circuit}")
        if not isinstance(self.backwards, bool | np.bool_):
            raise ValueError(f"backwards={shown(self.backwards)}: expected True or False")
        check_integer("num_circuits", self.num_circuits, 1, 100_000)
        check_pair("circuit_length", self.circuit_length, 300.0, 8000.0)
        if self.difficulty is not None:
            check_number("difficulty", self.difficulty, 0.0, 1.0)
        if self.road_width is not None:
            check_pair("road_width", self.road_width, *WIDTH_RANGE)
        self._check_sensors()
        self._check_scenes()
        if self.grip is not None:
            check_number("grip", self.grip, 0.05, 1.5)
        check_number("decision_time", self.decision_time, PHYSICS_STEP, 1.0)
        if abs(self.decision_time / PHYSICS_STEP - self.substeps) > 1e-6:
            raise ValueError(f"decision_time={shown(self.decision_time)}: a multiple of {PHYSICS_STEP} s is expected")
        check_integer("traffic", self.traffic, 0, 64)
        check_integer("obstacles", self.obstacles, 0, 64)
        check_pair("traffic_speed", self.traffic_speed, 1.0, 50.0)
        check_number("clear_ahead", self.clear_ahead, 0.0, 1000.0)
        check_number("off_road_penalty", self.off_road_penalty, 0.0, 1000.0)
        check_number("border_penalty", self.border_penalty, 0.0, 1000.0)
        check_number("collision_penalty", self.collision_penalty, 0.0, 1000.0)
        check_number("lap_reward", self.lap_reward, 0.0, 10_000.0)
        check_number("metre_reward", self.metre_reward, 0.0, 1000.0)
        check_number("jerk_penalty", self.jerk_penalty, 0.0, 100.0)
        check_number("steering_penalty", self.steering_penalty, 0.0, 100.0)
        if self.reward_speed_cap is not None:
            check_number("reward_speed_cap", self.reward_speed_cap, 1.0, 100.0)
        if self.max_episode_steps is not None:
            check_integer("max_episode_steps", self.max_episode_steps, 1, 1_000_000)

    def _check_sensors(self) -> None:
        if not isinstance(self.sensors, str | tuple | list):
            raise ValueError(
                f"sensors={shown(self.sensors)}: a list of {', '.join(SENSORS)} is expected, or text with commas"
            )
        names = self.sensor_names
        for name in names:
            check_choice("sensors", name, SENSORS)
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"sensors={shown(self.sensors)}: at least one of {', '.join(SENSORS)} is expected, each once"
            )
        if self.observation == "picture" and self.picture_sensor is None:
            raise ValueError(f"sensors={shown(self.sensors)}: a picture needs 'birdview' or 'camera' among them")
        if self.view_size is not None:
            check_integer("view_size", self.view_size, 8, 256)
        if not 1 <= len(self.scales) <= 4:
            raise ValueError(f"metres_per_pixel={shown(self.metres_per_pixel)}: between 1 and 4 scales are expected")
        for scale in self.scales:
            check_number("metres_per_pixel", scale, 0.1, 8.0)
        if self.birdview != "road":
            if len(self.scales) != 1:
                raise ValueError(
                    f"metres_per_pixel={shown(self.metres_per_pixel)}: birdview={self.birdview!r} takes a single scale"
                )
            check_multiple_of_four("view_size", self.pixels)
        check_pair("camera_size", self.camera_size, 16, 1024, ordered=False)
        for pixels in self.camera_size:
            check_integer("camera_size", pixels, 16, 1024)
        check_multiple_of_four("camera_size", self.camera_size[1])
        check_number("camera_field_of_view", self.camera_field_of_view, 0.2, 2.6)
        check_number("camera_height", self.camera_height, 0.3, 20.0)
        check_number("camera_pitch", self.camera_pitch, -0.3, 1.2)
        check_integer("lidar_beams", self.lidar_beams, 1, 1080)
        check_number("lidar_field_of_view", self.lidar_field_of_view, 0.01, 2.0 * math.pi)
        check_number("lidar_range", self.lidar_range, 5.0, 300.0)

    def _check_scenes(self) -> None:
        if self.scenes == "track":
            return
        if "camera" not in self.sensor_names and "segmentation" not in self.sensor_names:
            raise ValueError(f"scenes={self.scenes!r}: only a camera shows them; add 'camera' to the sensors")
        if "boxes" in self.sensor_names:
            raise ValueError(
                f"scenes={self.scenes!r}: 'boxes' do not hold parked cars; take 'boxes' out of the sensors"
            )
        if "birdview" in self.sensor_names and self.birdview == "classes":
            raise ValueError(f"scenes={self.scenes!r}: birdview='classes' has no pavements; choose another birdview")
        for name in ("difficulty", "road_width"):
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={shown(getattr(self, name))}: for scenes='track'; streets have their own")

    @property
    def sensor_names(self) -> tuple[str, ...]:
        """Names of the sensors."""
        if isinstance(self.sensors, str):
            return tuple(name.strip() for name in self.sensors.split(",") if name.strip())
        return tuple(self.sensors)

    @property
    def picture_sensor(self) -> str | None:
        """The first sensor that gives an image."""
        return next((name for name in self.sensor_names if name in ("birdview", "camera")), None)

    @property
    def pixels(self) -> int:
        """Height and width of the bird's view."""
        return self.view_size or VIEW_SIZES[self.observation]

    @property
    def substeps(self) -> int:
        """Physics steps per decision."""
        return round(self.decision_time / PHYSICS_STEP)

    @property
    def scales(self) -> tuple[float, ...]:
        """Metres per pixel of each channel of the bird's view."""
        chosen = self.metres_per_pixel
        if chosen is None:
            return SCALES[self.observation] if self.birdview == "road" else SCALES[self.observation][:1]
        return tuple(chosen) if isinstance(chosen, tuple | list) else (chosen,)

    @property
    def starts_anywhere(self) -> bool:
        """Whether episodes start at a random place rather than at the start line."""
        return self.start == "anywhere" or (self.start is None and self.split == "train")

    @property
    def weather_source(self) -> str:
        """Name of the weather, or of the set that it is drawn from."""
        return self.weather or ("train" if self.split == "train" else "held-out")

    @property
    def terminate_off_road(self) -> bool:
        """Whether leaving the road ends the episode."""
        return self.off_road == "terminate"

    @property
    def terminate_collision(self) -> bool:
        """Whether hitting another car ends the episode."""
        return self.collision == "terminate"

    def make_traffic(self) -> Traffic:
        """The other road users, as the simulator takes them."""
        slowest, fastest = map(float, self.traffic_speed)
        return Traffic(self.traffic, self.obstacles, slowest, fastest, float(self.clear_ahead))

    def make_sensors(self) -> Sensors:
        """The sensors, as the simulator takes them; for a picture, only those that are part of it."""
        names = self.sensor_names
        if self.observation == "picture":
            names = tuple(name for name in names if name in (self.picture_sensor, "state"))
        height, width = self.camera_size
        return Sensors(
            names=names,
            birdview=self.birdview,
            view_size=self.pixels,
            scales=tuple(map(float, self.scales)),
            camera=Camera(
                height,
                width,
                float(self.camera_field_of_view),
                float(self.camera_height),
                pitch=float(self.camera_pitch),
            ),
            beams=self.lidar_beams,
            beam_angle=float(self.lidar_field_of_view),
            beam_range=float(self.lidar_range),
            traffic=self.traffic + self.obstacles > 0,
            plain_colours=self.weather_source == "clear",
            streets=self.scenes != "track",
        )

    @property
    def direct_steering(self) -> bool:
        """Whether a steering command is an angle rather than a share of what the tyres hold; in CarRacing only."""
        return False

    def make_rules(self) -> npt.NDArray[np.void]:
        """(1,) record of ``RULES``, whose fields have the names of those here."""
        rules = np.zeros(1, dtype=RULES)
        for name in RULES.names or ():
            value = getattr(self, name)
            rules[name] = math.inf if value is None else value
        return rules


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Raise ValueError unless the value is one of the choices."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        raise ValueError(f"{name}={shown(value)}: expected one of {', '.join(map(repr, choices))}")


def check_integer(name: str, value: object, low: int, high: int) -> None:
    """Raise ValueError unless the value is an integer (no bool) within the range."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
        raise ValueError(f"{name}={shown(value)}: expected a whole number from {low:,} to {high:,}")


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ValueError unless the value is a number (no bool) within the range."""
    if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not low <= value <= high:
        raise ValueError(f"{name}={shown(value)}: expected a number from {low:g} to {high:g}")


def check_circuit(value: object) -> None:
    """Raise ValueError unless the value names a circuit: a number from 0, the path of a file, or None."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral | str | os.PathLike | None):
        raise ValueError(f"circuit={shown(value)}: expected a number from 0, the path of a CSV file, or None")
    if isinstance(value, numbers.Integral) and not 0 <= int(value) <= HIGHEST_CIRCUIT:
        raise ValueError(f"circuit={shown(value)}: circuits are numbered from 0 to {HIGHEST_CIRCUIT:,}")


def check_pair(name: str, value: object, low: float, high: float, *, ordered: bool = True) -> None:
    """Raise ValueError unless the value is two numbers in [low, high], the smaller one first."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ValueError(f"{name}={shown(value)}: two numbers are expected")
    for number in value:
        check_number(name, number, low, high)
    if ordered and value[0] > value[1]:
        raise ValueError(f"{name}={shown(value)}: the smaller number is expected first")


def check_multiple_of_four(name: str, pixels: int) -> None:
    """Raise ValueError unless rows of this many pixels fill whole 32-bit words."""
    if pixels % 4:
        raise ValueError(f"{name}: pictures in colour or classes need a width that is a multiple of 4, not {pixels}")

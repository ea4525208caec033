"""What the one-car and the many-car environment have in common: metadata, spaces, and checks of what users give."""

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from rlkit_envs.driving.config import Settings, check_integer
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.sensors.preview import MIRROR_SIGNS as PREVIEW_SIGNS
from rlkit_envs.driving.sensors.preview import NAMES as PREVIEW_NAMES
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, DECISION, MIRRORED_ACTIONS
from rlkit_envs.driving.weather.palette import CLASSES, DRIVABLE
from rlkit_envs.driving.weather.presets import HELD_OUT_WEATHERS, TRAINING_WEATHERS
from rlkit_envs.utils import checked_numbers

if TYPE_CHECKING:
    from rlkit_envs.driving.render.cameras import Cameras

Made = TypeVar("Made")

ACTION_AXES = ("steer", "pedal")  # of continuous actions: 1 is left, and full throttle

METADATA: dict[str, Any] = {
    "render_modes": ["human", "rgb_array"],
    "render_fps": round(1.0 / DECISION),
    "episode_metrics": {
        "finished": {"name": "lap_rate", "kind": "share"},
        "lap_time": {"name": "lap_time", "kind": "seconds"},
        "reference_time": {"name": "reference_time", "kind": "seconds"},
        "ratio": {"name": "ratio", "kind": "ratio"},
        "off_road_seconds": {"name": "off_road_time", "kind": "seconds"},
        "collisions": {"name": "collisions", "kind": "number"},
        "jerk": {"name": "jerk", "kind": "number"},
        "circuit": {"name": "circuit", "kind": "label"},
    },
    "training_kwargs": {
        "paid_speed": 14.0
    },  # m/s; where all speed pays, laps are faster and fewer of them are finished
    "evaluation_kwargs": {"split": "test"},
    "play_kwargs": {"off_road": "slow", "collision": "bounce"},  # a person wants to go on
    "scenario_option": "circuit",
    "action_names": ACTION_NAMES,
    "component_names": {"state": ("speed", "steering", "yaw rate"), "preview": PREVIEW_NAMES},
    # What segmentation's numbers mean, and which of them can be driven on. It is truth that no car could know: a label
    # to learn from, not something to drive by.
    "classes": CLASSES,
    "drivable": DRIVABLE,
    "labels": ("segmentation",),
    "picture_kwargs": {"start": "anywhere"},  # for pictures to learn from: askew and off the middle as well
    # The argument that chooses a look, and the looks that there are to learn from and to be tested in.
    "conditions": {"option": "weather", "train": TRAINING_WEATHERS, "held-out": HELD_OUT_WEATHERS},
    "fresh_observations": True,  # what has been handed out is never written again
}


# What becomes of the entries of vectors in a mirror. The lidar is not among them: its beams would change places.
_MIRROR_SIGNS = {"state": (1.0, -1.0, -1.0), "preview": PREVIEW_SIGNS}


def metadata_of(settings: Settings) -> dict[str, Any]:
    """The metadata of environments that were made with certain arguments."""
    metadata = METADATA | {"render_fps": round(1.0 / settings.decision_time)}
    if settings.actions == "continuous":
        metadata["action_axes"] = ACTION_AXES
    mirror = _mirror_of(settings)
    if mirror is not None:
        metadata["mirror"] = mirror
    sensors = settings.seen()
    if sensors.has_camera:
        camera = sensors.camera
        metadata["camera"] = {
            "height_above_ground": camera.mount_height,
            "pitch": camera.pitch,
            "field_of_view": camera.field_of_view,
            "ahead": camera.mount_ahead,
        }
    return metadata


def _mirror_of(settings: Settings) -> dict[str, Any] | None:
    """How what is seen and done looks in a mirror, since the task does not know left from right.

    Pictures are flipped sideways, whatever they show. ``reset(options={"mirrored": True})`` proves it.

    Returns:
        Signs of each vector's entries by its name, and ``actions``, the numbers of those that do the same to the other
        side, where actions are numbered; None where one of the vectors is not mirrored by signs.
    """
    seen = settings.seen()
    vectors = [] if settings.observation == "picture" else [name for name in seen.names if len(seen.shape(name)) == 1]
    if not set(vectors) <= set(_MIRROR_SIGNS):
        return None
    mirror: dict[str, Any] = {name: _MIRROR_SIGNS[name] for name in vectors}
    if settings.actions == "discrete":
        mirror["actions"] = MIRRORED_ACTIONS
    return mirror


def make_observation_space(settings: Settings) -> spaces.Space[Any]:
    """The space of what one car sees."""
    sensors = settings.seen()
    if settings.observation == "picture":
        height, width, channels = sensors.shape(settings.picture_sensor or "")
        return spaces.Box(0, 255, (height, width, channels + ("state" in sensors.names)), np.uint8)
    seen: dict[str, spaces.Space[Any]] = {}
    for name in sensors.names:
        low, high, dtype = sensors.bounds(name)
        seen[name] = spaces.Box(low, high, sensors.shape(name), dtype)
    return spaces.Dict(seen)


def make_action_space(settings: Settings) -> spaces.Space[Any]:
    """The space of what a driver can do."""
    if settings.actions == "continuous":
        return spaces.Box(-1.0, 1.0, (2,), np.float32)
    return spaces.Discrete(len(ACTION_NAMES))


def reset_options(options: dict[str, Any] | None) -> tuple[Any, bool]:
    """The circuit that reset's options ask for, and whether the episode is to be mirrored.

    Raises:
        ValueError: There is no such option, or ``mirrored`` is neither True nor False.
    """
    given = options or {}
    unknown = set(given) - {"circuit", "mirrored", "reset_mask"}
    if unknown:
        raise ValueError(
            f"options {sorted(unknown)}: 'circuit' (a number or the path of a CSV file) and 'mirrored' (True for the "
            "mirror image of the episode) are known"
        )
    mirrored = given.get("mirrored", False)
    if not isinstance(mirrored, bool | np.bool_):
        raise ValueError(f"options['mirrored'] is {mirrored!r}: True or False is expected")
    return given.get("circuit"), bool(mirrored)


def make_cameras(episodes: Episodes, size: tuple[int, int]) -> "Cameras":
    """Make what draws pictures for people."""
    from rlkit_envs.driving.render.cameras import Cameras  # pygame is loaded only where something is drawn

    return Cameras(episodes, size)


def check_rendering(render_mode: str | None, size: Any) -> None:
    """Raise ValueError unless pictures of this kind and size can be drawn."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode={render_mode!r}: expected None or one of {METADATA['render_modes']}")
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"render_size={size!r}: expected width and height")
    for pixels in size:
        check_integer("render_size", pixels, 64, 4096)


def checked_actions(actions: Any, count: int, kind: str) -> npt.NDArray[Any]:
    """(N,) int64 discrete or (N, 2) float64 continuous actions; ValueError where they are not actions of N cars.

    Continuous ones beyond the ends of their ranges are moved to the ends.
    """
    array = np.asarray(actions)
    if kind == "continuous":
        if array.shape != (count, 2) or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise ValueError(
                f"actions of shape {array.shape} and type {array.dtype}: ({count}, 2) finite numbers are expected, "
                "steering (1 is left) and pedal (1 is full throttle) of each car"
            )
        return np.clip(array.astype(np.float64), -1.0, 1.0)
    return checked_numbers(actions, count, len(ACTION_NAMES))

"""Metadata and spaces of the driving environments, and validation of the options of `reset`."""

from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit_envs.driving.config import DrivingConfig, check_integer
from rlkit_envs.driving.sensors.boxes import BOX_CLASSES, FIELDS
from rlkit_envs.driving.sensors.preview import MIRROR_SIGNS as PREVIEW_SIGNS
from rlkit_envs.driving.sensors.preview import NAMES as PREVIEW_NAMES
from rlkit_envs.driving.traffic.spawn import CONE_SIZE, MEAN_CAR_SIZE
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, COMMANDS, DECISION, MIRRORED_ACTIONS
from rlkit_envs.driving.weather.palette import CLASSES, DRIVABLE
from rlkit_envs.driving.weather.presets import HELD_OUT_WEATHERS, TRAINING_WEATHERS

ACTION_AXES = ("steer", "pedal")  # of continuous actions: 1 is left, and full throttle

METADATA: dict[str, Any] = {
    "render_modes": ["human", "rgb_array"],
    "render_fps": round(1.0 / DECISION),
    "episode_metrics": {
        "finished": {"name": "lap_rate", "kind": "share"},
        "lap_time": {"name": "lap_time", "kind": "seconds"},
        "reference_time": {"name": "reference_time", "kind": "seconds"},
        "ratio": {"name": "ratio", "kind": "ratio", "minimize": True},  # among those that finish alike, the fastest
        "off_road_seconds": {"name": "off_road_time", "kind": "seconds"},
        "collisions": {"name": "collisions", "kind": "number"},
        "jerk": {"name": "jerk", "kind": "number"},
        "circuit": {"name": "circuit", "kind": "label"},
        "end": {"name": "end", "kind": "label"},
    },
    "evaluation_kwargs": {"split": "test", "border_penalty": 0.0},  # a margin is a means of learning, not an end
    "play_kwargs": {"off_road": "slow", "collision": "bounce"},  # for people, the episode goes on
    "scenario_option": "circuit",
    "action_names": ACTION_NAMES,
    "action_controls": tuple(map(tuple, COMMANDS.tolist())),  # steering and pedal, for commentaries
    "component_names": {"state": ("speed", "steering", "yaw rate"), "preview": PREVIEW_NAMES},
    # Names of the segmentation's classes, and which of them are drivable; classes of the boxes, and their columns. Both
    # are ground truth: labels to learn from, which are not available to a real car.
    "classes": CLASSES,
    "drivable": DRIVABLE,
    "box_labels": {"classes": BOX_CLASSES, "fields": FIELDS, "sizes": {"car": MEAN_CAR_SIZE, "cone": CONE_SIZE}},
    "labels": ("segmentation", "boxes"),
    "picture_kwargs": {"start": "anywhere", "clear_ahead": 0.0},  # for data sets: poses off the centre line, near cars
    # The argument that chooses a weather, and the weathers of training and of tests of generalisation.
    "conditions": {"option": "weather", "train": TRAINING_WEATHERS, "held-out": HELD_OUT_WEATHERS},
    "fresh_observations": True,  # returned arrays are never written again
}


# Signs of the entries of vectors in the mirrored world. Not the lidar: its beams would be reversed.
_MIRROR_SIGNS = {"state": (1.0, -1.0, -1.0), "preview": PREVIEW_SIGNS}


def metadata_of(config: DrivingConfig) -> dict[str, Any]:
    """Metadata of an environment with this configuration."""
    metadata = METADATA | {"render_fps": round(1.0 / config.decision_time)}
    if config.actions == "continuous":
        metadata["action_axes"] = ACTION_AXES
    mirror = _mirror_of(config)
    if mirror is not None:
        metadata["mirror"] = mirror
    sensors = config.make_sensors()
    if sensors.streets:
        metadata["classes"] = sensors.classes
    elif sensors.has_camera:
        camera = sensors.camera
        metadata["camera"] = {
            "height_above_ground": camera.mount_height,
            "pitch": camera.pitch,
            "field_of_view": camera.field_of_view,
            "ahead": camera.mount_ahead,
        }
    return metadata


def _mirror_of(config: DrivingConfig) -> dict[str, Any] | None:
    """The left-right symmetry of the task, of which data augmentation makes use.

    Images are flipped horizontally. ``reset(options={"mirrored": True})`` gives the mirrored episode.

    Scenes with streets have none: they cannot be mirrored.

    Returns:
        Signs of each vector's entries by its name, and for discrete actions ``actions``, the mirror image of each; None
        if a vector is not mirrored by changes of sign.
    """
    sensors = config.make_sensors()
    if sensors.streets:
        return None
    vectors = (
        [] if config.observation == "picture" else [name for name in sensors.names if len(sensors.shape(name)) == 1]
    )
    if not set(vectors) <= set(_MIRROR_SIGNS):
        return None
    mirror: dict[str, Any] = {name: _MIRROR_SIGNS[name] for name in vectors}
    if config.actions == "discrete":
        mirror["actions"] = MIRRORED_ACTIONS
    return mirror


def make_observation_space(config: DrivingConfig) -> spaces.Space[Any]:
    """Observation space of one car."""
    sensors = config.make_sensors()
    if config.observation == "picture":
        height, width, channels = sensors.shape(config.picture_sensor or "")
        return spaces.Box(0, 255, (height, width, channels + ("state" in sensors.names)), np.uint8)
    leaves: dict[str, spaces.Space[Any]] = {}
    for name in sensors.names:
        low, high, dtype = sensors.bounds(name)
        leaves[name] = spaces.Box(low, high, sensors.shape(name), dtype)
    return spaces.Dict(leaves)


def make_action_space(config: DrivingConfig) -> spaces.Space[Any]:
    """Action space of one car."""
    if config.actions == "continuous":
        return spaces.Box(-1.0, 1.0, (2,), np.float32)
    return spaces.Discrete(len(ACTION_NAMES))


def reset_options(options: dict[str, Any] | None) -> tuple[Any, bool]:
    """Circuit and ``mirrored`` of reset's options.

    Raises:
        ValueError: There is no such option, or ``mirrored`` is neither True nor False.
    """
    given = options or {}
    unknown = set(given) - {"circuit", "mirrored", "reset_mask"}
    if unknown:
        hint = "; colours are randomised by weather='train' of the environment" if "randomize" in unknown else ""
        raise ValueError(
            f"options {sorted(unknown)}: 'circuit' (a number or the path of a CSV file) and 'mirrored' (True for the "
            f"mirror image of the episode) are known{hint}"
        )
    mirrored = given.get("mirrored", False)
    if not isinstance(mirrored, bool | np.bool_):
        raise ValueError(f"options['mirrored'] is {mirrored!r}: True or False is expected")
    return given.get("circuit"), bool(mirrored)


def check_rendering(render_mode: str | None, size: Any) -> None:
    """Raise ValueError unless the render mode and the size in pixels are valid."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise ValueError(f"render_mode={render_mode!r}: expected None or one of {METADATA['render_modes']}")
    if not isinstance(size, tuple | list) or len(size) != 2:
        raise ValueError(f"render_size={size!r}: expected width and height")
    for pixels in size:
        check_integer("render_size", pixels, 64, 4096)

"""Optional capabilities of environments beyond Gymnasium's interface, and their readers.

An environment has a capability by defining the method (see the protocols) or the key of its `metadata`, and imports
nothing for it. rlkit never tests an environment's id. All values from metadata, methods and infos are validated here:
each reader raises `UserError` if what it reads is malformed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlkit.boxes import BOXES, CLASS, CORNERS, BoxLabels
from rlkit.errors import UserError
from rlkit.spaces import Classes, Mirror

if TYPE_CHECKING:
    from gymnasium import Space

MetricKind = Literal["share", "seconds", "ratio", "number", "label"]
Purpose = Literal["training", "evaluation", "play", "picture"]


@dataclass(frozen=True)
class EpisodeMetric:
    """A metric that an environment reports at the end of an episode.

    Args:
        key: Its key in the last `info` of an episode.
        name: Of its mean over episodes (`lap_rate` for the key `finished`).
        kind: "share" of episodes, "seconds", "ratio", "number", or "label" for text, which is not averaged.
        minimize: Whether the lowest mean is the best among evaluations with equal rewards.
    """

    key: str
    name: str
    kind: MetricKind
    minimize: bool = False


@dataclass(frozen=True)
class CameraMounting:
    """Mounting of the forward pinhole camera whose image is the observation `camera`.

    Args:
        height_above_ground: In metres.
        pitch: Downwards, in radians.
        field_of_view: Horizontal, in radians; pixels are square.
        ahead: Distance ahead of the vehicle's centre of gravity, in metres.
    """

    height_above_ground: float
    pitch: float
    field_of_view: float
    ahead: float


@dataclass(frozen=True)
class Conditions:
    """The visual conditions of an environment, for metrics per condition.

    Args:
        option: The argument that selects one (`weather`).
        training: Conditions for training.
        held_out: Conditions for testing generalization only.
    """

    option: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]


def episode_metrics(metadata: Mapping[str, Any]) -> dict[str, EpisodeMetric]:
    """Read `metadata["episode_metrics"]`: info key to `{"name": ..., "kind": ...}`.

    One of them may have `"minimize": True`: among evaluations with equal rewards, the one with its lowest mean is best.
    """
    metrics = {}
    for key, entry in _mapping(metadata, "episode_metrics").items():
        if not (isinstance(entry, Mapping) and isinstance(entry.get("name"), str)):
            raise _malformed("episode_metrics", f"{key!r} should have a dict with 'name' and 'kind', not {entry!r}")
        kind: Any = entry.get("kind")
        if kind not in get_args(MetricKind):
            raise _malformed(
                "episode_metrics",
                f"the kind of {key!r} should be one of {', '.join(get_args(MetricKind))}, not {kind!r}",
            )
        minimize: Any = entry.get("minimize", False)
        if not isinstance(minimize, bool) or (minimize and kind == "label"):
            raise _malformed("episode_metrics", f"'minimize' of {key!r} should be true or false, and false for a label")
        metrics[key] = EpisodeMetric(key, entry["name"], kind, minimize)
    if sum(metric.minimize for metric in metrics.values()) > 1:
        raise _malformed("episode_metrics", "more than one of them has 'minimize'")
    return metrics


def default_kwargs(metadata: Mapping[str, Any], purpose: Purpose) -> dict[str, Any]:
    """Read the arguments that an environment recommends for a purpose: `metadata["<purpose>_kwargs"]`.

    Args:
        metadata: Of the environment.
        purpose: "training" of an agent, its "evaluation", "play" by a person, or a "picture" data set.
    """
    return _mapping(metadata, f"{purpose}_kwargs")


def reward_clip(metadata: Mapping[str, Any]) -> float | None:
    """Read the bound that rewards are clipped to in training: `metadata["reward_clip"]`."""
    clip = metadata.get("reward_clip")
    if clip is None:
        return None
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not 0 < clip < math.inf:
        raise _malformed("reward_clip", f"it should be a number greater than 0, not {clip!r}")
    return float(clip)


def run_defaults(metadata: Mapping[str, Any]) -> dict[str, int]:
    """Read the recommended settings of runs: `metadata["run_defaults"]`, such as `{"num_envs": 8}`.

    Returns:
        At most `num_envs` (environments stepped together) and `eval_episodes` (episodes of an evaluation).
    """
    advised = _mapping(metadata, "run_defaults")
    for key, value in advised.items():
        if key not in ("num_envs", "eval_episodes") or type(value) is not int or value < 1:
            raise _malformed(
                "run_defaults",
                f"'num_envs' and 'eval_episodes' with whole numbers are expected, not {key!r}: {value!r}",
            )
    return advised


def scenario_option(metadata: Mapping[str, Any]) -> str | None:
    """Read the name of the argument that selects a scenario (a circuit, a level): `metadata["scenario_option"]`."""
    option = metadata.get("scenario_option")
    if option is not None and not (isinstance(option, str) and option.isidentifier()):
        raise _malformed("scenario_option", f"it should be the name of an argument, not {option!r}")
    return option


def action_names(offered: Any, count: int, start: int = 0) -> tuple[str, ...]:
    """Name each discrete action, by its number where the environment has no names.

    Args:
        offered: The environment's `action_names` (metadata or attribute); None if it has none.
        count: Number of actions.
        start: The environment's number of the first action.
    """
    if offered is None:
        return tuple(str(start + index) for index in range(count))
    if isinstance(offered, str) or not isinstance(offered, Sequence) or not all(isinstance(n, str) for n in offered):
        raise _malformed("action_names", f"it should be a list of {count} strings, not {offered!r}")
    if len(offered) != count:
        raise _malformed("action_names", f"it has {len(offered)} names for {count} actions")
    return tuple(offered)


def action_axes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Read the names of a continuous action's axes: `metadata["action_axes"]`, such as `("steer", "gas")`."""
    return _names(metadata.get("action_axes", ()), "action_axes")


def action_bins(metadata: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Read the recommended number of values along each continuous axis: `metadata["action_bins"]`, such as `(3, 3, 3)`.

    Returns:
        None if the environment has no recommendation.
    """
    offered = metadata.get("action_bins")
    if offered is None:
        return None
    if not isinstance(offered, list | tuple) or not all(type(number) is int and number >= 1 for number in offered):
        raise _malformed("action_bins", f"it should be a whole number from 1 up for each axis, not {offered!r}")
    return tuple(offered)


def labels(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which keys of a Dict observation are ground truth, which agents do not see: `metadata["labels"]`."""
    return _names(metadata.get("labels", ()), "labels")


def segmentation_classes(metadata: Mapping[str, Any]) -> Classes | None:
    """Read the class names of the observation `segmentation`: `metadata["classes"]`, and `metadata["drivable"]`.

    Returns:
        None if the environment has no classes.
    """
    if "classes" not in metadata:
        return None
    return Classes(_names(metadata["classes"], "classes"), _names(metadata.get("drivable", ()), "drivable"))


def box_labels(metadata: Mapping[str, Any], space: "Space[Any] | None" = None) -> BoxLabels | None:
    """Read how the rows of the observation `boxes` (K, F) are read: `metadata["box_labels"]`.

    It is of the form `{"classes": ("car", ...), "fields": ("class", "x1", "y1", "x2", "y2", "distance", ...)}`: the
    objects that the observation `camera` shows, one per row. `boxes` should be among the `labels`.

    Args:
        metadata: Of the environment.
        space: Of its observation; None to read the declaration alone.

    Returns:
        None if the environment declares no boxes, or its observation has none.
    """
    entry = _mapping(metadata, "box_labels")
    if not entry:
        return None
    classes, columns = (_names(entry.get(key, ()), "box_labels") for key in ("classes", "fields"))
    if not classes or not set(columns) >= {CLASS, *CORNERS} or len(set(columns)) < len(columns):
        raise _malformed(
            "box_labels", f"'classes' and 'fields' with {CLASS}, {', '.join(CORNERS)} are expected, not {entry!r}"
        )
    if space is not None:
        from gymnasium import spaces

        if not isinstance(space, spaces.Dict) or BOXES not in space.spaces:
            return None
        shape = space[BOXES].shape or ()
        if len(shape) != 2 or shape[1] != len(columns):
            raise _malformed("box_labels", f"the observation {BOXES!r} has shape {shape} for {len(columns)} fields")
    return BoxLabels(classes, columns)


def conditions(metadata: Mapping[str, Any]) -> Conditions | None:
    """Read the visual conditions and the argument that selects one: `metadata["conditions"]`.

    It is of the form `{"option": "weather", "train": ("clear", ...), "held-out": ("fog", ...)}`. The argument also
    takes "train" and "held-out", for a random condition of these per episode.

    Returns:
        None if the environment has no conditions.
    """
    entry = _mapping(metadata, "conditions")
    if not entry:
        return None
    option = entry.get("option")
    if not (isinstance(option, str) and option.isidentifier()):
        raise _malformed("conditions", f"'option' should be the name of an argument, not {option!r}")
    training, held_out = (_names(entry.get(key, ()), "conditions") for key in ("train", "held-out"))
    if not training or set(training) & set(held_out):
        raise _malformed("conditions", "'train' should name at least one, and none that is 'held-out'")
    return Conditions(option, training, held_out)


def camera(metadata: Mapping[str, Any]) -> CameraMounting | None:
    """Read the mounting of the camera: `metadata["camera"]` of the instance, since its arguments may change it.

    It is of the form `{"height_above_ground": 1.3, "pitch": 0.06, "field_of_view": 1.22, "ahead": 0.4}`.

    Returns:
        None if the environment has no camera.
    """
    entry = _mapping(metadata, "camera")
    if not entry:
        return None
    wanted = [known.name for known in fields(CameraMounting)]
    for name in wanted:
        value = entry.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise _malformed("camera", f"{name!r} should be a number, not {value!r}")
    mounting = CameraMounting(*(float(entry[name]) for name in wanted))
    if mounting.height_above_ground <= 0.0 or not 0.0 < mounting.field_of_view < math.pi:
        raise _malformed("camera", f"height_above_ground > 0 and 0 < field_of_view < π are expected, not {mounting}")
    return mounting


def mirror(metadata: Mapping[str, Any], vectors: Mapping[str, int], count: int) -> Mirror | None:
    """Read the left-right symmetry of the task: `metadata["mirror"]`, a tuple of signs per vector, and `"actions"`.

    Images are flipped horizontally. If `reset` takes the option `{"mirrored": True}` for the mirror image of the seed's
    episode, `rlkit check` compares the two.

    Args:
        metadata: Of the instance, since arguments may change its observations.
        vectors: Length of each vector of the observation.
        count: Number of actions.

    Returns:
        None if the environment declares no symmetry, or none for one of its vectors.
    """
    entry = _mapping(metadata, "mirror")
    if not entry or any(name not in entry for name in vectors):
        return None
    actions = tuple(entry.get("actions", ()))
    if sorted(actions) != list(range(count)) or any(actions[actions[action]] != action for action in range(count)):
        raise _malformed("mirror", f"'actions' should exchange {count} actions in pairs, not {actions!r}")
    for name, length in vectors.items():
        if len(entry[name]) != length or any(abs(sign) != 1.0 for sign in entry[name]):
            raise _malformed("mirror", f"{name!r} should be {length} times 1 or -1, not {entry[name]!r}")
    return Mirror({name: tuple(map(float, entry[name])) for name in vectors}, actions)


def component_names(metadata: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Read the names of the components of vectors: `metadata["component_names"]`, leaf name to a list of names."""
    names = {}
    for leaf, entries in _mapping(metadata, "component_names").items():
        if isinstance(entries, str) or not all(isinstance(entry, str) for entry in entries):
            raise _malformed("component_names", f"{leaf!r} should have a list of texts, not {entries!r}")
        names[leaf] = tuple(entries)
    return names


def _mapping(metadata: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = metadata.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _malformed(key, f"it should be a dict with names as keys, not {value!r}")
    return dict(value)


def _names(names: Any, key: str) -> tuple[str, ...]:
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise _malformed(key, f"a tuple of names is expected, not {names!r}")
    return tuple(names)


def _malformed(key: str, what: str) -> UserError:
    return UserError(f"The environment's metadata[{key!r}] cannot be used: {what}.")


@dataclass(frozen=True)
class Reading:
    """A value of an instrument.

    Args:
        value: In `unit`.
        unit: For instance "m/s"; empty for plain numbers.
        low: Lower end of the scale.
        high: Upper end of the scale.
    """

    value: float
    unit: str
    low: float
    high: float


def readings(telemetry: Any) -> dict[str, Reading]:
    """Validate the result of one environment's `telemetry()`."""
    if not isinstance(telemetry, Mapping):
        raise UserError(f"telemetry() should give a dict of readings, not {telemetry!r}.", exit_code=1)
    read = {}
    for name, entry in telemetry.items():
        try:
            value, low, high = (float(entry[key]) for key in ("value", "low", "high"))
            unit = entry["unit"]
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(
                f"telemetry() should give 'value', 'unit', 'low' and 'high' for {name!r}, not {entry!r}.", exit_code=1
            ) from error
        read[str(name)] = Reading(value, str(unit), low, high)
    return read


@dataclass(frozen=True)
class Situation:
    """Motion of a car, the road ahead and the weather.

    Args:
        speed: In m/s.
        yaw_rate: In rad/s, left positive.
        steering: Share of the lock, left positive.
        pedal: From -1, full brakes, to 1, full throttle.
        weather: What a person would call it, such as "rain".
        road: (M, 5) float64, M >= 2 places along the road, from the car's own on: distance along the road (m), middle
            of the road in the car's frame, ahead and to the left (m), half of its width (m), curvature (1/m, left
            positive).
    """

    speed: float
    yaw_rate: float
    steering: float
    pedal: float
    weather: str
    road: npt.NDArray[np.float64]


def situation(offered: Any) -> Situation:
    """Validate the result of one environment's `situation()`.

    Raises:
        UserError: It has not the entries of a `Situation`.
    """
    wanted = [known.name for known in fields(Situation)]
    if not isinstance(offered, Mapping) or not set(offered) >= set(wanted):
        raise UserError(f"situation() should give a dict with {', '.join(wanted)}, not {offered!r}.", exit_code=1)
    try:
        speed, yaw_rate, steering, pedal = (float(offered[name]) for name in ("speed", "yaw_rate", "steering", "pedal"))
        road = np.array(offered["road"], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"situation() gave something that is no number: {error}.", exit_code=1) from error
    if road.ndim != 2 or road.shape[0] < 2 or road.shape[1] != 5 or not (np.isfinite(road).all()):
        raise UserError(f"The road of situation() should be finite, (M, 5) with M >= 2, not {road.shape}.", exit_code=1)
    if not np.isfinite([speed, yaw_rate, steering, pedal]).all() or not isinstance(offered["weather"], str):
        raise UserError("situation() should give finite numbers, and a text for the weather.", exit_code=1)
    return Situation(speed, yaw_rate, steering, pedal, offered["weather"], road)


def action_controls(metadata: Mapping[str, Any], count: int) -> npt.NDArray[np.float64] | None:
    """Read what each discrete action steers and presses: `metadata["action_controls"]`, such as `((-1, 0), (0, 1))`.

    Args:
        metadata: Of the environment.
        count: Number of actions.

    Returns:
        (A, 2) steering, left positive, and pedal, braking negative; None if the environment does not declare them.
    """
    if metadata.get("action_controls") is None:
        return None
    try:
        controls = np.array(metadata["action_controls"], dtype=np.float64)
    except (TypeError, ValueError):
        controls = np.full(1, np.nan)
    if controls.shape != (count, 2) or not np.isfinite(controls).all():
        raise _malformed("action_controls", f"steering and pedal of each of {count} actions are expected")
    return controls


def info_value(infos: Mapping[str, Any], key: str, index: int) -> Any:
    """Read one environment's value from a vector environment's infos.

    Args:
        infos: Key to one value per environment, with a mask under `_key` where only some have it.
        key: Of the value.
        index: Of the environment.

    Returns:
        A plain Python value; None if it is missing or NaN.
    """
    if key not in infos:
        return None
    mask = infos.get(f"_{key}")
    if mask is not None and not mask[index]:
        return None
    value = infos[key][index]
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def map_lines(outline: Any) -> list[npt.NDArray[np.float64]]:
    """Validate the result of one environment's `map_outline()`.

    Args:
        outline: One polyline (M, 2), or a list or dict of those, in metres.

    Returns:
        Polylines (M, 2) in metres.
    """
    parts = list(outline.values()) if isinstance(outline, Mapping) else outline
    if isinstance(parts, np.ndarray) and parts.ndim == 2:
        parts = [parts]
    try:
        lines = [np.asarray(part, dtype=np.float64) for part in parts]
    except (TypeError, ValueError) as error:
        raise UserError(f"map_outline() should give lines of points (M, 2): {error}.", exit_code=1) from error
    for line in lines:
        if line.ndim != 2 or line.shape[1] != 2:
            raise UserError(f"map_outline() should give lines of points (M, 2), not {line.shape}.", exit_code=1)
    return lines


@runtime_checkable
class HasTelemetry(Protocol):
    """Has instruments, shown as gauges beside the rendered image."""

    def telemetry(self) -> Mapping[str, Mapping[str, Any]]:
        """Return name to `{"value", "unit", "low", "high"}`, the last two being the range of the gauge."""
        ...


@runtime_checkable
class HasSituation(Protocol):
    """Drives a car whose behaviour can be described; it needs observations `camera` and `boxes` too."""

    def situation(self) -> Mapping[str, Any]:
        """Return the entries of a `Situation`."""
        ...


@runtime_checkable
class HasMapOutline(Protocol):
    """Has a map."""

    def map_outline(self) -> Any:
        """Return polylines (M, 2) in metres: one, or a list or dict of those."""
        ...


@runtime_checkable
class HasKeys(Protocol):
    """Can be played with a keyboard."""

    def get_keys_to_action(self) -> Mapping[Any, Any]:
        """Return the keys of each action, as in `gymnasium.utils.play`."""
        ...


@runtime_checkable
class HasGamepadAxes(Protocol):
    """Can be played with a gamepad: each number of its `Box` action is a weighted sum of gamepad axes."""

    gamepad_axes: Sequence[Mapping[str, float]]
    """For each number the weight of each axis: `left_x`, `left_y`, `right_x`, `right_y` (right and down positive),
    `left_trigger`, `right_trigger` (0 to 1)."""


@runtime_checkable
class HasGhost(Protocol):
    """Can render a recorded trajectory beside the current episode."""

    def set_ghost(self, poses: npt.NDArray[np.float64] | None) -> None:
        """Render a ghost from the next episode on.

        Args:
            poses: (n, 3) x, y (m) and heading (rad): `info["pose"]` after the reset and after each step; None for no
                ghost.
        """
        ...


class ActionTable(Protocol):
    """A numbered list of actions."""

    def nearest(self, actions: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return the numbers (N,) of the listed actions nearest to (N, *shape) actions."""
        ...


class HasCapabilities(Protocol):
    """A batch of environments whose methods and attributes can be used by name."""

    @property
    def actions(self) -> ActionTable:
        """The list that an agent's action numbers index."""
        ...

    def offers(self, name: str) -> bool:
        """Whether the environments have a method or attribute of this name."""
        ...

    def call(self, name: str, *args: Any) -> tuple[Any, ...]:
        """Call a method, or read an attribute, of each environment."""
        ...

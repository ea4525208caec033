"""What an environment may offer beyond Gymnasium's interface, and how rlkit reads it.

An environment imports nothing to have a capability: it has the method (see the protocols), or the key in its
`metadata`. rlkit never asks for an environment's id, only for its capabilities. Whatever metadata, methods and infos
give is checked here before it is used.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.spaces import Classes, Mirror

MetricKind = Literal["share", "seconds", "ratio", "number", "label"]


@dataclass(frozen=True)
class EpisodeMetric:
    """One figure that an environment reports at the end of an episode.

    Args:
        key: Its key in the last `info` of an episode.
        name: What its mean over episodes is called (`lap_rate` for the key `finished`).
        kind: "share" of episodes, "seconds", "ratio", or "label" for words that are not averaged.
    """

    key: str
    name: str
    kind: MetricKind


@dataclass(frozen=True)
class CameraMounting:
    """How the camera whose picture is the observation `camera` is mounted: a pinhole that looks ahead and downwards.

    Args:
        height_above_ground: In metres.
        pitch: Downwards, in radians.
        field_of_view: Horizontal, in radians; pixels are square.
        ahead: Of the vehicle's centre of gravity, in metres.
    """

    height_above_ground: float
    pitch: float
    field_of_view: float
    ahead: float


@dataclass(frozen=True)
class Conditions:
    """The looks that an environment can take on, so that figures can be given for each of them.

    Args:
        option: The argument by which one is chosen (`weather`).
        training: Those to learn from.
        held_out: Those that nobody learns from, to see how well what was learnt carries over.
    """

    option: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]


def episode_metrics(metadata: Mapping[str, Any]) -> dict[str, EpisodeMetric]:
    """Read `metadata["episode_metrics"]`: info key to `{"name": ..., "kind": ...}`.

    Raises:
        UserError: It is there, but not of that form.
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
        metrics[key] = EpisodeMetric(key, entry["name"], kind)
    return metrics


def evaluation_kwargs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments that make an environment fit for measuring: `metadata["evaluation_kwargs"]`.

    Raises:
        UserError: It is there, but not a dict with names as keys.
    """
    return _mapping(metadata, "evaluation_kwargs")


def training_kwargs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments that an environment advises while an agent learns: `metadata["training_kwargs"]`.

    Raises:
        UserError: It is there, but not a dict with names as keys.
    """
    return _mapping(metadata, "training_kwargs")


def picture_kwargs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments that an environment advises while pictures are gathered in it: `metadata["picture_kwargs"]`.

    Raises:
        UserError: It is there, but not a dict with names as keys.
    """
    return _mapping(metadata, "picture_kwargs")


def play_kwargs(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments that an environment advises while a person plays: `metadata["play_kwargs"]`.

    Raises:
        UserError: It is there, but not a dict with names as keys.
    """
    return _mapping(metadata, "play_kwargs")


def reward_clip(metadata: Mapping[str, Any]) -> float | None:
    """Read beyond which size rewards should count the same while learning: `metadata["reward_clip"]`.

    Raises:
        UserError: It is there, but not a number greater than 0.
    """
    clip = metadata.get("reward_clip")
    if clip is None:
        return None
    if isinstance(clip, bool) or not isinstance(clip, int | float) or not 0 < clip < math.inf:
        raise _malformed("reward_clip", f"it should be a number greater than 0, not {clip!r}")
    return float(clip)


def run_defaults(metadata: Mapping[str, Any]) -> dict[str, int]:
    """Read what an environment advises about runs in it: `metadata["run_defaults"]`, such as `{"num_envs": 8}`.

    Returns:
        Of `num_envs` (environments stepped together) and `eval_episodes` (episodes of an evaluation) those that are
        advised; an environment that is dear to step advises fewer than one that is as good as free.

    Raises:
        UserError: It is there, but not of that form.
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
    """Read the name of the argument that selects a scenario (a circuit, a level): `metadata["scenario_option"]`.

    Raises:
        UserError: It is there, but not a name.
    """
    option = metadata.get("scenario_option")
    if option is not None and not (isinstance(option, str) and option.isidentifier()):
        raise _malformed("scenario_option", f"it should be the name of an argument, not {option!r}")
    return option


def action_names(offered: Any, count: int, start: int = 0) -> tuple[str, ...]:
    """Name each discrete action, with its number where the environment has no word for it.

    Args:
        offered: What the environment gives as `action_names` (in its metadata or as an attribute); None if nothing.
        count: Number of actions.
        start: The environment's own number for the first.

    Raises:
        UserError: There are names, but not one string per action.
    """
    if offered is None:
        return tuple(str(start + index) for index in range(count))
    if isinstance(offered, str) or not isinstance(offered, Sequence) or not all(isinstance(n, str) for n in offered):
        raise _malformed("action_names", f"it should be a list of {count} strings, not {offered!r}")
    if len(offered) != count:
        raise _malformed("action_names", f"it has {len(offered)} names for {count} actions")
    return tuple(offered)


def action_axes(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Read what each number of a continuous action is called: `metadata["action_axes"]`, such as `("steer", "gas")`.

    Raises:
        UserError: It is there, but not a sequence of names.
    """
    return _names(metadata.get("action_axes", ()), "action_axes")


def action_bins(metadata: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Read how many values each axis of a continuous action is best given where axes are combined.

    `metadata["action_bins"]`, such as `(3, 3, 3)`: for environments where the usual list would not do.

    Returns:
        None where the environment says nothing of the sort.

    Raises:
        UserError: It is there, but no sequence of whole numbers from 1 up.
    """
    offered = metadata.get("action_bins")
    if offered is None:
        return None
    if not isinstance(offered, list | tuple) or not all(type(number) is int and number >= 1 for number in offered):
        raise _malformed("action_bins", f"it should be a whole number from 1 up for each axis, not {offered!r}")
    return tuple(offered)


def labels(metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which observations are truth to learn from, not to act on: `metadata["labels"]`, names of a Dict's keys.

    Raises:
        UserError: It is there, but not a sequence of names.
    """
    return _names(metadata.get("labels", ()), "labels")


def segmentation_classes(metadata: Mapping[str, Any]) -> Classes | None:
    """Read what the numbers of the observation `segmentation` mean: `metadata["classes"]` and `["drivable"]`, names.

    Returns:
        None where the environment says nothing of the sort.

    Raises:
        UserError: It is there, but not of that form.
    """
    if "classes" not in metadata:
        return None
    return Classes(_names(metadata["classes"], "classes"), _names(metadata.get("drivable", ()), "drivable"))


def conditions(metadata: Mapping[str, Any]) -> Conditions | None:
    """Read by which argument looks are chosen, and which there are: `metadata["conditions"]`.

    It is of the form `{"option": "weather", "train": ("clear", ...), "held-out": ("fog", ...)}`. The argument takes,
    beside these names, "train" and "held-out" for random mixtures of them.

    Returns:
        None where the environment says nothing of the sort.

    Raises:
        UserError: It is there, but not of that form.
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
    """Read how the camera is mounted, in metres and radians: `metadata["camera"]`.

    It is of the form `{"height_above_ground": 1.3, "pitch": 0.06, "field_of_view": 1.22, "ahead": 0.4}`, and is set for
    each environment that was made, since its arguments may change it.

    Returns:
        None where the environment says nothing of the sort.

    Raises:
        UserError: It is there, but not of that form, or no camera can be mounted like this.
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
        raise _malformed("camera", f"it should stand above the ground and see up to half a turn, not {mounting}")
    return mounting


def mirror(metadata: Mapping[str, Any], vectors: Mapping[str, int], count: int) -> Mirror | None:
    """Read how the task looks in a mirror: `metadata["mirror"]`, with a tuple of signs per vector and `"actions"`.

    Pictures are flipped sideways, all of them, whatever they show. Where arguments decide what an environment shows, it
    sets this for each environment that was made. If `reset` takes the option `{"mirrored": True}`, for the mirror image
    of the episode that a seed brings, `rlkit check` compares the two.

    Args:
        metadata: Of the environment that was made.
        vectors: Length of each vector that it shows.
        count: Number of its actions.

    Returns:
        None where it says nothing of the sort, or nothing about one of its vectors.

    Raises:
        UserError: It is there, but does not fit.
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
    """Read what the entries of vectors are called: `metadata["component_names"]`, leaf name to a list of names.

    Raises:
        UserError: It is there, but not of that form.
    """
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
    """What one instrument shows.

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
    """Read what `telemetry()` gave for one environment.

    Raises:
        UserError: It is not a dict of dicts with a number under "value".
    """
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


def info_value(infos: Mapping[str, Any], key: str, index: int) -> Any:
    """Take one environment's value out of a vector environment's infos, as a plain Python value.

    Args:
        infos: Key to one value per environment, with a mask under `_key` where only some have it.
        key: What to take.
        index: Which environment.

    Returns:
        A bool, int, float, str, or whatever object it is; None where it is missing or NaN.
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


def lines_of(outline: Any) -> list[npt.NDArray[np.float64]]:
    """Read what `map_outline()` gave for one environment.

    Args:
        outline: One polyline (M, 2), or a list or dict of those, in metres.

    Returns:
        Polylines (M, 2) in metres; a closed one repeats its first point only if the environment does.

    Raises:
        UserError: It is something else.
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
    """Tells its instruments' readings, for gauges beside the picture."""

    def telemetry(self) -> Mapping[str, Mapping[str, Any]]:
        """Give name to `{"value", "unit", "low", "high"}`, the last two being the ends of the scale."""
        ...


@runtime_checkable
class HasRenderBetween(Protocol):
    """Can be drawn between two decisions, so that it moves smoothly however seldom it decides."""

    def render_between(self, share: float) -> npt.NDArray[np.uint8]:
        """Draw the way through the last decision, (H, W, 3): share 0 is before, 1 is now; asked every decision."""
        ...


@runtime_checkable
class HasMapOutline(Protocol):
    """Can be drawn from above."""

    def map_outline(self) -> Any:
        """Give lines in metres, for a small map."""
        ...


@runtime_checkable
class HasExpert(Protocol):
    """Knows a good action itself: a yardstick for learners and a check that the task can be done."""

    def expert_action(self) -> Any:
        """Give the action that a scripted expert would take now, as the environment takes it."""
        ...


@runtime_checkable
class HasActionNames(Protocol):
    """Names its discrete actions, in order."""

    action_names: Sequence[str]


@runtime_checkable
class HasKeys(Protocol):
    """Can be played by a person."""

    def get_keys_to_action(self) -> Mapping[Any, Any]:
        """Give the keys (as `gymnasium.utils.play` reads them) for each action."""
        ...


@runtime_checkable
class HasGamepadAxes(Protocol):
    """Can be played with sticks and triggers: its actions are numbers (a `Box`), each made of axes of a gamepad."""

    gamepad_axes: Sequence[Mapping[str, float]]
    """For each number the axes (`left_x`, `left_y`, `right_x`, `right_y`, `left_trigger`, `right_trigger`; right and
    down positive, triggers from 0 to 1) and their weights."""


@runtime_checkable
class ShowsGhost(Protocol):
    """Can draw somebody who went this way before."""

    def set_ghost(self, poses: npt.NDArray[np.float64] | None) -> None:
        """Draw a ghost from the next episode on.

        Args:
            poses: (n, 3) x, y (m) and heading (rad), as `info["pose"]` gave them at the beginning of an episode and
                after each decision; None for no ghost.
        """
        ...


@runtime_checkable
class HasState(Protocol):
    """Can be put back to where it was, for exact resume and rewinding."""

    def get_state(self) -> Any:
        """Give everything that decides what happens next."""
        ...

    def set_state(self, state: Any) -> None:
        """Go on from what `get_state` gave."""
        ...


class ActionList(Protocol):
    """A numbered list of actions."""

    def nearest(self, actions: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Give the numbers (N,) of those nearest to (N, *shape) actions."""
        ...


class CanBeAsked(Protocol):
    """A batch of environments whose capabilities can be used by name."""

    @property
    def actions(self) -> ActionList:
        """What the numbers that agents choose from stand for."""
        ...

    def offers(self, name: str) -> bool:
        """Whether they have a method or attribute of this name."""
        ...

    def call(self, name: str, *args: Any) -> tuple[Any, ...]:
        """Call it, and give one result per environment."""
        ...

"""Check spaces, metadata and capabilities, and run Gymnasium's own checker."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gymnasium import spaces
from gymnasium.utils.env_checker import check_env

from rlkit import capabilities
from rlkit.env.actions import Bins, discrete_actions
from rlkit.env.leaf_rules import LeafRule, leaf_rules
from rlkit.env_checker.rollout import close
from rlkit.env_checker.subject import Env, Subject
from rlkit.errors import UserError, describe_error
from rlkit.spaces import Mirror

METHODS = (
    "action_names",
    "expert_action",
    "gamepad_axes",
    "get_action_meanings",
    "get_keys_to_action",
    "get_state",
    "map_outline",
    "render_between",
    "set_ghost",
    "set_state",
    "telemetry",
)
READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "box_labels": capabilities.box_labels,
    "camera": capabilities.camera,
    "classes": capabilities.segmentation_classes,
    "component_names": capabilities.component_names,
    "conditions": capabilities.conditions,
    "episode_metrics": capabilities.episode_metrics,
    "evaluation_kwargs": partial(capabilities.default_kwargs, purpose="evaluation"),
    "labels": capabilities.labels,
    "picture_kwargs": partial(capabilities.default_kwargs, purpose="picture"),
    "play_kwargs": partial(capabilities.default_kwargs, purpose="play"),
    "reward_clip": capabilities.reward_clip,
    "run_defaults": capabilities.run_defaults,
    "scenario_option": capabilities.scenario_option,
    "training_kwargs": partial(capabilities.default_kwargs, purpose="training"),
}

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
# Warnings that do not apply: infinite bounds are allowed, actions are discretised, and seeds are checked elsewhere.
IGNORED_WARNINGS = (
    "-infinity",
    "is infinity",
    "symmetric and normalized",
    "different from the unwrapped",
    "not within the",
)


@dataclass(frozen=True)
class DeclaredMirror:
    """A declared mirror symmetry.

    Args:
        mirror: How vectors and actions are mirrored; images are flipped.
        rules: Conversion of observations to leaves.
    """

    mirror: Mirror
    rules: tuple[LeafRule, ...]


def declared_mirror(subject: Subject, env: Env) -> DeclaredMirror | None:
    """Read the mirror symmetry of an environment; None if there is none, or a malformed one, which is reported."""
    metadata = env.metadata or {}
    if not metadata.get("mirror") or not isinstance(env.action_space, spaces.Discrete):
        return None
    try:
        rules = leaf_rules(env.observation_space, capabilities.labels(metadata))
    except UserError:
        return None  # reported by `read_declarations`
    vectors = {rule.leaf.name: rule.leaf.shape[0] for rule in rules if not rule.leaf.is_picture}
    try:
        mirror = capabilities.mirror(metadata, vectors, int(env.action_space.n))
    except UserError as error:
        subject.report("metadata-malformed", str(error))
        return None
    return None if mirror is None else DeclaredMirror(mirror, rules)


def read_declarations(subject: Subject, bins: Bins | None = None) -> dict[str, Any]:
    """Read what an environment declares, as training does.

    Args:
        subject: The environment.
        bins: Values along each axis of continuous actions; None for the default.

    Returns:
        `observations` (name to description), `actions` (names), `actions_note`, `capabilities`, `render_modes`.

    Raises:
        CheckAborted: It cannot be made.
    """
    env = subject.make()
    try:
        metadata = env.metadata or {}
        facts = _observations(subject, env, metadata) | _actions(subject, env, metadata, bins)
        offered = [name for name in METHODS if env.has_wrapper_attr(name)]
        for name, read in READERS.items():
            if metadata.get(name) is not None and _readable(subject, read, metadata):
                offered.append(name)
        fresh = ["fresh_observations"] if metadata.get("fresh_observations") is True else []
        mirror = [] if declared_mirror(subject, env) is None else ["mirror"]
        facts["capabilities"] = sorted({*offered, *fresh, *mirror})
        facts["render_modes"] = [str(mode) for mode in metadata.get("render_modes") or ()]
        return facts
    finally:
        close(env)


def _observations(subject: Subject, env: Env, metadata: Mapping[str, Any]) -> dict[str, Any]:
    try:
        rules = leaf_rules(env.observation_space, capabilities.labels(metadata))
    except UserError as error:
        subject.report("observations-unsupported", str(error))
        return {"observations": {}}
    return {"observations": {rule.leaf.name: rule.note for rule in rules}}


def _actions(subject: Subject, env: Env, metadata: Mapping[str, Any], bins: Bins | None) -> dict[str, Any]:
    axes = metadata.get("action_axes") or ()
    try:
        actions = discrete_actions(env.action_space, bins, axes, capabilities.action_bins(metadata))
    except UserError as error:
        subject.report("actions-unsupported", str(error))
        return {"actions": [], "actions_note": ""}
    names = actions.names
    if not actions.note:
        offered = metadata.get("action_names")
        for name in ("action_names", "get_action_meanings"):
            if offered is None and env.has_wrapper_attr(name):
                value = env.get_wrapper_attr(name)
                offered = value() if callable(value) else value
        try:
            names = capabilities.action_names(offered, len(actions), int(names[0]))
        except UserError as error:
            subject.report("metadata-malformed", str(error))
    return {"actions": list(names), "actions_note": actions.note}


def _readable(subject: Subject, read: Callable[[Mapping[str, Any]], Any], metadata: Mapping[str, Any]) -> bool:
    try:
        read(metadata)
    except UserError as error:
        subject.report("metadata-malformed", str(error))
        return False
    return True


def run_checker(subject: Subject) -> None:
    """Run Gymnasium's checker; its failure is an error only if there is no other error.

    Raises:
        CheckAborted: The environment cannot be made.
    """
    if subject.spec.entry_point is None:  # it checks single environments only
        return
    env = subject.make()
    subject.progress("Gymnasium's checker", True)
    failed = any(issue.level == "error" for issue in subject.issues.values())
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        try:
            check_env(env.unwrapped, skip_render_check=True)
        except (Exception, SystemExit) as error:
            said = _first_sentence(str(error)) if isinstance(error, AssertionError) else describe_error(error)
            subject.report("gymnasium-warning" if failed else "gymnasium", said)
        finally:
            close(env)
    remarks = [_first_sentence(str(warning.message)) for warning in caught]
    remarks = [remark for remark in remarks if not any(part in remark for part in IGNORED_WARNINGS)]
    if remarks:
        more = f" (and {len(remarks) - 1} more)" if len(remarks) > 1 else ""
        subject.report("gymnasium-warning", f"{remarks[0]}{more}")


def _first_sentence(text: str) -> str:
    text = ESCAPES.sub("", text).strip().removeprefix("WARN: ")
    return text.splitlines()[0] if text else "an assertion without a word"

"""One environment from a Gymnasium specification, and what is known of it before it is made.

Whatever somebody else's constructor raises becomes a sentence for the user here.
"""

import contextlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator

from rlkit import own_arguments
from rlkit.environment_config import RESERVED_KWARGS
from rlkit.errors import UserError
from rlkit.foreign_errors import describe_error
from rlkit.frame_skip import FrameSkip
from rlkit.plugins import did_you_mean

T = TypeVar("T")

# Gymnasium's own extra would bring pygame-ce, which overwrites the pygame that rlkit stands on.
_BETTER_HINTS = {"gymnasium[box2d]": "pip install box2d"}


def make_single(
    spec: EnvSpec, kwargs: Mapping[str, Any], render_mode: str | None = None, frame_skip: int = 1
) -> gymnasium.Env[Any, Any]:
    """Make one environment, which its registration may limit in steps, and which nothing checks.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    arguments = dict(kwargs) if render_mode is None else {**kwargs, "render_mode": render_mode}
    return guarded(spec, lambda: _single(spec, arguments, frame_skip), kwargs)


def spec_metadata(spec: EnvSpec) -> dict[str, Any]:
    """Read an environment's metadata without making the environment, where its class has it.

    Raises:
        UserError: The environment's code does not import, or it lacks a package.
    """
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is None:
            continue
        creator = guarded(spec, partial(load_creator, entry_point))
        metadata = getattr(creator, "metadata", None)
        if isinstance(metadata, Mapping):
            return dict(metadata)
    if spec.entry_point is None:
        return {}
    made = guarded(spec, lambda: gymnasium.make(spec, disable_env_checker=True))
    try:
        return dict(made.metadata)
    finally:
        made.close()


def accepted_arguments(spec: EnvSpec) -> set[str]:
    """Names of the arguments that an environment says it takes; none where its code cannot be read."""
    names = set(spec.kwargs)
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is not None:
            with contextlib.suppress(Exception):
                names.update(p.name for p in _parameters(load_creator(entry_point)) if p.kind is not p.VAR_KEYWORD)
    return names


def check_render_mode(spec: EnvSpec, render_mode: str) -> None:
    """Refuse a render mode that an environment does not offer.

    Raises:
        UserError: It does not; or its code does not import, or lacks a package.
    """
    offered = list(spec_metadata(spec).get("render_modes") or ())
    # Gymnasium shows the pictures of `rgb_array` in a window of its own.
    if render_mode not in offered and not (render_mode == "human" and "rgb_array" in offered):
        shown = ", ".join(str(mode) for mode in offered) or "none"
        raise UserError(f"{spec.id} cannot be shown with render_mode {render_mode!r}; it offers: {shown}.")


def accepts(creator: Callable[..., Any], name: str) -> bool:
    """Whether what makes an environment takes an argument of this name."""
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in _parameters(creator))


def load_creator(entry_point: Any) -> Callable[..., Any]:
    """Find what makes an environment; whatever its code raises when it is imported comes through."""
    if callable(entry_point):
        return entry_point  # type: ignore[no-any-return]
    creator: Callable[..., Any] = load_env_creator(entry_point)
    return creator


def guarded(spec: EnvSpec, make: Callable[[], T], kwargs: Mapping[str, Any] = MappingProxyType({})) -> T:
    """Turn whatever an environment's constructor raises into a sentence.

    Args:
        spec: The environment.
        make: Calls the constructor.
        kwargs: Arguments that it is given. A package that these name is not advised to be installed: they may come
            from a file that somebody else wrote.

    Raises:
        UserError: It raised something; what was a UserError stays as it is.
    """
    try:
        return make()
    except UserError:
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        hint = next((better for advised, better in _BETTER_HINTS.items() if advised in str(error)), str(error))
        raise UserError(f"{spec.id} needs a package that is missing: {hint}", exit_code=1) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        named_by_file = package and package in json.dumps(dict(kwargs), default=str)
        hint = f"pip install {package}" if package and not named_by_file else str(error)
        raise UserError(f"{spec.id} needs a package that is missing: {hint}", exit_code=1) from error
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None:
            raise _failure(spec, error) from error
        raise UserError(_unknown_argument(spec, unknown.group(1))) from error
    except Exception as error:
        raise _failure(spec, error) from error


def _single(spec: EnvSpec, kwargs: Mapping[str, Any], frame_skip: int) -> gymnasium.Env[Any, Any]:
    # The checks of the checker cost more than a CartPole step.
    env: gymnasium.Env[Any, Any] = gymnasium.make(spec, disable_env_checker=True, **kwargs)
    return FrameSkip(env, frame_skip) if frame_skip > 1 else env


def _parameters(creator: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(creator).parameters.values())
    except (TypeError, ValueError):
        return []


def _unknown_argument(spec: EnvSpec, name: str) -> str:
    accepted: list[str] = []
    with contextlib.suppress(Exception):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = _parameters(load_creator(spec.entry_point or spec.vector_entry_point))
        accepted = [p.name for p in parameters if p.kind in kinds and p.name not in RESERVED_KWARGS]
    accepted += ["max_episode_steps", *own_arguments.NAMES]
    return (
        f"{spec.id} takes no argument {name!r}.{did_you_mean(name, accepted)} It accepts: "
        f"{', '.join(dict.fromkeys(accepted))}."
    )


def _failure(spec: EnvSpec, error: Exception) -> UserError:
    return UserError(f"{spec.id} could not be made: {describe_error(error)}", exit_code=1)

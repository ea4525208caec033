"""`make_vec_env`: from an environment's description to a vector of N environments.

The kind of vector environment depends on the specification only:

1. its own vector environment, if this supports `AutoresetMode.DISABLED`;
2. else single environments in Gymnasium's `SyncVectorEnv`, or in `workers` processes;
3. else, if there is only a vector environment with another autoreset mode, N batches of one.

In all three, episodes are reset on request, from a given seed, and their last observation is returned. Frame skipping
needs single environments. The time limit per call holds for all but the first kind.
"""

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rlkit.env import registry
from rlkit.env.config import TRAINING_OPTIONS, EnvConfig, EnvOptions, absolute_id, split_kwargs
from rlkit.env.registry import (
    accepted_arguments,
    accepts,
    check_booleans,
    check_render_mode,
    guarded,
    load_creator,
    make_single,
    spec_metadata,
)
from rlkit.env.subproc.vector_env import SubprocVectorEnv
from rlkit.env.subproc.worker import Blueprint, spec_as_json
from rlkit.env.timeout import StepTimeout
from rlkit.env.vector import AnyVectorEnv, VecEnv
from rlkit.env.wrappers import MODE_KEY, ListVectorEnv, TimedSyncVectorEnv, UnrewardedLimit
from rlkit.errors import UserError
from rlkit.utils.system import available_memory

_NO_TIMEOUT = EnvOptions(step_timeout=0)

MANY_ENVS = 256  # above, their memory is estimated first
COPIES = 4  # of observations: of the environments, converted, of the previous step, merged


def vectorize(
    spec: EnvSpec,
    num_envs: int,
    kwargs: Mapping[str, Any],
    render_mode: str | None,
    options: EnvOptions = _NO_TIMEOUT,
    environment_id: str | None = None,
) -> tuple[AnyVectorEnv, bool, str]:
    """Make a vector environment without automatic resets.

    Args:
        spec: Of the environment.
        num_envs: N.
        kwargs: Arguments of the environment, and `max_episode_steps`.
        render_mode: As in `gymnasium.make`.
        options: Of which frame_skip, workers and step_timeout are used.
        environment_id: The id from which worker processes make the environment; None for the specification's own.

    Returns:
        The vector environment in `AutoresetMode.DISABLED`, whether it is the environment's own, and why it was chosen.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, fails, or cannot be adapted.
    """
    arguments, frame_skip = dict(kwargs), options.frame_skip
    if render_mode is not None:
        check_render_mode(spec, render_mode)
        arguments["render_mode"] = render_mode
    if frame_skip > 1:
        if spec.entry_point is None:
            raise UserError(f"{spec.id} is a vector environment only: frame_skip={frame_skip} needs a single one.")
        blueprint = Blueprint(environment_id or spec.id, spec_as_json(spec), arguments, frame_skip)
        singles, how = _singles(spec, num_envs, blueprint, options)
        return singles, False, f"{how}, {frame_skip} of their steps per action"
    if spec.vector_entry_point is not None and not spec.additional_wrappers:
        native, mode = _native(spec, num_envs, arguments)
        if native is not None:
            if options.workers:
                native.close()
                raise _no_workers(spec, options.workers, "has a vector environment of its own, which steps all at once")
            return native, True, "its own vector environment"
        shown = f"its own vector environment resets by itself ({mode})"
    else:
        shown = "it has no vector environment of its own"
    if spec.entry_point is not None:
        blueprint = Blueprint(environment_id or spec.id, spec_as_json(spec), arguments, 1)
        singles, how = _singles(spec, num_envs, blueprint, options)
        return singles, False, f"{how}, because {shown}"
    if options.workers:
        raise _no_workers(spec, options.workers, "is a vector environment only")
    timeout = StepTimeout(options.step_timeout)
    batches = guarded(
        spec,
        lambda: ListVectorEnv(
            timeout.watch(lambda: [_make_native(spec, 1, arguments) for _ in _timed_range(timeout, num_envs)]), timeout
        ),
    )
    return batches, False, f"one batch of one for each, because {shown} and there is no single one"


def join_singles(spec: EnvSpec, num_envs: int, kwargs: Mapping[str, Any]) -> AnyVectorEnv:
    """Make N single environments in a `SyncVectorEnv`, whatever else the specification offers.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    make = partial(make_single, spec, kwargs)
    # No copy: the checker compares at once.
    return guarded(spec, lambda: SyncVectorEnv([make] * num_envs, copy=False, autoreset_mode=AutoresetMode.DISABLED))


def _native(spec: EnvSpec, num_envs: int, kwargs: dict[str, Any]) -> tuple[AnyVectorEnv | None, str]:
    """The specification's own vector environment if it supports `AutoresetMode.DISABLED`, else how it resets."""
    assert spec.vector_entry_point is not None
    creator = guarded(spec, partial(load_creator, spec.vector_entry_point))
    disabled = {**kwargs, MODE_KEY: AutoresetMode.DISABLED}
    if not accepts(creator, MODE_KEY):
        mode = getattr(creator, "metadata", {}).get(MODE_KEY)
        if mode is not AutoresetMode.DISABLED:
            return None, mode.value if isinstance(mode, AutoresetMode) else "it offers no other mode"
        disabled = kwargs  # its only mode
    try:
        made = guarded(spec, lambda: _make_native(spec, num_envs, disabled))
    except UserError as error:
        if MODE_KEY in str(error.__cause__):  # the argument is accepted, the value is not
            return None, "it offers no other mode"
        raise
    mode = made.metadata.get(MODE_KEY)
    if mode is AutoresetMode.DISABLED:
        return made, ""
    made.close()
    return None, mode.value if isinstance(mode, AutoresetMode) else "it does not say how"


def _make_native(spec: EnvSpec, num_envs: int, kwargs: Mapping[str, Any]) -> AnyVectorEnv:
    check_booleans(spec, kwargs)
    return gymnasium.make_vec(spec, num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs)


def _singles(spec: EnvSpec, num_envs: int, blueprint: Blueprint, options: EnvOptions) -> tuple[AnyVectorEnv, str]:
    """Make a vector of single environments; with its description."""
    if options.workers:
        workers = min(options.workers, num_envs)
        side_by_side = guarded(spec, lambda: SubprocVectorEnv(blueprint, num_envs, workers, options.step_timeout))
        return side_by_side, f"single environments in {workers} process{'es' if workers > 1 else ''} of their own"
    make = partial(make_single, spec, blueprint.kwargs, frame_skip=blueprint.frame_skip)
    timeout = StepTimeout(options.step_timeout)
    return guarded(spec, lambda: TimedSyncVectorEnv(make, num_envs, timeout)), "single environments one after the other"


def _no_workers(spec: EnvSpec, workers: int, why: str) -> UserError:
    return UserError(
        f"workers={workers}: single environments are shared out to processes, and {spec.id} {why}; leave workers out."
    )


def _timed_range(timeout: StepTimeout, num_envs: int) -> Iterator[int]:
    """Yield 0 to N - 1, and restart the timeout for each."""
    for index in range(num_envs):
        timeout.begin(index)
        yield index


def make_vec_env(
    config: EnvConfig, num_envs: int, *, render_mode: str | None = None, allow_code: bool = True
) -> VecEnv:
    """Make N environments from their description.

    Args:
        config: Description of the environment.
        num_envs: N.
        render_mode: `rgb_array` for images, `human` for Gymnasium's window; None for no rendering.
        allow_code: Whether the module or file of `config.id` may be imported; false for an id from a run folder.

    Raises:
        UserError: It does not exist, cannot be imported or made, or has spaces that are not supported.
    """
    if num_envs < 1:
        raise UserError(f"The number of environments has to be at least 1, not {num_envs}.")
    spec = registry.find_spec(config.id, allow_code)
    if num_envs > MANY_ENVS:
        _check_memory(config, num_envs)
    kwargs, options = split_kwargs(config.kwargs, lambda: accepted_arguments(spec), config.frame_stack)
    vector, native, why = vectorize(spec, num_envs, kwargs, render_mode, options, absolute_id(config.id))
    if options.unrewarded_limit:
        vector = UnrewardedLimit(vector, options.unrewarded_limit)
    try:
        return VecEnv(vector, config, native, why, options)
    except BaseException:
        vector.close()
        raise


def _check_memory(config: EnvConfig, num_envs: int) -> None:
    """Refuse more environments than fit in memory, by the size of one observation.

    Raises:
        UserError: They would not fit.
    """
    with make_vec_env(config, 1) as one:
        each = sum(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in one.spaces.observations.values())
    needed, free = COPIES * num_envs * each, available_memory()
    if free is not None and needed > free:
        raise UserError(
            f"{num_envs:,} environments of {config.id} would take {needed / 2**30:.1f} GiB of memory, and "
            f"{free / 2**30:.1f} GiB are free: take fewer.",
            exit_code=1,
        )


def played_to_the_end(config: EnvConfig, *, allow_code: bool = True) -> EnvConfig:
    """Remove the options that hold in training only.

    Args:
        config: Description of the environment.
        allow_code: As in `make_vec_env`.

    Raises:
        UserError: It does not exist or cannot be imported.
    """
    if not TRAINING_OPTIONS & config.kwargs.keys():
        return config
    spec = registry.find_spec(config.id, allow_code)
    own, _ = split_kwargs(config.kwargs, lambda: accepted_arguments(spec))
    kept = {name: value for name, value in config.kwargs.items() if name in own or name not in TRAINING_OPTIONS}
    return replace(config, kwargs=kept)


def read_metadata(config: EnvConfig, *, allow_code: bool = True) -> dict[str, Any]:
    """Read an environment's metadata without making it.

    Args:
        config: Description of the environment.
        allow_code: As in `make_vec_env`.

    Raises:
        UserError: It does not exist, or cannot be imported.
    """
    return spec_metadata(registry.find_spec(config.id, allow_code))


def check_typed_again(kwargs: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Refuse typed arguments that differ from those of the run to be resumed.

    Raises:
        UserError: An argument differs.
    """
    for name, value in typed.items():
        if kwargs.get(name) != value:
            raise UserError(f"--env-kwargs {name}={value!r}: this run has {kwargs.get(name)!r}; leave it out")


def check_arguments(config: EnvConfig, typed: Mapping[str, Any], *, allow_code: bool = True) -> None:
    """Refuse arguments from a file that name code which the environment may import.

    Args:
        config: Read from a file.
        typed: Arguments that the user typed; those with the same value are trusted.
        allow_code: As in `make_vec_env`.

    Raises:
        UserError: An argument names code and was not typed.
    """
    from_file = {name: value for name, value in config.kwargs.items() if name not in typed or typed[name] != value}
    name = registry.code_in(from_file, registry.find_spec(config.id, allow_code)) if from_file else None
    if name is not None:
        value = config.kwargs[name]
        written = value if isinstance(value, str) else json.dumps(value)
        raise UserError(
            f"The argument {name}={written} of {config.id} names code, which is not imported unless requested. "
            f"If you trust it, add: --env-kwargs {shlex.quote(f'{name}={written}')}"
        )

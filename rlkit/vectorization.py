"""From a Gymnasium specification to N environments stepped together, none of which resets by itself.

The choice is a fixed rule, never a timing, so that one seed fixes everything:

1. the specification's own vector environment, if it can leave resetting to us (`AutoresetMode.DISABLED`);
2. else single environments, stepped one after the other by Gymnasium's `SyncVectorEnv`, or side by side in as many
   processes as `workers` says;
3. else, where there is only a vector environment and it insists on resetting by itself, one batch of one each.

Frames are skipped in single environments, so that an episode that ends on the way ends there. Only those that are not
stepped in one batch are watched for taking too long.

In all three an episode is reset when we say so, from the seed that we give, and its last observation is kept.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from rlkit.alarm import Alarm
from rlkit.batches_of_one import MODE_KEY, BatchesOfOne
from rlkit.errors import UserError
from rlkit.making import accepts, check_render_mode, guarded, load_creator, make_single
from rlkit.stepping_options import SteppingOptions
from rlkit.watched_envs import WatchedEnvs
from rlkit.workers.protocol import Blueprint, spec_as_json
from rlkit.workers.vector import WorkerEnvs

AnyVectorEnv = VectorEnv[Any, Any, Any]

_UNWATCHED = SteppingOptions(step_timeout=0)


def vectorize(
    spec: EnvSpec,
    num_envs: int,
    kwargs: Mapping[str, Any],
    render_mode: str | None,
    frame_skip: int = 1,
    stepping: SteppingOptions = _UNWATCHED,
    environment_id: str | None = None,
) -> tuple[AnyVectorEnv, bool, str]:
    """Make N environments that are stepped together and reset only when told.

    Args:
        spec: What to make.
        num_envs: N.
        kwargs: Arguments of the environment; `max_episode_steps` among them limits its episodes.
        render_mode: As in `gymnasium.make`.
        frame_skip: Steps of the environment per action.
        stepping: In which processes, and how long an environment may take.
        environment_id: By which other processes find the specification; None for the specification's own.

    Returns:
        The vector environment in `AutoresetMode.DISABLED`, whether it is the environment's own, and a sentence on why.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, fails, or cannot be adapted.
    """
    arguments = dict(kwargs)
    if render_mode is not None:
        check_render_mode(spec, render_mode)
        arguments["render_mode"] = render_mode
    if frame_skip > 1:
        if spec.entry_point is None:
            raise UserError(f"{spec.id} is a vector environment only: frame_skip={frame_skip} needs a single one.")
        blueprint = Blueprint(environment_id or spec.id, spec_as_json(spec), arguments, frame_skip)
        singles, how = _singles(spec, num_envs, blueprint, stepping)
        return singles, False, f"{how}, {frame_skip} of their steps per action"
    if spec.vector_entry_point is not None and not spec.additional_wrappers:
        native, mode = _native(spec, num_envs, arguments)
        if native is not None:
            if stepping.workers:
                native.close()
                raise _no_workers(spec, stepping, "has a vector environment of its own, which steps all at once")
            return native, True, "its own vector environment"
        shown = f"its own vector environment resets by itself ({mode})"
    else:
        shown = "it has no vector environment of its own"
    if spec.entry_point is not None:
        blueprint = Blueprint(environment_id or spec.id, spec_as_json(spec), arguments, 1)
        singles, how = _singles(spec, num_envs, blueprint, stepping)
        return singles, False, f"{how}, because {shown}"
    if stepping.workers:
        raise _no_workers(spec, stepping, "is a vector environment only")
    alarm = Alarm(stepping.step_timeout)
    batches = guarded(
        spec,
        lambda: BatchesOfOne(
            alarm.watch(lambda: [_make_native(spec, 1, arguments) for _ in _beginning(alarm, num_envs)]), alarm
        ),
    )
    return batches, False, f"one batch of one for each, because {shown} and there is no single one"


def offers(vector: AnyVectorEnv, name: str) -> bool:
    """Whether what is stepped in a vector environment has a method or attribute of this name, for `vector.call`."""
    if isinstance(vector, WorkerEnvs):
        return vector.offers(name)
    if isinstance(vector, SyncVectorEnv):
        return bool(vector.envs[0].has_wrapper_attr(name))
    own = vector.batches[0] if isinstance(vector, BatchesOfOne) else vector
    return hasattr(own, "call") and hasattr(own.unwrapped, name)


def join_singles(spec: EnvSpec, num_envs: int, kwargs: Mapping[str, Any]) -> AnyVectorEnv:
    """Make N single environments that are stepped one after the other, whatever else the specification offers.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    make = partial(make_single, spec, kwargs)
    # No copy: whoever steps them compares at once.
    return guarded(spec, lambda: SyncVectorEnv([make] * num_envs, copy=False, autoreset_mode=AutoresetMode.DISABLED))


def _native(spec: EnvSpec, num_envs: int, kwargs: dict[str, Any]) -> tuple[AnyVectorEnv | None, str]:
    """The specification's own vector environment if it leaves resetting to us, else how it resets."""
    assert spec.vector_entry_point is not None
    creator = guarded(spec, partial(load_creator, spec.vector_entry_point))
    disabled = {**kwargs, MODE_KEY: AutoresetMode.DISABLED}
    if not accepts(creator, MODE_KEY):
        mode = getattr(creator, "metadata", {}).get(MODE_KEY)
        if mode is not AutoresetMode.DISABLED:
            return None, mode.value if isinstance(mode, AutoresetMode) else "it offers no other mode"
        disabled = kwargs  # it never resets by itself and need not be asked
    try:
        made = guarded(spec, lambda: _make_native(spec, num_envs, disabled))
    except UserError as error:
        if MODE_KEY in str(error.__cause__):  # it takes the argument, but not this value
            return None, "it offers no other mode"
        raise
    mode = made.metadata.get(MODE_KEY)
    if mode is AutoresetMode.DISABLED:
        return made, ""
    made.close()
    return None, mode.value if isinstance(mode, AutoresetMode) else "it does not say how"


def _make_native(spec: EnvSpec, num_envs: int, kwargs: Mapping[str, Any]) -> AnyVectorEnv:
    return gymnasium.make_vec(spec, num_envs=num_envs, vectorization_mode="vector_entry_point", **kwargs)


def _singles(spec: EnvSpec, num_envs: int, blueprint: Blueprint, stepping: SteppingOptions) -> tuple[AnyVectorEnv, str]:
    """Single environments stepped together, and how."""
    if stepping.workers:
        workers = min(stepping.workers, num_envs)
        side_by_side = guarded(spec, lambda: WorkerEnvs(blueprint, num_envs, stepping))
        return side_by_side, f"single environments in {workers} process{'es' if workers > 1 else ''} of their own"
    make = partial(make_single, spec, blueprint.kwargs, frame_skip=blueprint.frame_skip)
    alarm = Alarm(stepping.step_timeout)
    return guarded(spec, lambda: WatchedEnvs(make, num_envs, alarm)), "single environments one after the other"


def _no_workers(spec: EnvSpec, stepping: SteppingOptions, why: str) -> UserError:
    return UserError(
        f"workers={stepping.workers}: single environments are shared out to processes, and {spec.id} {why}; leave "
        "workers out."
    )


def _beginning(alarm: Alarm, num_envs: int) -> Iterator[int]:
    """0 to N - 1, each with its own time."""
    for index in range(num_envs):
        alarm.begin(index)
        yield index

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

import contextlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from rlkit import discrete_actions, frame_options, stepping_options
from rlkit.alarm import Alarm
from rlkit.environment_config import RESERVED_KWARGS
from rlkit.errors import UserError
from rlkit.foreign_errors import describe_error
from rlkit.plugins import did_you_mean
from rlkit.stepping_options import SteppingOptions
from rlkit.workers.protocol import Blueprint, spec_as_json
from rlkit.workers.vector import WorkerEnvs

AnyVectorEnv = VectorEnv[Any, Any, Any]
T = TypeVar("T")

_MODE_KEY = "autoreset_mode"
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
        _check_render_mode(spec, render_mode)
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
    batches = _guarded(
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


def make_single(
    spec: EnvSpec, kwargs: Mapping[str, Any], render_mode: str | None = None, frame_skip: int = 1
) -> gymnasium.Env[Any, Any]:
    """Make one environment, which its registration may limit in steps, and which nothing checks.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    arguments = dict(kwargs) if render_mode is None else {**kwargs, "render_mode": render_mode}
    return _guarded(spec, lambda: _single(spec, arguments, frame_skip))


def join_singles(spec: EnvSpec, num_envs: int, kwargs: Mapping[str, Any]) -> AnyVectorEnv:
    """Make N single environments that are stepped one after the other, whatever else the specification offers.

    Raises:
        UserError: The environment does not accept the arguments, lacks a package, or fails.
    """
    make = partial(_single, spec, kwargs)
    # No copy: whoever steps them compares at once.
    return _guarded(spec, lambda: SyncVectorEnv([make] * num_envs, copy=False, autoreset_mode=AutoresetMode.DISABLED))


def spec_metadata(spec: EnvSpec) -> dict[str, Any]:
    """Read an environment's metadata without making the environment, where its class has it.

    Raises:
        UserError: The environment's code does not import, or it lacks a package.
    """
    for entry_point in (spec.entry_point, spec.vector_entry_point):
        if entry_point is None:
            continue
        creator = _guarded(spec, partial(_creator, entry_point))
        metadata = getattr(creator, "metadata", None)
        if isinstance(metadata, Mapping):
            return dict(metadata)
    if spec.entry_point is None:
        return {}
    made = _guarded(spec, lambda: gymnasium.make(spec, disable_env_checker=True))
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
                names.update(p.name for p in _parameters(_creator(entry_point)) if p.kind is not p.VAR_KEYWORD)
    return names


class FrameSkip(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Takes the same action for several steps and sums their rewards; stops where the episode ends.

    Args:
        env: A single environment.
        frames: Its steps per action.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], frames: int):
        super().__init__(env)
        self._frames = frames
        rate = self.metadata.get("render_fps")
        if rate:  # so that what is watched goes at the speed it went at
            self.metadata = {**self.metadata, "render_fps": rate / frames}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take the action until the frames are through or the episode is."""
        total = 0.0
        for _ in range(self._frames):
            observation, reward, terminated, truncated, info = self.env.step(action)
            total += float(reward)
            if terminated or truncated:
                break
        return observation, total, terminated, truncated, info


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Tells an alarm when one of several environments begins a call.

    Args:
        env: A single environment.
        alarm: Who watches it.
        index: Which one it is.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], alarm: Alarm, index: int):
        super().__init__(env)
        self._alarm = alarm
        self._index = index

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._alarm.begin(self._index)
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step."""
        self._alarm.begin(self._index)
        return self.env.step(action)


class WatchedEnvs(SyncVectorEnv):
    """Steps single environments one after the other, and interrupts one that does not come back.

    Args:
        make: Makes one.
        num_envs: N.
        alarm: Who watches them.

    Raises:
        DescribedError: One takes too long, then or later.
    """

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]], num_envs: int, alarm: Alarm):
        self._alarm = alarm

        def watched(index: int) -> gymnasium.Env[Any, Any]:
            alarm.begin(index)
            return Watched(make(), alarm, index)

        makers = [partial(watched, index) for index in range(num_envs)]
        # No copy: `preprocessing.convert` makes one.
        alarm.watch(super().__init__, makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all."""
        return self._alarm.watch(super().reset, **arguments)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step each environment; none is reset."""
        return self._alarm.watch(super().step, actions)


class BatchesOfOne(VectorEnv[Any, Any, Any]):
    """Joins vector environments of one environment each, so that each is reset alone and from a seed.

    Args:
        batches: Each with `num_envs == 1`; their `metadata["autoreset_mode"]` says how they would reset. Next-step
            resets never come about, because the batch is reset before its next step; same-step resets are undone by
            taking the last observation from `infos["final_obs"]` and resetting again from the seed.
        alarm: Interrupts one that takes too long.

    Raises:
        UserError: The batches do not say how they reset.
    """

    def __init__(self, batches: Sequence[AnyVectorEnv], alarm: Alarm):
        self.batches = list(batches)
        self._alarm = alarm
        first = self.batches[0]
        try:
            self._mode = AutoresetMode(first.metadata[_MODE_KEY])
        except (KeyError, ValueError) as error:
            raise UserError(
                f'{first} does not say how it resets: its metadata["{_MODE_KEY}"] has to be an AutoresetMode.'
            ) from error
        self.num_envs = len(self.batches)
        self.metadata = {**first.metadata, _MODE_KEY: AutoresetMode.DISABLED}
        self.render_mode = first.render_mode
        self.single_observation_space = first.single_observation_space
        self.single_action_space = first.single_action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._current: list[Any] = [None] * self.num_envs

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all, each from its own seed."""
        return self._alarm.watch(self._reset, seed, options)

    def _reset(
        self, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        options = dict(options or {})
        mask = options.pop("reset_mask", np.ones(self.num_envs, dtype=np.bool_))
        seeds = [seed] * self.num_envs if seed is None or isinstance(seed, int) else list(seed)
        infos: dict[str, Any] = {}
        for index in np.flatnonzero(mask):
            self._alarm.begin(int(index))
            observation, info = self.batches[index].reset(seed=seeds[index], options=options or None)
            self._current[index] = self._only(observation)
            infos = self._add_info(infos, _info_of_one(info), int(index))
        return self._joined(), infos

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Step each environment; none is reset."""
        return self._alarm.watch(self._step, actions)

    def _step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        infos: dict[str, Any] = {}
        for index, batch in enumerate(self.batches):
            self._alarm.begin(index)
            observation, reward, ended, cut, info = batch.step(actions[index : index + 1])
            rewards[index], terminated[index], truncated[index] = reward[0], ended[0], cut[0]
            self._current[index] = self._only(observation)
            if self._mode is AutoresetMode.SAME_STEP and (ended[0] or cut[0]):
                self._current[index], info = self._final(batch, info)
            infos = self._add_info(infos, _info_of_one(info), index)
        return self._joined(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """One picture for each environment."""
        return tuple(frame for batch in self.batches for frame in batch.render() or ())

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment; AttributeError where there is none."""
        return tuple(result for batch in self.batches for result in batch.call(name, *args, **kwargs))  # type: ignore[attr-defined]

    def close_extras(self, **kwargs: Any) -> None:
        """Close every batch."""
        for batch in self.batches:
            batch.close(**kwargs)

    def _only(self, observation: Any) -> Any:
        return next(iter(iterate(self.batches[0].observation_space, observation)))

    def _joined(self) -> Any:
        empty: Any = create_empty_array(self.single_observation_space, n=self.num_envs)
        return concatenate(self.single_observation_space, self._current, empty)

    def _final(self, batch: AnyVectorEnv, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if "final_obs" not in info:
            raise UserError(
                f"{batch} resets in the step that ends an episode, but does not give the last observation under "
                'infos["final_obs"], so that it would be lost.'
            )
        final = info["final_obs"]
        observation = self._only(final) if isinstance(final, Mapping | tuple) else final[0]
        return observation, info.get("final_info", {})


def _info_of_one(infos: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the infos of a batch of one into the info of its environment."""
    info: dict[str, Any] = {}
    for key, value in infos.items():
        if key.startswith("_") and key[1:] in infos:
            continue
        present = infos.get(f"_{key}")
        if present is not None and not present[0]:
            continue
        info[key] = _info_of_one(value) if isinstance(value, Mapping) else value[0]
    return info


def _native(spec: EnvSpec, num_envs: int, kwargs: dict[str, Any]) -> tuple[AnyVectorEnv | None, str]:
    """The specification's own vector environment if it leaves resetting to us, else how it resets."""
    assert spec.vector_entry_point is not None
    creator = _guarded(spec, partial(_creator, spec.vector_entry_point))
    disabled = {**kwargs, _MODE_KEY: AutoresetMode.DISABLED}
    if not _accepts(creator, _MODE_KEY):
        mode = getattr(creator, "metadata", {}).get(_MODE_KEY)
        if mode is not AutoresetMode.DISABLED:
            return None, mode.value if isinstance(mode, AutoresetMode) else "it offers no other mode"
        disabled = kwargs  # it never resets by itself and need not be asked
    try:
        made = _guarded(spec, lambda: _make_native(spec, num_envs, disabled))
    except UserError as error:
        if _MODE_KEY in str(error.__cause__):  # it takes the argument, but not this value
            return None, "it offers no other mode"
        raise
    mode = made.metadata.get(_MODE_KEY)
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
        side_by_side = _guarded(spec, lambda: WorkerEnvs(blueprint, num_envs, stepping))
        return side_by_side, f"single environments in {workers} process{'es' if workers > 1 else ''} of their own"
    make = partial(_single, spec, blueprint.kwargs, blueprint.frame_skip)
    alarm = Alarm(stepping.step_timeout)
    return _guarded(spec, lambda: WatchedEnvs(make, num_envs, alarm)), "single environments one after the other"


def _single(spec: EnvSpec, kwargs: Mapping[str, Any], frame_skip: int = 1) -> gymnasium.Env[Any, Any]:
    # The checks of the checker cost more than a CartPole step.
    env: gymnasium.Env[Any, Any] = gymnasium.make(spec, disable_env_checker=True, **kwargs)
    return FrameSkip(env, frame_skip) if frame_skip > 1 else env


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


def _creator(entry_point: Any) -> Callable[..., Any]:
    if callable(entry_point):
        return entry_point  # type: ignore[no-any-return]
    creator: Callable[..., Any] = load_env_creator(entry_point)
    return creator


def _parameters(creator: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(creator).parameters.values())
    except (TypeError, ValueError):
        return []


def _accepts(creator: Callable[..., Any], name: str) -> bool:
    return any(p.name == name or p.kind is p.VAR_KEYWORD for p in _parameters(creator))


def _check_render_mode(spec: EnvSpec, render_mode: str) -> None:
    offered = list(spec_metadata(spec).get("render_modes") or ())
    # Gymnasium shows the pictures of `rgb_array` in a window of its own.
    if render_mode not in offered and not (render_mode == "human" and "rgb_array" in offered):
        shown = ", ".join(str(mode) for mode in offered) or "none"
        raise UserError(f"{spec.id} cannot be shown with render_mode {render_mode!r}; it offers: {shown}.")


def _guarded(spec: EnvSpec, make: Callable[[], T]) -> T:
    """Turn whatever an environment's constructor raises into a sentence."""
    try:
        return make()
    except UserError:
        raise
    except gymnasium.error.DependencyNotInstalled as error:
        raise UserError(f"{spec.id} needs a package that is missing: {error}", exit_code=1) from error
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        hint = f"pip install {package}" if package else str(error)
        raise UserError(f"{spec.id} needs a package that is missing: {hint}", exit_code=1) from error
    except TypeError as error:
        unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if unknown is None:
            raise _failure(spec, error) from error
        raise UserError(_unknown_argument(spec, unknown.group(1))) from error
    except Exception as error:
        raise _failure(spec, error) from error


def _unknown_argument(spec: EnvSpec, name: str) -> str:
    accepted: list[str] = []
    with contextlib.suppress(Exception):
        kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        parameters = _parameters(_creator(spec.entry_point or spec.vector_entry_point))
        accepted = [p.name for p in parameters if p.kind in kinds and p.name not in RESERVED_KWARGS]
    accepted += ["max_episode_steps", *frame_options.NAMES, discrete_actions.NAME, *stepping_options.NAMES]
    return (
        f"{spec.id} takes no argument {name!r}.{did_you_mean(name, accepted)} It accepts: "
        f"{', '.join(dict.fromkeys(accepted))}."
    )


def _failure(spec: EnvSpec, error: Exception) -> UserError:
    return UserError(f"{spec.id} could not be made: {describe_error(error)}", exit_code=1)

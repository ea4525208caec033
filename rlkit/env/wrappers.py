"""Wrappers: frame skipping, time limits per call, batches of one joined to N, episodes cut without reward."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from rlkit.env.seeding import seed_global_generators
from rlkit.env.timeout import StepTimeout
from rlkit.errors import DescribedError, UserError, described

_PASSES_OBSERVATIONS = (OrderEnforcing, TimeLimit)  # wrappers of `gymnasium.make` that do not read observations

T = TypeVar("T")

STATE_PIXELS = "state_pixels"  # Gymnasium's render mode for an observation that is a rendered image

MODE_KEY = "autoreset_mode"
"""Key of a vector environment's metadata, and argument of its constructor, for how it resets."""


class FrameSkip(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Repeats each action for several steps and sums the rewards; stops at the end of the episode.

    Args:
        env: A single environment.
        frames: Its steps per action.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], frames: int):
        super().__init__(env)
        self._frames = frames
        self._undrawn = UndrawnSteps(env) if renders_observation(env) else None
        rate = self.metadata.get("render_fps")
        if rate:
            self.metadata = {**self.metadata, "render_fps": rate / frames}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Repeat the action; the observation and info are those of the last step."""
        total = 0.0
        for left in reversed(range(self._frames)):
            undrawn = self._undrawn if left else None
            step = self.env.step if undrawn is None else undrawn.step
            observation, reward, terminated, truncated, info = step(action)
            total += float(reward)
            if terminated or truncated:
                if undrawn is not None:
                    observation = undrawn.observation()
                break
        return observation, total, terminated, truncated, info


def renders_observation(env: gymnasium.Env[Any, Any]) -> bool:
    """Whether the observation is an image that `_render("state_pixels")` draws, which skipped frames can do without.

    True for Gymnasium's CarRacing and environments built like it, unless a wrapper reads their observations, a window
    shows them, or a subclass overrides only one of `step` and `_render`.
    """
    base = env.unwrapped
    kinds = [next((kind for kind in type(base).__mro__ if name in vars(kind)), None) for name in ("step", "_render")]
    if STATE_PIXELS not in (base.metadata.get("render_modes") or ()) or kinds[0] is not kinds[1]:
        return False
    while env is not base:
        if type(env) not in _PASSES_OBSERVATIONS:
            return False
        env = env.env  # type: ignore[attr-defined]
    return base.render_mode != "human"


class UndrawnSteps:
    """Steps an environment without drawing its observation.

    Args:
        env: One for which `renders_observation` is true.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        self._env = env
        self._base: Any = env.unwrapped

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take a step; its observation is None."""
        self._base._render = _draw_nothing
        try:
            return self._env.step(action)
        finally:
            del self._base._render  # uncovers the method of the class

    def observation(self) -> Any:
        """Draw the observation of the last step."""
        self._base.state = self._base._render(STATE_PIXELS)
        return self._base.state


def _draw_nothing(mode: str) -> None:
    """Replace `_render` while a frame is skipped."""


class CheckedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Raises `DescribedError` where the results of an environment do not match Gymnasium's API.

    Args:
        env: A single environment.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]):
        super().__init__(env)
        space = env.observation_space
        self._shape = space.shape if isinstance(space, gymnasium.spaces.Box) else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        result = self.env.reset(seed=seed, options=options)
        if not isinstance(result, tuple) or len(result) != 2:
            raise DescribedError(f"returned {_kind(result)}; Gymnasium's are 2 values: observation and info")
        observation, info = result
        self._check(observation, info)
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if type(reward) is not float and not _is_number(reward):
            raise DescribedError(f"returned {_kind(reward)} as reward, not a number")
        flags: dict[str, Any] = {"terminated": terminated, "truncated": truncated}
        for name, flag in flags.items():
            if type(flag) is not bool and np.ndim(flag):
                raise DescribedError(f"returned {_kind(flag)} as {name}, not a bool")
        self._check(observation, info)
        return observation, reward, terminated, truncated, info

    def _check(self, observation: Any, info: Any) -> None:
        if self._shape is not None and np.shape(observation) != self._shape:
            raise DescribedError(f"returned an observation of shape {np.shape(observation)}, not {self._shape}")
        if not isinstance(info, dict):
            raise DescribedError(f"returned {_kind(info)} as info, not a dict")


def _is_number(value: Any) -> bool:
    """Whether a value is a scalar: a Python or NumPy number, or an array or tensor without axes."""
    if isinstance(value, int | float | np.number | np.bool_):
        return True
    return hasattr(value, "dtype") and np.ndim(value) == 0


def _kind(value: Any) -> str:
    """Describe a value by its type, or its shape if it has one."""
    if value is None or isinstance(value, str):
        return repr(value)
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} values"
    return f"an array of shape {np.shape(value)}" if hasattr(value, "shape") else f"a {type(value).__name__}"


class TimedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Restarts a timeout at the begin of each call, and adds its index to exceptions.

    Args:
        env: A single environment.
        timeout: Shared by all environments of a vector.
        index: Of this environment in the vector.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], timeout: StepTimeout, index: int):
        super().__init__(env)
        self._timeout = timeout
        self._index = index

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        return self._timed(self.env.reset, seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Take one step."""
        return self._timed(self.env.step, action)

    def render(self) -> Any:
        """Draw a picture."""
        return self._timed(self.env.render)

    def _timed(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        self._timeout.begin(self._index)
        try:
            return function(*args, **kwargs)
        except (Exception, SystemExit) as error:
            raise described(error, self._index) from error


class TimedSyncVectorEnv(SyncVectorEnv):
    """Steps single environments one after the other, with a time limit for each call.

    Args:
        make: Makes one.
        num_envs: N.
        timeout: The time limit.

    Raises:
        DescribedError: A call took too long, in the constructor or later.
    """

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]], num_envs: int, timeout: StepTimeout):
        self._timeout = timeout

        def timed(index: int) -> gymnasium.Env[Any, Any]:
            timeout.begin(index)
            return TimedEnv(CheckedEnv(make()), timeout, index)

        makers = [partial(timed, index) for index in range(num_envs)]
        # No copy: `leaf_rules.convert` makes one.
        timeout.watch(super().__init__, makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all.

        A reset of all from given seeds also seeds the global generators, in which environments share one state.
        """
        seeds = arguments.get("seed")
        if seeds is not None and arguments.get("options") is None:
            seed_global_generators(seeds if isinstance(seeds, int) else seeds[0])
        return self._timeout.watch(super().reset, **arguments)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step each environment; none is reset."""
        return self._timeout.watch(super().step, actions)

    def render(self) -> tuple[Any, ...]:
        """What each environment renders."""
        return self._timeout.watch(super().render)

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method of each environment, or read an attribute; AttributeError where there is none."""
        return self._timeout.watch(super().call, name, *args, **kwargs)


class ListVectorEnv(VectorEnv[Any, Any, Any]):
    """Joins vector environments of one environment each, so that each is reset alone and from a seed.

    Args:
        batches: Each with `num_envs == 1` and `metadata["autoreset_mode"]`. Next-step resets never happen, because the
            batch is reset before its next step; after same-step resets the last observation is taken from
            `infos["final_obs"]`, and the batch reset again from the seed.
        timeout: Time limit of a call.

    Raises:
        UserError: The batches do not say how they reset.
    """

    def __init__(self, batches: Sequence[VectorEnv[Any, Any, Any]], timeout: StepTimeout):
        self.batches = list(batches)
        self._timeout = timeout
        first = self.batches[0]
        try:
            self._mode = AutoresetMode(first.metadata[MODE_KEY])
        except (KeyError, ValueError) as error:
            raise UserError(
                f'{first} does not say how it resets: its metadata["{MODE_KEY}"] has to be an AutoresetMode.'
            ) from error
        self.num_envs = len(self.batches)
        self.metadata = {**first.metadata, MODE_KEY: AutoresetMode.DISABLED}
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
        return self._timeout.watch(self._reset, seed, options)

    def _reset(
        self, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None
    ) -> tuple[Any, dict[str, Any]]:
        options = dict(options or {})
        mask = options.pop("reset_mask", np.ones(self.num_envs, dtype=np.bool_))
        seeds = [seed] * self.num_envs if seed is None or isinstance(seed, int) else list(seed)
        infos: dict[str, Any] = {}
        for index in np.flatnonzero(mask):
            self._timeout.begin(int(index))
            observation, info = self.batches[index].reset(seed=seeds[index], options=options or None)
            self._current[index] = self._only(observation)
            infos = self._add_info(infos, _info_of_one(info), int(index))
        return self._joined(), infos

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Step each environment; none is reset."""
        return self._timeout.watch(self._step, actions)

    def _step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Any, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        rewards = np.zeros(self.num_envs)
        terminated = np.zeros(self.num_envs, dtype=np.bool_)
        truncated = np.zeros(self.num_envs, dtype=np.bool_)
        infos: dict[str, Any] = {}
        for index, batch in enumerate(self.batches):
            self._timeout.begin(index)
            observation, reward, ended, cut, info = batch.step(actions[index : index + 1])
            rewards[index], terminated[index], truncated[index] = reward[0], ended[0], cut[0]
            self._current[index] = self._only(observation)
            if self._mode is AutoresetMode.SAME_STEP and (ended[0] or cut[0]):
                self._current[index], info = self._final(batch, info)
            infos = self._add_info(infos, _info_of_one(info), index)
        return self._joined(), rewards, terminated, truncated, infos

    def render(self) -> tuple[Any, ...]:
        """One picture for each environment."""
        return self._timeout.watch(self._render)

    def _render(self) -> tuple[Any, ...]:
        drawn: list[Any] = []
        for index, batch in enumerate(self.batches):
            self._timeout.begin(index)
            drawn += batch.render() or ()
        return tuple(drawn)

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

    def _final(self, batch: VectorEnv[Any, Any, Any], info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if "final_obs" not in info:
            raise UserError(
                f"{batch} resets in the step that ends an episode, but does not give the last observation under "
                'infos["final_obs"], so that it would be lost.'
            )
        final = info["final_obs"]
        observation = self._only(final) if isinstance(final, Mapping | tuple) else final[0]
        return observation, info.get("final_info", {})


class UnrewardedLimit(VectorWrapper):
    """Terminates the episodes of a vector environment after a number of consecutive steps without a positive reward.

    Args:
        env: In `AutoresetMode.DISABLED`.
        limit: Number of steps.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any], limit: int):
        super().__init__(env)
        self._limit = limit
        self._count = np.zeros(env.num_envs, dtype=np.int64)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all."""
        self._count[... if options is None else options.get("reset_mask", ...)] = 0
        # VectorEnv declares `int`; every vector environment takes one seed for each.
        return self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step each environment; none is reset."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._count = np.where(np.asarray(rewards) > 0.0, 0, self._count + 1)
        return observations, rewards, terminated | (self._count >= self._limit), truncated, infos


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

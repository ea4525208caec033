"""Wrappers of environments: frame skipping, time limits for single environments, batches of one joined to N."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate
from gymnasium.wrappers import OrderEnforcing, TimeLimit

from rlkit.env.timeout import StepTimeout
from rlkit.errors import UserError

# What `gymnasium.make` puts around an environment and does not look at an observation; its checker does.
_LEAVES_OBSERVATIONS_ALONE = (OrderEnforcing, TimeLimit)

MODE_KEY = "autoreset_mode"
"""Where Gymnasium keeps how a vector environment resets: in its metadata, and among the arguments of its maker."""


class FrameSkip(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Takes the same action for several steps and sums their rewards; stops where the episode ends.

    Args:
        env: A single environment.
        frames: Its steps per action.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], frames: int):
        super().__init__(env)
        self._frames = frames
        self._undrawn = Undrawn(env) if can_leave_undrawn(env) else None
        rate = self.metadata.get("render_fps")
        if rate:  # so that what is watched goes at the speed it went at
            self.metadata = {**self.metadata, "render_fps": rate / frames}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Take the action until the frames are through or the episode is."""
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


def can_leave_undrawn(env: gymnasium.Env[Any, Any]) -> bool:
    """Whether an environment is Gymnasium's CarRacing, watched by nobody, with nothing around it that sees pictures.

    It spends 96 % of a step on drawing (measured with Gymnasium 1.4), which changes nothing of the race.
    """
    base = env.unwrapped
    kind = type(base)
    if (kind.__module__, kind.__name__) != ("gymnasium.envs.box2d.car_racing", "CarRacing"):
        return False
    while env is not base:
        if type(env) not in _LEAVES_OBSERVATIONS_ALONE:
            return False
        env = env.env  # type: ignore[attr-defined]
    return base.render_mode != "human" and hasattr(base, "_render")


class Undrawn:
    """Steps of Gymnasium's CarRacing without their pictures, and the picture of where it stands.

    Args:
        env: One for which `can_leave_undrawn` is true.
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
            del self._base._render  # the method of the class is back

    def observation(self) -> Any:
        """What the last step would have returned."""
        self._base.state = self._base._render("state_pixels")
        return self._base.state


def _draw_nothing(mode: str) -> None:
    """Stand in for what draws."""


class Watched(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Tells an alarm when one of several environments begins a call.

    Args:
        env: A single environment.
        alarm: Who watches it.
        index: Which one it is.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], alarm: StepTimeout, index: int):
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


class TimedSyncVectorEnv(SyncVectorEnv):
    """Steps single environments one after the other, and interrupts one that does not come back.

    Args:
        make: Makes one.
        num_envs: N.
        alarm: Who watches them.

    Raises:
        DescribedError: One takes too long, then or later.
    """

    def __init__(self, make: Callable[[], gymnasium.Env[Any, Any]], num_envs: int, alarm: StepTimeout):
        self._alarm = alarm

        def watched(index: int) -> gymnasium.Env[Any, Any]:
            alarm.begin(index)
            return Watched(make(), alarm, index)

        makers = [partial(watched, index) for index in range(num_envs)]
        # No copy: `observations.convert` makes one.
        alarm.watch(super().__init__, makers, copy=False, autoreset_mode=AutoresetMode.DISABLED)

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        """Reset the environments in `options["reset_mask"]`, or all."""
        return self._alarm.watch(super().reset, **arguments)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Step each environment; none is reset."""
        return self._alarm.watch(super().step, actions)


class ListVectorEnv(VectorEnv[Any, Any, Any]):
    """Joins vector environments of one environment each, so that each is reset alone and from a seed.

    Args:
        batches: Each with `num_envs == 1`; their `metadata["autoreset_mode"]` says how they would reset. Next-step
            resets never come about, because the batch is reset before its next step; same-step resets are undone by
            taking the last observation from `infos["final_obs"]` and resetting again from the seed.
        alarm: Interrupts one that takes too long.

    Raises:
        UserError: The batches do not say how they reset.
    """

    def __init__(self, batches: Sequence[VectorEnv[Any, Any, Any]], alarm: StepTimeout):
        self.batches = list(batches)
        self._alarm = alarm
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

    def _final(self, batch: VectorEnv[Any, Any, Any], info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
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

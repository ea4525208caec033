"""Vector environments that insist on resetting by themselves, joined so that each is reset when we say so."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from rlkit.alarm import Alarm
from rlkit.errors import UserError

MODE_KEY = "autoreset_mode"
"""Where Gymnasium keeps how a vector environment resets: in its metadata, and among the arguments of its maker."""


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

    def __init__(self, batches: Sequence[VectorEnv[Any, Any, Any]], alarm: Alarm):
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

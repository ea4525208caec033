"""Driving as a Gymnasium vector environment: N cars, stepped by one compiled call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit_envs.driving.config import DrivingConfig, check_integer
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.simulator import Outcome
from rlkit_envs.driving.spaces import (
    METADATA,
    check_rendering,
    make_action_space,
    make_observation_space,
    metadata_of,
    reset_options,
)
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, GAMEPAD_AXES, keys_to_action
from rlkit_envs.utils import Keys, available_cores, checked_autoreset_mode, checked_mask, checked_seeds, shows_fields

if TYPE_CHECKING:
    from rlkit_envs.driving.render.cameras import Cameras

# Methods that give one value per car.
_PER_CAR = ("expert_action", "telemetry", "situation", "map_outline", "get_state", "render", "render_between")


@shows_fields(DrivingConfig)
class DrivingVectorEnv(VectorEnv[Any, Any, Any]):
    """N cars, each on a circuit of its own, stepped by one compiled call; row by row the same as ``DrivingEnv``.

    Description, Action Space, Observation Space, Rewards, Starting State, Episode End:
        Those of ``DrivingEnv``, with a leading axis of length N; ``infos["rewards"]`` holds (N,) float64 terms.

    Autoreset:
        None by default (``AutoresetMode.DISABLED``): call ``reset(options={"reset_mask": mask})`` for episodes that
        ended. Do not write to observations: after the reset of some cars, those of the others are copied from them.

    Arguments:
        num_envs: N, the number of cars.
        autoreset_mode: ``disabled``, or ``next_step`` for libraries that expect Gymnasium's default.
        num_threads: Threads that share 256 cars or more; None for all cores. Results do not depend on it.
        render_mode: ``rgb_array``, ``human`` (shows the first car) or None.
        render_size: Width and height of rendered images, in pixels.
        **kwargs: See ``DrivingConfig``.

    Raises:
        ValueError: An argument is out of range, or the file of a circuit is invalid.
    """

    metadata: dict[str, Any] = METADATA | {"autoreset_mode": AutoresetMode.DISABLED}
    action_names = ACTION_NAMES

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
        num_threads: int | None = None,
        render_mode: str | None = None,
        render_size: tuple[int, int] = (960, 640),
        **kwargs: Any,
    ):
        check_integer("num_envs", num_envs, 1, 1_000_000)
        if num_threads is not None:
            check_integer("num_threads", num_threads, 1, 256)
        check_rendering(render_mode, render_size)
        self._render_size = render_size
        self._cameras: Cameras | None = None
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.autoreset_mode = checked_autoreset_mode(autoreset_mode)
        self.episodes = self._make_episodes(num_envs, DrivingConfig(**kwargs), num_threads or available_cores())
        config = self.episodes.config
        self.metadata = metadata_of(config) | {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = make_observation_space(config)
        self.single_action_space = make_action_space(config)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators: list[np.random.Generator | None] = [None] * num_envs

    def _make_episodes(self, num_envs: int, config: DrivingConfig, num_threads: int) -> Episodes:
        return Episodes(num_envs, config, num_threads)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | npt.NDArray[np.integer[Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes, of all cars or of those in a mask.

        Args:
            seed: One per car, or one number: car i then gets ``seed + i``. None: continue with the present generators.
            options: ``reset_mask``, (N,) bool array of the cars to reset; ``circuit``, a number or file for all, or a
                list with one per car; ``mirrored``, True to mirror these episodes.

        Returns:
            Observations of all cars, and infos of those that were reset.

        Raises:
            ValueError: The mask, the seeds or the options are invalid.
        """
        circuit, mirrored = reset_options(options)
        mask = checked_mask((options or {}).get("reset_mask"), self.num_envs)
        seeds = checked_seeds(seed, self.num_envs)
        circuits = circuit if isinstance(circuit, list | tuple) else [circuit] * self.num_envs
        if len(circuits) != self.num_envs:
            raise ValueError(f"options['circuit'] has {len(circuits)} entries; {self.num_envs} are expected")
        for i in np.flatnonzero(mask):
            self._begin(int(i), seeds[i], circuits[i], mirrored)
        self.update_window()
        return self.episodes.observe(), self._infos(mask.copy())

    def _begin(self, i: int, seed: int | None, circuit: Any = None, mirrored: bool = False) -> None:
        generator = self._generators[i]
        if generator is None or seed is not None:
            generator = self._generators[i] = gymnasium.utils.seeding.np_random(seed)[0]
        self.episodes.begin(i, generator, seed, circuit, mirrored)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out one decision of each car.

        Args:
            actions: (N,) indices of ``action_names``, or (N, 2) steering and pedal.

        Returns:
            Observations, (N,) float32 rewards, (N,) bool terminated, (N,) bool truncated, infos; all arrays are new.

        Raises:
            ResetNeeded: An episode is over and has not been reset.
            ValueError: These are not actions.
        """
        self._check_running("step")
        over = np.flatnonzero(self.episodes.simulator.cars["ended"])
        if len(over) and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of environments {over[:10].tolist()} are over: "
                "call reset(options={'reset_mask': mask}), or make the environment with autoreset_mode='next_step'"
            )
        outcome = self.episodes.step(actions)
        for i in over:  # next-step autoreset: the action of these cars is ignored
            self._begin(int(i), None)
            outcome.clear(int(i))
        mask = np.ones(self.num_envs, dtype=np.bool_)
        infos = self._infos(mask)
        infos["rewards"], infos["_rewards"] = self._rewards(outcome, mask), mask
        for i in np.flatnonzero(outcome.terminated | outcome.truncated):
            infos = self._add_info(infos, self.episodes.ending(int(i), outcome), int(i))
        self.update_window()
        rewards = outcome.rewards.astype(np.float32, copy=False)
        return self.episodes.observe(), rewards, outcome.terminated, outcome.truncated, infos

    def _infos(self, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for key, rows in self.episodes.report().items():
            infos[key], infos["_" + key] = rows, mask
        return infos

    def _rewards(self, outcome: Outcome, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        rewards: dict[str, Any] = {}
        for name in outcome.terms.dtype.names or ():
            rewards[name], rewards["_" + name] = outcome.terms[name], mask
        return rewards

    def update_window(self) -> None:
        """With ``render_mode="human"``, show the first car as it is now."""
        if self.render_mode == "human":
            self.cameras.show()

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Draw each car and its surroundings.

        Returns:
            (H, W, 3) uint8 per car with ``rgb_array``; None with ``human``, whose window shows the first car.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render mode: make the environment with render_mode='rgb_array'")
            return None
        self._check_running("render")
        if self.render_mode == "human":
            return None
        return tuple(self.cameras.picture(i) for i in range(self.num_envs))

    def render_between(self, share: float) -> tuple[npt.NDArray[np.uint8], ...]:
        """Draw each car between the last two decisions: share 0 is before, 1 is now."""
        self._check_running("render_between")
        return tuple(self.cameras.picture(i, share) for i in range(self.num_envs))

    def expert_action(self) -> tuple[Any, ...]:
        """For each car the action of a scripted, very good driver."""
        return tuple(self.episodes.expert_action(i) for i in range(self.num_envs))

    def telemetry(self) -> tuple[dict[str, dict[str, Any]], ...]:
        """For each car its instrument readings: name to ``value``, ``unit``, ``low`` and ``high``."""
        return tuple(self.episodes.telemetry(i) for i in range(self.num_envs))

    def situation(self) -> tuple[dict[str, Any], ...]:
        """For each car its motion, the road ahead and the weather; see ``Episodes.situation``."""
        return tuple(self.episodes.situation(i) for i in range(self.num_envs))

    def map_outline(self) -> tuple[dict[str, npt.NDArray[np.float64]], ...]:
        """For each car ``left``, ``right`` and ``centre`` of its circuit: closed lines (n, 2) in metres."""
        return tuple(self.episodes.map_outline(i) for i in range(self.num_envs))

    def get_state(self) -> tuple[dict[str, Any], ...]:
        """For each car the whole state of its episode, as numbers and text that JSON can hold."""
        states = []
        for i, generator in enumerate(self._generators):
            if generator is None:
                raise ResetNeeded("get_state() before the first reset(): call reset() first")
            states.append(self.episodes.get_state(i) | {"random": generator.bit_generator.state})
        return tuple(states)

    def set_state(self, states: Sequence[dict[str, Any]]) -> None:
        """Restore what ``get_state`` returned, also in another environment made with the same arguments."""
        if len(states) != self.num_envs:
            raise ValueError(f"{len(states)} states are given; {self.num_envs} are expected")
        for i, state in enumerate(states):
            self.episodes.set_state(i, state)
            generator = np.random.Generator(np.random.PCG64())
            generator.bit_generator.state = state["random"]
            self._generators[i] = generator

    def get_keys_to_action(self) -> dict[Keys, Any]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        return keys_to_action(self.episodes.config.actions)

    @property
    def gamepad_axes(self) -> tuple[dict[str, float], ...]:
        """Axes of a gamepad for each entry of a continuous action: the stick steers, the triggers are pedals."""
        return GAMEPAD_AXES

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Call a method, or read an attribute, of every car's environment, as Gymnasium's ``SyncVectorEnv`` does.

        Returns:
            One value per car.

        Raises:
            AttributeError: There is no such method or attribute.
        """
        found = getattr(self, name)
        if name in _PER_CAR:
            values: tuple[Any, ...] = found(*args, **kwargs)
            return values
        return (found(*args, **kwargs) if callable(found) else found,) * self.num_envs

    def _check_running(self, method: str) -> None:
        if (self.episodes.simulator.cars["slot"] < 0).any():
            raise ResetNeeded(f"{method}() before the first reset(): call reset() first")

    @property
    def cameras(self) -> "Cameras":
        """What renders the cars; made when it is first needed, because it imports pygame."""
        if self._cameras is None:
            from rlkit_envs.driving.render.cameras import Cameras

            self._cameras = Cameras(self.episodes, self._render_size)
        return self._cameras

    def __getstate__(self) -> dict[str, Any]:
        """State for ``copy.deepcopy``: a copy makes a renderer of its own when it is first needed."""
        return self.__dict__ | {"_cameras": None}

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window and stop the threads."""
        if self._cameras is not None:
            self._cameras.close()
        self.episodes.simulator.close()

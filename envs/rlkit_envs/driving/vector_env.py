"""Driving as a Gymnasium vector environment: many cars, stepped in one compiled call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlkit_envs.driving.config import Settings, check_integer
from rlkit_envs.driving.episodes import Episodes
from rlkit_envs.driving.spaces import (
    METADATA,
    check_rendering,
    checked_actions,
    make_action_space,
    make_cameras,
    make_observation_space,
    metadata_of,
    reset_options,
)
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, keys_to_action
from rlkit_envs.utils import available_cores, checked_autoreset_mode, checked_mask, checked_seeds, shows_fields

if TYPE_CHECKING:
    from rlkit_envs.driving.render.cameras import Cameras


@shows_fields(Settings)
class DrivingVectorEnv(VectorEnv[Any, Any, Any]):
    """Many cars on as many circuits, stepped in one compiled call; car by car the same as ``DrivingEnv``.

    By default nothing resets itself (``AutoresetMode.DISABLED``): call ``reset(options={"reset_mask": mask})`` for the
    episodes that ended. Observations that are handed out must not be changed in place: after a reset of some cars,
    those of the others are repeated from them.

    Args:
        num_envs: Number of cars.
        autoreset_mode: ``disabled``, or ``next_step`` for libraries that expect Gymnasium's default.
        num_threads: Threads that share 256 cars or more; None for all cores. Results do not depend on it.
        render_mode: ``rgb_array``, ``human`` (shows the first car) or None.
        render_size: Width and height of rendered pictures, in pixels.
        **kwargs: See ``Settings``.

    Raises:
        ValueError: A value is out of range, or a circuit's file cannot be used.
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
        self.episodes = Episodes(num_envs, Settings(**kwargs), num_threads or available_cores())
        self.metadata = metadata_of(self.episodes.settings) | {"autoreset_mode": self.autoreset_mode}
        self.single_observation_space = make_observation_space(self.episodes.settings)
        self.single_action_space = make_action_space(self.episodes.settings)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._randoms: list[np.random.Generator | None] = [None] * num_envs

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | npt.NDArray[np.integer[Any]] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes, of all cars or of those in a mask.

        Args:
            seed: One per car, or one number: car i then gets ``seed + i``. None goes on drawing.
            options: ``reset_mask``, (N,) bool array of the cars to reset; ``circuit``, a number or file for them all,
                or a list with one per car; ``mirrored``, True for the mirror images of all these episodes.

        Returns:
            Observations of all cars, and infos of those that were reset.

        Raises:
            ValueError: The mask or the seeds do not fit.
        """
        circuit, mirrored = reset_options(options)
        mask = checked_mask((options or {}).get("reset_mask"), self.num_envs)
        seeds = checked_seeds(seed, self.num_envs)
        circuits = circuit if isinstance(circuit, list | tuple) else [circuit] * self.num_envs
        if len(circuits) != self.num_envs:
            raise ValueError(f"options['circuit'] has {len(circuits)} entries; {self.num_envs} are expected")
        for i in np.flatnonzero(mask):
            self._begin(int(i), seeds[i], circuits[i], mirrored)
        if self.render_mode == "human":
            self._made_cameras().show()
        return self.episodes.observe(), self._infos(mask)

    def _begin(self, i: int, seed: int | None, circuit: Any = None, mirrored: bool = False) -> None:
        random = self._randoms[i]
        if random is None or seed is not None:
            random = self._randoms[i] = gymnasium.utils.seeding.np_random(seed)[0]
        self.episodes.begin(i, random, seed, circuit, mirrored)

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out one decision of each car.

        Args:
            actions: (N,) numbers of ``action_names``.

        Returns:
            Observations, (N,) float32 rewards, (N,) bool terminated, (N,) bool truncated, infos; all arrays are new.

        Raises:
            ResetNeeded: An episode is over and has not been reset.
            ValueError: There is no such action.
        """
        cars = self.episodes.simulator.cars
        checked = checked_actions(actions, self.num_envs, self.episodes.settings.actions)
        self._check_running("step")
        over = np.flatnonzero(cars["ended"])
        if len(over) and self.autoreset_mode is AutoresetMode.DISABLED:
            raise ResetNeeded(
                f"the episodes of environments {over[:10].tolist()} are over: "
                "call reset(options={'reset_mask': mask}), or make the environment with autoreset_mode='next_step'"
            )
        outcome = self.episodes.step(checked)
        for i in over:  # Next-step autoreset: their action is ignored
            self._begin(int(i), None)
            outcome.rewards[i] = 0.0
            outcome.terminated[i] = outcome.truncated[i] = False
        infos = self._infos(np.ones(self.num_envs, dtype=np.bool_))
        for i in np.flatnonzero(outcome.terminated | outcome.truncated):
            infos = self._add_info(infos, self.episodes.ending(int(i), outcome), int(i))
        if self.render_mode == "human":
            self._made_cameras().show()
        return self.episodes.observe(), outcome.rewards, outcome.terminated, outcome.truncated, infos

    def _infos(self, mask: npt.NDArray[np.bool_]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for key, rows in self.episodes.report().items():
            infos[key], infos["_" + key] = rows, mask.copy()
        return infos

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """Draw each car and its surroundings for people.

        Returns:
            (H, W, 3) uint8 per car with ``rgb_array``; None with ``human``, whose window shows the first car.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs a render mode: make_vec('rlkit/Driving-v0', render_mode='rgb_array')")
            return None
        self._check_running("render")
        if self.render_mode == "human":
            return None
        return tuple(self._made_cameras().picture(i) for i in range(self.num_envs))

    def render_between(self, share: float) -> tuple[npt.NDArray[np.uint8], ...]:
        """Draw each car on its way through the last decision: share 0 is before, 1 is now."""
        self._check_running("render_between")
        return tuple(self._made_cameras().picture(i, share) for i in range(self.num_envs))

    def expert_action(self) -> tuple[Any, ...]:
        """For each car the action that a scripted, very good driver would choose now; see ``DrivingEnv``."""
        return tuple(self.episodes.expert_action(i) for i in range(self.num_envs))

    def telemetry(self) -> tuple[dict[str, dict[str, Any]], ...]:
        """For each car its instruments' readings: name to ``value``, ``unit``, ``low`` and ``high``."""
        return tuple(self.episodes.telemetry(i) for i in range(self.num_envs))

    def map_outline(self) -> tuple[dict[str, npt.NDArray[np.float64]], ...]:
        """For each car ``left``, ``right`` and ``centre`` of its circuit: closed lines (n, 2) in metres."""
        return tuple(self.episodes.map_outline(i) for i in range(self.num_envs))

    def get_state(self) -> tuple[dict[str, Any], ...]:
        """For each car everything that decides what it does next, as plain numbers and text that JSON can hold."""
        states = []
        for i, random in enumerate(self._randoms):
            if random is None:
                raise ResetNeeded("get_state() before the first reset(): call reset() first")
            states.append(self.episodes.get_state(i) | {"random": random.bit_generator.state})
        return tuple(states)

    def set_state(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from what ``get_state`` gave, also in another environment made with the same arguments."""
        if len(states) != self.num_envs:
            raise ValueError(f"{len(states)} states are given; {self.num_envs} are expected")
        for i, state in enumerate(states):
            self.episodes.set_state(i, state)
            random = np.random.Generator(np.random.PCG64())
            random.bit_generator.state = state["random"]
            self._randoms[i] = random

    def get_keys_to_action(self) -> dict[tuple[int, ...], int]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        return keys_to_action()

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Ask every car the same, as in Gymnasium's ``SyncVectorEnv``: a method of ``DrivingEnv`` or an attribute.

        Returns:
            One answer per car.

        Raises:
            AttributeError: There is no such method or attribute.
        """
        asked = getattr(self, name)
        if name in ("expert_action", "telemetry", "map_outline", "get_state", "render", "render_between"):
            answers: tuple[Any, ...] = asked(*args, **kwargs)
            return answers
        return (asked(*args, **kwargs) if callable(asked) else asked,) * self.num_envs

    def _check_running(self, doing: str) -> None:
        if (self.episodes.simulator.cars["slot"] < 0).any():
            raise ResetNeeded(f"{doing}() before the first reset(): call reset() first")

    def _made_cameras(self) -> "Cameras":
        if self._cameras is None:
            self._cameras = make_cameras(self.episodes, self._render_size)
        return self._cameras

    def close_extras(self, **kwargs: Any) -> None:
        """Close the window and let the threads go."""
        if self._cameras is not None:
            self._cameras.close()
        self.episodes.simulator.close()

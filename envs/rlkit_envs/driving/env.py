"""Driving as a Gymnasium environment: one row of ``DrivingVectorEnv``."""

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from rlkit_envs.driving.config import DrivingConfig
from rlkit_envs.driving.simulator import Outcome
from rlkit_envs.driving.spaces import METADATA, reset_options
from rlkit_envs.driving.vector_env import DrivingVectorEnv
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES
from rlkit_envs.utils import Keys, shows_fields


@shows_fields(DrivingConfig)
class DrivingEnv(gymnasium.Env[Any, Any]):
    """One car that is to drive one lap of a circuit.

    Description:
        A closed circuit, procedural or from a file, a single-track model with tyres that slide, and on request weather
        and traffic. ``rlkit/Driving-v0``, ``DrivingCamera-v0``, ``DrivingTraffic-v0``, ``DrivingTrafficCamera-v0``,
        ``DrivingRace-v0`` and ``DrivingContinuous-v0`` differ in their default arguments only.

    Action Space:
        ``Discrete(15)``: five steering levels, each with brake, coast and accelerate; see ``action_names``. A full
        steering command is what the tyres can use at the present speed. With ``actions="continuous"``
        ``Box(-1, 1, (2,), float32)``: steering (1 is left) and pedal (1 full throttle, -1 full brakes). An action lasts
        ``decision_time``, 0.1 s.

    Observation Space:
        ``Dict`` with an entry for each of ``sensors``, by default ``birdview`` and ``state``:

        | sensor       | shape, type        | content                                                                  |
        |--------------|--------------------|--------------------------------------------------------------------------|
        | birdview     | (24, 24, 1) uint8  | road around the car from above, driving direction up                     |
        | state        | (3,) float32       | speed, steering, yaw rate as shares of their scales, left positive       |
        | camera       | (96, 128, 3) uint8 | front camera, RGB                                                        |
        | segmentation | (96, 128) uint8    | class of each pixel of the camera; ``metadata["classes"]`` has the names |
        | boxes        | (16, 11) float32   | cars and cones in the camera's picture; ``metadata["box_labels"]``       |
        | lidar        | (19,) float32      | distances in metres, from right to left                                  |
        | preview      | (65,) float32      | slip, position on the road, borders and curves of the next seconds       |

        With ``observation="picture"`` a ``Box`` of one image.

    Rewards:
        The sum of six terms, which ``info["rewards"]`` reports in each step: progress along the centre line (100 for a
        lap, negative backwards), and penalties for leaving the road, nearness to its border, collisions, jerk and
        changes of steering. Those of jerk and steering are 0 by default, that of the border depends on the id.
        Formulas: ``reward.sum_rewards``.

    Starting State:
        On the train split a random circuit out of ``num_circuits`` and a random place on it, up to 3 m off the centre
        line, turned by up to 0.3 rad, at rest or moving at up to 95 % of the reference lap's speed there; on the test
        split the circuit with the number of the seed, at rest at the start line. See ``start``.

    Episode End:
        Terminated: two wheels off the road, or a collision with another car. Truncated: lap finished, 10 s without
        progress, or out of time. The last info holds the metrics of the lap.

    Arguments:
        render_mode: ``rgb_array``, ``human`` or None.
        render_size: Width and height of rendered images, in pixels.
        **kwargs: See ``DrivingConfig``.

    Raises:
        ValueError: An argument is out of range, or the file of a circuit is invalid.
    """

    metadata: dict[str, Any] = METADATA
    action_names = ACTION_NAMES
    vector_type: type[DrivingVectorEnv] = DrivingVectorEnv

    def __init__(self, render_mode: str | None = None, render_size: tuple[int, int] = (960, 640), **kwargs: Any):
        self._batch = self.vector_type(num_threads=1, render_mode=render_mode, render_size=render_size, **kwargs)
        self.render_mode = render_mode
        self.episodes = self._batch.episodes
        self.metadata = {key: value for key, value in self._batch.metadata.items() if key != "autoreset_mode"}
        self.observation_space = self._batch.single_observation_space
        self.action_space = self._batch.single_action_space
        self._action_shape = (1, -1) if self.action_space.shape else (1,)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Determines circuit and start; on the test split it is the number of the circuit. None: continue with
                the present random generator.
            options: ``{"circuit": number or file}`` chooses the circuit of this episode; ``{"mirrored": True}`` mirrors
                the episode: left becomes right.
        """
        super().reset(seed=seed)
        self.episodes.begin(0, self.np_random, seed, *reset_options(options))
        self._batch.update_window()
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out one decision.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            ValueError: This is not an action.
        """
        cars = self.episodes.simulator.cars
        if cars[0]["slot"] < 0 or cars[0]["ended"]:
            raise ResetNeeded("step() without a running episode: call reset() first")
        outcome = self.episodes.step(np.reshape(action, self._action_shape))
        self._batch.update_window()
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        return self._observation(), float(outcome.rewards[0]), terminated, truncated, self._info(outcome)

    def render(self) -> Any:
        """Draw the car and its surroundings.

        Returns:
            (H, W, 3) uint8 with ``rgb_array``; None with ``human``, whose window ``step`` and ``reset`` update.
        """
        images = self._batch.render()
        return None if images is None else images[0]

    def render_between(self, share: float) -> npt.NDArray[np.uint8]:
        """Draw the car between the last two decisions, for smooth videos: share 0 is before, 1 is now.

        Returns:
            (H, W, 3) uint8; at the start of an episode, the car as it is now.
        """
        return self._batch.render_between(share)[0]

    def expert_action(self) -> Any:
        """Action of a scripted, very good driver: an integer, or (2,) float if continuous."""
        return self.episodes.expert_action(0)

    def telemetry(self) -> dict[str, dict[str, Any]]:
        """Instrument readings: name to ``value``, ``unit``, and ``low`` and ``high`` end of the scale."""
        return self.episodes.telemetry(0)

    def situation(self) -> dict[str, Any]:
        """Motion of the car, the road ahead and the weather; see ``Episodes.situation``."""
        return self.episodes.situation(0)

    def map_outline(self) -> dict[str, npt.NDArray[np.float64]]:
        """``left``, ``right`` and ``centre`` of the circuit: closed lines (n, 2) in metres."""
        return self.episodes.map_outline(0)

    def get_state(self) -> dict[str, Any]:
        """The whole state of the episode, as numbers and text that JSON can hold."""
        return self.episodes.get_state(0) | {"random": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restore what ``get_state`` returned, also in another environment made with the same arguments."""
        self.episodes.set_state(0, state)
        self.np_random.bit_generator.state = state["random"]

    def set_ghost(self, poses: npt.NDArray[np.float64] | None) -> None:
        """Draw the car of an earlier drive on this circuit beside this one, with the lead; observations do not show it.

        Args:
            poses: (n, 3) x, y (m) and heading (rad), as ``info["pose"]`` gave them after reset and each step; None for
                no ghost.

        Raises:
            ValueError: The poses are not of that form.
        """
        self._batch.cameras.set_ghost(0, poses)

    @property
    def gamepad_axes(self) -> tuple[dict[str, float], ...]:
        """Axes of a gamepad for each entry of a continuous action: the stick steers, the triggers are pedals."""
        return self._batch.gamepad_axes

    def get_keys_to_action(self) -> dict[Keys, Any]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        return self._batch.get_keys_to_action()

    def close(self) -> None:
        """Close the window."""
        self._batch.close_extras()

    def _observation(self) -> Any:
        rows = self.episodes.observe()
        return {name: array[0] for name, array in rows.items()} if isinstance(rows, dict) else rows[0]

    def _info(self, outcome: Outcome | None = None) -> dict[str, Any]:
        info = {key: rows[0] if rows.ndim > 1 else rows.item() for key, rows in self.episodes.report().items()}
        if outcome is not None:
            info["rewards"] = dict(zip(outcome.terms.dtype.names or (), outcome.terms.item(), strict=True))
            if outcome.terminated[0] or outcome.truncated[0]:
                info |= self.episodes.ending(0, outcome)
        return info

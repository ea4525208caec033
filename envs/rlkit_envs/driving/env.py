"""Driving as a Gymnasium environment: one car, one lap."""

from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded

from rlkit_envs.driving.config import Settings
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
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES, COMMANDS, GAMEPAD_AXES, keys_to_action
from rlkit_envs.utils import shows_fields

if TYPE_CHECKING:
    from rlkit_envs.driving.render.cameras import Cameras


@shows_fields(Settings)
class DrivingEnv(gymnasium.Env[Any, Any]):
    """Drive one lap of a circuit, by steering and pedals, on what the car's sensors see.

    Observation (``observation="dict"``): a Dict of the car's ``sensors``, by default ``birdview`` (24, 24, 1) uint8,
    the road around the car, which drives upwards, and ``state`` (3,) float32, speed, steering and yaw rate as shares of
    their scales, left positive. Others: ``camera`` (96, 128, 3) uint8, ``segmentation`` (96, 128) uint8 class numbers
    of its pixels, ``lidar`` (19,) float32 metres from right to left, ``preview`` (14,) float32 numbers about the road
    ahead.
    Actions: ``Discrete(15)``, five steering levels by brake, coast and accelerate, 10 decisions a second; a full
    steering command is what the tyres can use at the present speed. Or, with ``actions="continuous"``, a Box of
    steering (1 is left) and pedal (1 full throttle, -1 full brakes). Reward: progress along the centre line, 100 for a
    whole lap of whatever length, negative backwards, less penalties for leaving the road and for collisions. Ends: off
    the road with two wheels, or into another car (terminated); a lap finished, 10 s without progress, or out of time
    (truncated).

    Args:
        render_mode: ``rgb_array``, ``human`` or None.
        render_size: Width and height of rendered pictures, in pixels.
        **kwargs: See ``Settings``.

    Raises:
        ValueError: A value is out of range, or a circuit's file cannot be used.
    """

    metadata: dict[str, Any] = METADATA
    action_names = ACTION_NAMES

    def __init__(self, render_mode: str | None = None, render_size: tuple[int, int] = (960, 640), **kwargs: Any):
        check_rendering(render_mode, render_size)
        self.render_mode = render_mode
        self._render_size = render_size
        self._cameras: Cameras | None = None
        self.episodes = Episodes(1, Settings(**kwargs), num_threads=1)
        self.metadata = metadata_of(self.episodes.settings)
        self.observation_space = make_observation_space(self.episodes.settings)
        self.action_space = make_action_space(self.episodes.settings)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: Fixes circuit and start; on the test split it is the circuit's number. None goes on drawing.
            options: ``{"circuit": number or file}`` chooses the circuit of this episode; ``{"mirrored": True}`` makes
                it the mirror image of what it would be: what turned to the left turns to the right.
        """
        super().reset(seed=seed)
        self.episodes.begin(0, self.np_random, seed, *reset_options(options))
        if self.render_mode == "human":
            self._made_cameras().show()
        return self._observation(), self._info()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out one decision, which lasts 0.1 s.

        Raises:
            ResetNeeded: The episode is over, or none has begun.
            ValueError: There is no such action.
        """
        cars = self.episodes.simulator.cars
        if cars[0]["slot"] < 0 or cars[0]["ended"]:
            raise ResetNeeded("step() without a running episode: call reset() first")
        outcome = self.episodes.step(self._checked(action))
        info = self._info()
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        if terminated or truncated:
            info |= self.episodes.ending(0, outcome)
        if self.render_mode == "human":
            self._made_cameras().show()
        return self._observation(), float(outcome.rewards[0]), terminated, truncated, info

    def render(self) -> Any:
        """Draw the car and its surroundings for people.

        Returns:
            (H, W, 3) uint8 with ``rgb_array``; None with ``human``, whose window is drawn by ``step`` and ``reset``.
        """
        if self.render_mode is None:
            gymnasium.logger.warn(
                "render() needs a render mode: gymnasium.make('rlkit/Driving-v0', render_mode='rgb_array')"
            )
            return None
        self._check_running("render")
        return self._made_cameras().picture(0) if self.render_mode == "rgb_array" else None

    def render_between(self, share: float) -> npt.NDArray[np.uint8]:
        """Draw the car on its way through the last decision, for smooth films: share 0 is before, 1 is now.

        Returns:
            (H, W, 3) uint8; now, where an episode has just begun.
        """
        self._check_running("render_between")
        return self._made_cameras().picture(0, share)

    def expert_action(self) -> Any:
        """The action that a scripted, very good driver would choose now: a number, or (2,) where continuous."""
        return self.episodes.expert_action(0)

    def telemetry(self) -> dict[str, dict[str, Any]]:
        """Instruments' readings: name to ``value``, ``unit``, ``low`` and ``high`` end of the scale."""
        return self.episodes.telemetry(0)

    def map_outline(self) -> dict[str, npt.NDArray[np.float64]]:
        """``left``, ``right`` and ``centre`` of the circuit: closed lines (n, 2) in metres."""
        return self.episodes.map_outline(0)

    def get_state(self) -> dict[str, Any]:
        """Everything that decides what happens next, as plain numbers and text that JSON can hold."""
        return self.episodes.get_state(0) | {"random": self.np_random.bit_generator.state}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``get_state`` gave, also in another environment made with the same arguments."""
        self.episodes.set_state(0, state)
        self.np_random.bit_generator.state = state["random"]

    def set_ghost(self, poses: npt.NDArray[np.float64] | None) -> None:
        """Draw somebody who drove this circuit before beside the car, and who is ahead; agents never see it.

        Args:
            poses: (n, 3) x, y (m) and heading (rad), as ``info["pose"]`` gave them at the beginning of an episode and
                after each decision; None for nobody.

        Raises:
            ValueError: The poses are not of that form.
        """
        self._made_cameras().set_ghost(0, poses)

    @property
    def gamepad_axes(self) -> tuple[dict[str, float], ...]:
        """Axes of a gamepad for each number of a continuous action: the stick steers, the triggers are pedals."""
        return GAMEPAD_AXES

    def get_keys_to_action(self) -> dict[tuple[int, ...], Any]:
        """Arrow keys for ``gymnasium.utils.play``: left and right steer, up accelerates, down brakes."""
        keys = keys_to_action()
        if self.episodes.settings.actions == "continuous":
            return {pressed: COMMANDS[action].astype(np.float32) for pressed, action in keys.items()}
        return dict(keys)

    def _checked(self, action: Any) -> npt.NDArray[Any]:
        kind = self.episodes.settings.actions
        return checked_actions(np.reshape(action, (1, -1) if kind == "continuous" else 1), 1, kind)

    def _check_running(self, doing: str) -> None:
        if self.episodes.simulator.cars[0]["slot"] < 0:
            raise ResetNeeded(f"{doing}() without an episode: call reset() first")

    def _made_cameras(self) -> "Cameras":
        if self._cameras is None:
            self._cameras = make_cameras(self.episodes, self._render_size)
        return self._cameras

    def _observation(self) -> Any:
        seen = self.episodes.observe()
        return {name: rows[0] for name, rows in seen.items()} if isinstance(seen, dict) else seen[0]

    def _info(self) -> dict[str, Any]:
        return {key: rows[0] if rows.ndim > 1 else rows[0].item() for key, rows in self.episodes.report().items()}

    def close(self) -> None:
        """Close the window and let the threads go."""
        if self._cameras is not None:
            self._cameras.close()
        self.episodes.simulator.close()

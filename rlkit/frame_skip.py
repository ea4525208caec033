"""The same action for several steps of an environment, and only the last picture drawn where the others cost time."""

from typing import Any

import gymnasium
from gymnasium.wrappers import OrderEnforcing, TimeLimit

# What `gymnasium.make` puts around an environment and does not look at an observation; its checker does.
_LEAVES_OBSERVATIONS_ALONE = (OrderEnforcing, TimeLimit)


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

"""Single environments stepped one after the other, each of which is interrupted where it takes too long."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rlkit.alarm import Alarm


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

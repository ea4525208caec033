"""A warning, once in a run, of rewards so large or small that values of the usual size cannot express them."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

LARGE, SMALL = 1e4, 1e-3  # sizes of the largest reward, scaled and clipped as the agent learns from it
MOST = 9  # powers of ten by which rewards are advised to be scaled; reward_scale has bounds
ENOUGH_STEPS, ENOUGH_REWARDS = 2_000, 100  # before rewards count as small


class RewardSize:
    """Observes the rewards of training until their size can be judged.

    Large ones are reported at the first; small ones after many that are not 0, so that rare rewards, which are 0 in
    most steps, are not taken for small ones.

    Args:
        environment: Id of the environment.
        hyperparameters: Of the agent; `reward_scale` and `reward_clip` are taken into account, and advised where it has
            them.
    """

    def __init__(self, environment: str, hyperparameters: Mapping[str, Any]):
        self._environment = environment
        self._options = [name for name in ("reward_scale", "reward_clip") if name in hyperparameters]
        self._scale = float(hyperparameters.get("reward_scale") or 1.0)
        clip = hyperparameters.get("reward_clip")
        self._clip = math.inf if clip is None else float(clip)
        self._largest = 0.0
        self._steps = self._rewarded = 0
        self._judged = False

    def observe(self, rewards: npt.NDArray[np.float32]) -> str | None:
        """Count one step of N environments, (N,) rewards; return the warning when it is due."""
        if self._judged:
            return None
        self._steps += len(rewards)
        self._rewarded += int(np.count_nonzero(rewards))
        self._largest = max(self._largest, float(np.abs(rewards).max()))
        learned = min(self._largest * self._scale, self._clip)
        if learned > LARGE:
            self._judged = True
            return self._advice("so large that values are learned slowly or diverge", "reward_clip=1")
        if self._steps >= ENOUGH_STEPS and self._rewarded >= ENOUGH_REWARDS:
            self._judged = True
            if learned < SMALL:
                return self._advice("so small that values hardly differ from errors of the network", None)
        return None

    def _advice(self, reason: str, clipping: str | None) -> str:
        exponent = -MOST if math.isinf(self._largest) else round(-math.log10(self._largest))
        scale = f"{10.0 ** max(-MOST, min(exponent, MOST)):g}"
        ways = [f"scale them, such as --set reward_scale={scale}"] if "reward_scale" in self._options else []
        ways += [f"clip them by --set {clipping}"] if clipping and "reward_clip" in self._options else []
        ways = ways or [f"multiply them in the environment, such as by {scale}"]
        return (
            f"the largest reward of {self._environment} so far is {self._largest:.3g} in size"
            f"{f', learned as {self._largest * self._scale:.3g}' if self._scale != 1 else ''}, {reason}: "
            f"{', or '.join(ways)} (scores are reported as they are)"
        )

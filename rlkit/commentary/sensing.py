"""`Sensing`: reads the moments of N environments, and keeps those of the last interval with their pictures."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit import capabilities
from rlkit.commentary.facts import Facts
from rlkit.commentary.moments import INTERVAL, Moment, facts_of, group_values, signals_of
from rlkit.env.vector import VecEnv
from rlkit.errors import UserError
from rlkit.spaces import Pixels

FRAMES = 2  # pictures of an example: now, and an interval ago
DEFAULT_RATE = 10.0  # decisions per second, where metadata["render_fps"] is missing
BOX_FIELDS = ("distance", "bearing", "relative_speed", "speed", "occlusion")


class Sensing:
    """The last moments of N environments, whose cars a commentary describes.

    Args:
        environments: N of them, with `situation()` and the observations `camera` and `boxes`.

    Raises:
        UserError: They lack one of these.
    """

    def __init__(self, environments: VecEnv):
        labels = capabilities.box_labels(environments.metadata, environments.single_observation_space)
        missing = [] if environments.offers("situation") else ["a method situation()"]
        missing += [] if "camera" in _keys(environments) else ["an observation 'camera'"]
        missing += [] if labels is not None else ["an observation 'boxes'"]
        if missing:
            raise UserError(
                f"{environments.config.id} has no facts for a commentary: it needs {' and '.join(missing)}. "
                "rlkit/DrivingTrafficCamera-v0 has them; other driving environments have the two observations with "
                "sensors=...,camera,boxes."
            )
        assert labels is not None
        lacking = [field for field in BOX_FIELDS if field not in labels.fields]
        if lacking:
            raise UserError(
                f"The boxes of {environments.config.id} lack {', '.join(lacking)}, which a commentary needs."
            )
        self._environments = environments
        self._classes = labels.classes
        self._controls = capabilities.action_controls(environments.metadata, environments.spaces.num_actions)
        rate = float(environments.metadata.get("render_fps") or DEFAULT_RATE)
        self.decision_time = 1.0 / rate  # s
        self.length = 1 + max(1, round(INTERVAL * rate))
        """Moments of an interval."""
        self._windows: list[deque[tuple[Moment, Pixels]]] = [
            deque(maxlen=self.length) for _ in range(environments.num_envs)
        ]

    def begin(self, mask: npt.NDArray[np.bool_] | None = None) -> None:
        """Forget the moments of environments that were reset: those of the mask (N,), or all."""
        for index, window in enumerate(self._windows):
            if mask is None or mask[index]:
                window.clear()

    def read(self, q: npt.NDArray[np.float32] | None) -> None:
        """Read the present moment of each environment.

        Args:
            q: (N, A) Q-values of the present observations; None for a driver without.

        Raises:
            UserError: What the environment gives is malformed.
        """
        for index, offered in enumerate(self._environments.call("situation")):
            boxed = self._environments.boxed(index)
            assert boxed is not None
            values = group_values(None if q is None else q[index], self._controls)
            moment = Moment(capabilities.situation(offered), boxed.boxes, self._classes, values)
            self._windows[index].append((moment, boxed.image))

    def is_ready(self, index: int) -> bool:
        """Whether an environment's moments span the whole interval."""
        return len(self._windows[index]) == self.length

    def facts(self, index: int) -> Facts:
        """What is true in one environment now."""
        return facts_of(self._moments(index))

    def signals(self, index: int) -> npt.NDArray[np.float32]:
        """The numbers (S,) that the driver itself knows now, of `moments.SIGNALS`."""
        return signals_of(self._moments(index))

    def pictures(self, index: int) -> tuple[Pixels, Pixels]:
        """The pictures (H, W, 3) of now and an interval ago; of each moment always the same array."""
        window = self._windows[index]
        return window[-1][1], window[0][1]

    def _moments(self, index: int) -> Sequence[Moment]:
        return [moment for moment, _ in self._windows[index]]


def _keys(environments: VecEnv) -> Sequence[Any]:
    spaces = getattr(environments.single_observation_space, "spaces", ())
    return list(spaces) if isinstance(spaces, dict) else []

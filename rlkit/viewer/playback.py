"""Run a greedy agent in one environment at a chosen pace, and give a frame of every moment."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent, Inspection
from rlkit.capabilities import Reading, readings
from rlkit.errors import UserError
from rlkit.spaces import Observations
from rlkit.viewer.frame import DEFAULT_RATE, Frame, Metric, short_name

if TYPE_CHECKING:
    from rlkit.env.vector import Step, VecEnv

LOW, HIGH = 0.1, 0.9  # quantiles of the return

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Simulated over real time, as `slower` and `faster` select it."""

LINGER_SECONDS = 1.5  # how long the last frame of an episode stays on the screen


def return_spread(inspection: Inspection) -> npt.NDArray[np.float32] | None:
    """The 10 % and 90 % quantiles of each action's return for the first observation.

    Returns:
        (A, 2) float32; None if the agent estimates the mean only.
    """
    if inspection.quantiles is not None:
        ends: npt.NDArray[np.float32] = np.quantile(inspection.quantiles[0], (LOW, HIGH), axis=1).T.astype(np.float32)
        return ends
    if inspection.support is None or inspection.probabilities is None:
        return None
    below = np.cumsum(inspection.probabilities[0], axis=1)
    places = np.stack([(below < share).sum(axis=1) for share in (LOW, HIGH)], axis=1)
    found: npt.NDArray[np.float32] = inspection.support[np.minimum(places, len(inspection.support) - 1)].astype(
        np.float32
    )
    return found


@dataclass(frozen=True)
class Episode:
    """An episode to show, where a seed alone does not identify it.

    Args:
        seed: Its seed.
        environments: Its environment, such as that of one circuit file; must stay open as long as the playback. None
            for the playback's own.
        label: Its name; "" for "seed 7".
    """

    seed: int
    environments: "VecEnv | None" = None
    label: str = ""


class Narrator(Protocol):
    """Writes a commentary."""

    def begin(self, environments: "VecEnv") -> None:
        """Begin an episode in one environment."""
        ...

    def tell(self, q: npt.NDArray[np.float32] | None) -> str:
        """The sentence at the present decision, by the Q-values (1, A) if the agent has some."""
        ...


class Playback:
    """Runs a greedy agent in one environment, for windows, videos and notebooks.

    It draws no random number: the same seeds give the same frames. An episode of T decisions has T + 1 frames, since
    the last observation has one too.

    Args:
        environments: One environment (`num_envs` = 1) with `render_mode="rgb_array"`.
        agent: The agent.
        episodes: The seed of each episode, or an `Episode`, in order; may be endless.
        agent_name: Name of the agent; "" for that of its class.
        paused: Whether to begin paused.
        narrator: Writes a commentary; None for none.

    Raises:
        UserError: There is no episode, or no commentary on this environment.
    """

    def __init__(
        self,
        environments: "VecEnv",
        agent: Agent,
        episodes: Iterable[int | Episode],
        *,
        agent_name: str = "",
        paused: bool = False,
        narrator: Narrator | None = None,
    ):
        self.agent = agent
        self._narrator = narrator
        self._sentence: str | None = None
        self.agent_name = agent_name or type(agent).__name__
        self.paused = paused
        self.speed = 1.0
        self.version = 0
        """Increases with every change of what is shown."""
        self.moment = 0
        """Increases with every decision and every beginning of an episode."""
        self._own = environments
        self._returns: list[float] = []
        self._values: list[float] = []
        self._metrics: dict[str, Metric] = {}
        self._ended = ""
        self._due = 0.0  # decisions that are due
        self._lingered = 0.0  # s
        self._frame: Frame | None = None
        self._enter(environments)
        self._episodes: Iterator[int | Episode] = iter(episodes)
        self._number = 0
        self._exhausted = False
        if not self.next_episode():
            raise UserError("There is no episode to show: the list of seeds or circuits is empty.")

    @property
    def rate(self) -> float:
        """Decisions per simulated second."""
        return float(self.environments.metadata.get("render_fps") or DEFAULT_RATE)

    @property
    def over(self) -> bool:
        """Whether the episode has ended and its last frame is being shown."""
        return self._ended != ""

    @property
    def exhausted(self) -> bool:
        """Whether the last episode is over, as far as is known."""
        return self._exhausted and self.over

    def advance(self) -> bool:
        """Carry out one decision, or begin the next episode if this one is over.

        Returns:
            False if the last episode is over, else True.
        """
        if self.over:
            return self.next_episode()
        assert self._action is not None
        step = self.environments.step(np.array([self._action], dtype=np.int64))
        self._returns.append(self._returns[-1] + float(step.rewards[0]))
        if step.terminated[0] or step.truncated[0]:
            self._ended = "terminated" if step.terminated[0] else "truncated"
            self._metrics = self._episode_metrics(step)
        self._inspect(step.observations)
        return True

    def next_episode(self) -> bool:
        """Begin the next episode; return False, and change nothing, if there is none."""
        coming = next(self._episodes, None)
        if coming is None:
            self.version += not self._exhausted
            self._exhausted = True
            return False
        self._episode = coming if isinstance(coming, Episode) else Episode(int(coming))
        self._number += 1
        environments = self._episode.environments or self._own
        if environments is not self.environments:
            self._enter(environments)
        self._begin()
        return True

    def restart(self) -> None:
        """Begin this episode again."""
        self._begin()

    @property
    def smooth(self) -> bool:
        """Whether the environment can be drawn between two decisions."""
        return self.environments.offers("render_between")

    @property
    def share(self) -> float:
        """Fraction of the time to the next decision that has passed; 1 while paused or over."""
        return 1.0 if self.paused or self.over else min(self._due, 1.0)

    def frame(self, share: float = 1.0) -> Frame:
        """The present frame; the scene is rendered on first use.

        Args:
            share: Below 1, the scene is drawn that far between the last two decisions, if the environment is `smooth`.
        """
        frame = self._present()
        if share >= 1.0 or not self.smooth or frame.scene is None:
            return frame
        return dataclasses.replace(frame, scene=self.environments.render_between(share)[0].copy())

    def _present(self) -> Frame:
        if self._frame is None:
            environments = self.environments
            self._frame = Frame(
                environment=short_name(environments.config.id),
                agent=self.agent_name,
                episode=self._number,
                label=self._episode.label or f"seed {self._episode.seed}",
                step=len(self._returns) - 1,
                seconds=(len(self._returns) - 1) / self.rate,
                scene=self._scene(),
                inputs={name: leaf[0] for name, leaf in self._inputs.items()},
                as_network=self._as_network,
                leaves=environments.spaces.observations,
                reach={name: reach.copy() for name, reach in self._reach.items()},
                action_names=self._action_names,
                action=self._action,
                q=self._q,
                spread=self._spread,
                values=np.array(self._values, dtype=np.float32),
                returns=np.array(self._returns, dtype=np.float64),
                telemetry=self._telemetry(),
                ended=self._ended,
                metrics=self._metrics,
                perceived=environments.perceived(0),
                boxed=environments.boxed(0),
                sentence=self._sentence,
            )
        return self._frame

    def toggle_pause(self) -> None:
        """Pause or resume."""
        self.paused = not self.paused
        self.version += 1

    def single_step(self) -> None:
        """Carry out one decision and stay paused."""
        self.paused = True
        self.version += 1
        self.advance()

    def faster(self) -> None:
        """Go to the next higher speed, at most 16 times real time."""
        self.speed = next((speed for speed in SPEEDS if speed > self.speed), SPEEDS[-1])
        self.version += 1

    def slower(self) -> None:
        """Go to the next lower speed, at least a tenth of real time."""
        self.speed = next((speed for speed in reversed(SPEEDS) if speed < self.speed), SPEEDS[0])
        self.version += 1

    def elapse(self, seconds: float, *, budget: float = float("inf"), each: Callable[[], object] | None = None) -> int:
        """Carry out the decisions that are due after a span of wall-clock time at the present speed.

        Args:
            seconds: Wall-clock time since the last call.
            budget: Wall-clock seconds that this may take; decisions left by then are dropped, so that a slow machine
                plays slowly instead of freezing.
            each: Called after each decision.

        Returns:
            Number of decisions and beginnings of episodes.
        """
        if self.paused:
            return 0
        if self.over:
            self._lingered += seconds * max(1.0, self.speed)
            if self._lingered < LINGER_SECONDS:
                return 0
            due = 1
        else:
            self._due += seconds * self.speed * self.rate
            due = int(self._due + 1e-9)  # 60 sixtieths must make a whole second
            self._due -= due
        done = 0
        deadline = time.monotonic() + budget
        while done < due and self.advance():
            done += 1
            if each is not None:
                each()
            if self.over or time.monotonic() > deadline:
                self._due = 0.0
                break
        return done

    def _enter(self, environments: "VecEnv") -> None:
        if environments.num_envs != 1:
            raise ValueError(f"playback shows one environment, not {environments.num_envs}")
        self.environments = environments
        self._action_names = tuple(
            f"action {name}" if name.isdigit() else name for name in environments.spaces.action_names
        )
        self._reach: dict[str, npt.NDArray[np.float32]] = {}
        self.agent.bind(environments)

    def _begin(self) -> None:
        self._returns = [0.0]
        self._values = []
        self._ended = ""
        self._metrics = {}
        self._due = self._lingered = 0.0
        observations = self.environments.reset([self._episode.seed])
        if self._narrator is not None:
            self._narrator.begin(self.environments)
        self._inspect(observations)

    def _inspect(self, observations: Observations) -> None:
        """Query the agent for the present observation."""
        self._action = None if self.over else int(self.agent.act(observations, explore=False)[0])
        inspection = self.agent.inspect(
            observations, want=("q", "network_input", "quantiles", "support", "probabilities")
        )
        self._as_network = inspection.network_input is not None
        self._inputs = observations if inspection.network_input is None else inspection.network_input
        self._q = None if inspection.q is None else np.asarray(inspection.q[0], dtype=np.float32)
        self._spread = None if inspection.q is None else return_spread(inspection)
        if self._narrator is not None:
            self._sentence = self._narrator.tell(inspection.q)
        if self._q is not None:
            self._values.append(float(self._q.max()))
        for name, leaf in self._inputs.items():
            if leaf.ndim == 2:
                magnitude = np.abs(leaf[0]).astype(np.float32)
                self._reach[name] = np.maximum(self._reach.get(name, magnitude), magnitude)
        self._frame = None
        self.moment += 1
        self.version += 1

    def _scene(self) -> npt.NDArray[np.uint8] | None:
        if "rgb_array" not in self.environments.metadata.get("render_modes", ()):
            return None
        pictures = self.environments.render()
        return pictures[0].copy() if pictures else None

    def _telemetry(self) -> dict[str, Reading]:
        return readings(self.environments.call("telemetry")[0]) if self.environments.offers("telemetry") else {}

    def _episode_metrics(self, step: "Step") -> dict[str, Metric]:
        declared = self.environments.metrics
        # The name of a share is that of a mean (`lap_rate`); a single episode is described by its key (`finished`).
        return {
            key if declared[key].kind == "share" else declared[key].name: Metric(value, declared[key].kind)
            for key, value in self.environments.episode_metrics(step, 0).items()
        }

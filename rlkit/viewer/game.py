"""A person in an environment: attempts one after the other, which of them was best, and its trail for the ghost.

Nothing here draws, waits or reads keys: the window in `viewer.play_window` does.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit.capabilities import (
    EpisodeMetric,
    HasGhost,
    HasMapOutline,
    HasTelemetry,
    default_kwargs,
    episode_metrics,
    map_lines,
    readings,
    scenario_option,
)
from rlkit.env import registry
from rlkit.env.config import EnvConfig, EnvOptions
from rlkit.env.make import read_metadata
from rlkit.env.observations import ObservationAdapter
from rlkit.errors import UserError, describe_error
from rlkit.perception.result import PerceptionResult
from rlkit.viewer.frame import Frame, Metric, short_name
from rlkit.viewer.scores import Attempt, Best, BestFile, Poses

UNKNOWN_RATE = 30.0  # decisions per second, where the environment does not say


@dataclass(frozen=True)
class Place:
    """Where a person plays.

    Args:
        config: The environment, with its arguments.
        label: What to call it; "" for the number of the seed.
        option: The argument that names a scenario's file, if one is given.
    """

    config: EnvConfig
    label: str = ""
    option: str | None = None

    def key(self, seed: int) -> str:
        """What tells this place, at one seed, from others in a file of best attempts."""
        kwargs = {name: Path(v).name if name == self.option else v for name, v in self.config.kwargs.items()}
        return f"{self.config.id} {json.dumps(kwargs, sort_keys=True)} seed {seed}"


def places_of(config: EnvConfig, scenario: Path | None) -> list[Place]:
    """The environment, once for each scenario file where some are given.

    Raises:
        UserError: The environment takes no scenarios, or there is no such file.
    """
    if scenario is None:
        return [Place(config)]
    from rlkit.policy import scenarios

    option = scenario_option(read_metadata(config))
    made = scenarios(config, scenario)
    return [Place(one, Path(str(one.kwargs[option])).stem, option) for one in made if option is not None]


def with_advice(config: EnvConfig) -> EnvConfig:
    """The environment with what it advises for measuring and for a person, where no argument says otherwise."""
    metadata = read_metadata(config)
    return config.with_defaults({**default_kwargs(metadata, "evaluation"), **default_kwargs(metadata, "play")})


class Game:
    """One environment that a person plays, attempt by attempt.

    Args:
        place: Where; it must draw pictures (`rgb_array`). Perception, where its configuration names some, is shown
            beside the game and changes nothing in it.
        seed: Which episode; it is the same in every attempt, until `begin` is told otherwise.
        bests: The best attempts so far.

    Raises:
        UserError: The environment cannot be made or drawn.
    """

    def __init__(self, place: Place, seed: int, bests: BestFile):
        self.place = place
        self.env = _make(place.config)
        try:
            self._eyes = _eyes(self.env, place.config)
        except BaseException:
            self.env.close()
            raise
        self._seen: PerceptionResult | None = None
        self.metadata: Mapping[str, Any] = dict(self.env.metadata or {})
        self.rate = float(self.metadata.get("render_fps") or UNKNOWN_RATE)
        self.attempts: list[Attempt] = []
        self.version = 0
        """Grows with every change of what is to be seen."""
        self._declared = episode_metrics(self.metadata)
        self._bests = bests
        self._between: Callable[[float], Any] | None = getattr(self.env.unwrapped, "render_between", None)
        self.outline: list[Poses] = []
        """Lines (n, 2) of a map, where the environment has one."""
        self.seed = seed
        self.begin()

    @property
    def smooth(self) -> bool:
        """Whether the environment can be drawn between two decisions."""
        return self._between is not None

    @property
    def best(self) -> Best | None:
        """The best attempt in this place."""
        return self._bests.get(self.place.key(self.seed))

    @property
    def trail(self) -> Poses:
        """(n, 3) where this attempt has been; empty where the environment does not tell."""
        known = [pose for pose in self._poses if pose is not None]
        return np.array(known, dtype=np.float64).reshape(-1, 3) if len(known) == len(self._poses) else np.empty((0, 3))

    @property
    def over(self) -> bool:
        """Whether the attempt has ended."""
        return self.ended != ""

    def begin(self, seed: int | None = None) -> None:
        """Begin an attempt, here again or at another seed; the ghost of the best one starts beside it."""
        if seed is not None:
            if self.attempts and seed != self.seed:
                self.attempts = []
            self.seed = seed
        self.ended = ""
        self.returns = [0.0]
        self.was_best = False
        self._metrics: dict[str, Metric] = {}
        best = self.best
        if isinstance(self.env.unwrapped, HasGhost):
            self.env.unwrapped.set_ghost(None if best is None or not len(best.poses) else best.poses)
        observation, info = self._guarded("reset", lambda: self.env.reset(seed=self.seed))
        if self._eyes is not None:
            self._eyes.begin([self.seed], np.ones(1, dtype=np.bool_))
        self._look(observation)
        self._poses = [info.get("pose")]
        bare = self.env.unwrapped
        self.outline = (
            [line for line in map_lines(bare.map_outline()) if len(line)] if isinstance(bare, HasMapOutline) else []
        )
        self.version += 1

    def step(self, action: Any) -> bool:
        """Carry out one decision of the person; returns whether the attempt has ended with it."""
        assert not self.over
        observation, reward, terminated, truncated, info = self._guarded("step", lambda: self.env.step(action))
        self._look(observation)
        self.returns.append(self.returns[-1] + float(reward))
        self._poses.append(info.get("pose"))
        self.version += 1
        if terminated or truncated:
            self.ended = "terminated" if terminated else "truncated"
            self._finish(info)
        return self.over

    def frame(self, share: float = 1.0) -> Frame:
        """What is to be seen now, or on the way from the decision before where the environment is `smooth`.

        Args:
            share: How much of that way has passed.
        """
        steps = len(self.returns) - 1
        return Frame(
            environment=short_name(self.place.config.id),
            agent="you",
            episode=len(self.attempts) + (not self.over),
            label=self.place.label or f"seed {self.seed}",
            step=steps,
            seconds=steps / self.rate,
            scene=self._picture(share),
            inputs={},
            as_network=False,
            leaves={},
            reach={},
            action_names=(),
            action=None,
            q=None,
            values=np.empty(0, np.float32),
            returns=np.array(self.returns),
            telemetry=self._telemetry(),
            ended=self.ended,
            metrics=self._metrics,
            perceived=self._perceived(),
        )

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _finish(self, info: Mapping[str, Any]) -> None:
        measured = {key: (metric, _plain(info.get(key))) for key, metric in self._declared.items()}
        # A share's name is that of a mean (`lap_rate`); of a single attempt its key speaks better (`finished`).
        self._metrics = {
            key if metric.kind == "share" else metric.name: Metric(value, metric.kind)
            for key, (metric, value) in measured.items()
        }
        shares = [bool(value) for metric, value in measured.values() if metric.kind == "share"]
        attempt = Attempt(
            number=len(self.attempts) + 1,
            episode_return=self.returns[-1],
            seconds=(len(self.returns) - 1) / self.rate,
            metrics=self._metrics,
            succeeded=all(shares),
            time=_first_time(measured.values()),
        )
        self.attempts.append(attempt)
        self.was_best = attempt.beats(self.best)
        if self.was_best:
            self._bests.put(self.place.key(self.seed), Best(attempt.episode_return, attempt.time, self.trail))

    def _look(self, observation: Any) -> None:
        """Let perception see what the camera sees, where it is asked for."""
        self._seen = None
        if self._eyes is not None:
            self._eyes.see(self._eyes.batch_of_one(observation))

    def _perceived(self) -> PerceptionResult | None:
        """What perception makes of this moment, worked out once however often it is drawn."""
        if self._seen is None and self._eyes is not None and self._eyes.perceiver is not None:
            self._seen = self._eyes.perceiver.result(0)
        return self._seen

    def _picture(self, share: float) -> npt.NDArray[np.uint8]:
        drawn = self._between(share) if self._between is not None and share < 1.0 else self.env.render()
        return np.asarray(drawn, dtype=np.uint8)

    def _telemetry(self) -> Mapping[str, Any]:
        bare = self.env.unwrapped
        return readings(bare.telemetry()) if isinstance(bare, HasTelemetry) else {}

    def _guarded(self, doing: str, do: Callable[[], Any]) -> Any:
        try:
            return do()
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"{self.place.config.id} failed in {doing} (seed {self.seed}): {describe_error(error)}", exit_code=1
            ) from error


def _first_time(measured: Any) -> float | None:
    metric: EpisodeMetric
    for metric, value in measured:
        if metric.kind == "seconds":
            return None if value is None else float(value)
    return None


def _plain(value: Any) -> Any:
    """A value of an info as plain Python; None where it is missing or NaN."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def _eyes(env: gymnasium.Env[Any, Any], config: EnvConfig) -> ObservationAdapter | None:
    """What perceives for a person to look at; None where it is not asked for."""
    if config.perception is None:
        return None
    return ObservationAdapter(env.observation_space, dict(env.metadata or {}), config, EnvOptions(), 1, fresh=False)


def _make(config: EnvConfig) -> gymnasium.Env[Any, Any]:
    spec = registry.find_spec(config.id)
    try:
        env: gymnasium.Env[Any, Any] = gymnasium.make(
            spec, render_mode="rgb_array", disable_env_checker=True, **config.kwargs
        )
    except Exception as error:
        shown = "".join(f", {key}={value}" for key, value in config.kwargs.items())
        raise UserError(f"{config.id}{shown} cannot be made for playing: {describe_error(error)}") from error
    if "rgb_array" not in (env.metadata or {}).get("render_modes", ()):
        env.close()
        raise UserError(f"{config.id} draws no pictures (no render mode rgb_array), so nobody could see where they go")
    return env

"""An environment that a person plays: attempts, the best of them, and its trajectory for the ghost car.

Keys, timing and drawing are in `play_window`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit.boxes import BOXES, BoxedImage
from rlkit.capabilities import (
    EpisodeMetric,
    HasGhost,
    HasMapOutline,
    HasTelemetry,
    box_labels,
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
from rlkit.env.pictures import PictureReader
from rlkit.errors import UserError, describe_error
from rlkit.perception.config import CAMERA
from rlkit.perception.result import PerceptionResult
from rlkit.viewer.frame import DEFAULT_RATE, Frame, Metric, short_name
from rlkit.viewer.scores import Attempt, Best, BestFile, Poses

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """An environment to play, such as one circuit.

    Args:
        config: The environment and its arguments.
        label: Its name; "" for the number of the seed.
        option: Name of the argument that holds the scenario's file, if there is one.
    """

    config: EnvConfig
    label: str = ""
    option: str | None = None

    def key(self, seed: int) -> str:
        """Key of this place and seed in a file of best attempts."""
        kwargs = {name: Path(v).name if name == self.option else v for name, v in self.config.kwargs.items()}
        return f"{self.config.id} {json.dumps(kwargs, sort_keys=True)} seed {seed}"


def places_of(config: EnvConfig, scenario: Path | None) -> list[Place]:
    """The places of an environment: one per scenario file if some are given, else one.

    Raises:
        UserError: The environment takes no scenarios, or the file is missing.
    """
    if scenario is None:
        return [Place(config)]
    from rlkit.policy import scenarios

    option = scenario_option(read_metadata(config))
    made = scenarios(config, scenario)
    return [Place(one, Path(str(one.kwargs[option])).stem, option) for one in made if option is not None]


def with_advice(config: EnvConfig) -> EnvConfig:
    """The environment with its recommended arguments for evaluation and play, where none are given."""
    metadata = read_metadata(config)
    return config.with_defaults({**default_kwargs(metadata, "evaluation"), **default_kwargs(metadata, "play")})


class PlaySession:
    """One environment that a person plays, attempt by attempt.

    Args:
        place: What is played; must support `rgb_array`. Perception, if configured, is only displayed.
        seed: Seed of every attempt, until `begin` changes it.
        bests: The best attempts so far.

    Raises:
        UserError: The environment cannot be made or rendered.
    """

    def __init__(self, place: Place, seed: int, bests: BestFile):
        self.place = place
        self.env = _make(place.config)
        try:
            self._perception = _perception(self.env, place.config)
        except BaseException:
            self.env.close()
            raise
        self._perceived: PerceptionResult | None = None
        self.metadata: Mapping[str, Any] = dict(self.env.metadata or {})
        self._box_labels = box_labels(self.metadata, self.env.observation_space)
        self._observation: Any = None
        self.rate = float(self.metadata.get("render_fps") or DEFAULT_RATE)
        self.attempts: list[Attempt] = []
        self.version = 0
        """Increases with every change of what is shown."""
        self._declared = episode_metrics(self.metadata)
        self._bests = bests
        self._pictures = PictureReader()
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
        """The best attempt with this place and seed."""
        return self._bests.get(self.place.key(self.seed))

    @property
    def trail(self) -> Poses:
        """(n, 3) poses of this attempt; empty if the environment reports none."""
        known = [pose for pose in self._poses if pose is not None]
        return np.array(known, dtype=np.float64).reshape(-1, 3) if len(known) == len(self._poses) else np.empty((0, 3))

    @property
    def over(self) -> bool:
        """Whether the attempt has ended."""
        return self.ended != ""

    def begin(self, seed: int | None = None) -> None:
        """Begin an attempt with the same or another seed, and with the ghost of the best one."""
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
        if self._perception is not None:
            self._perception.begin([self.seed], np.ones(1, dtype=np.bool_))
        self._perceive(observation)
        self._poses = [info.get("pose")]
        bare = self.env.unwrapped
        self.outline = (
            [line for line in map_lines(bare.map_outline()) if len(line)] if isinstance(bare, HasMapOutline) else []
        )
        self.version += 1

    def step(self, action: Any) -> bool:
        """Carry out one action; return whether the attempt has ended with it."""
        assert not self.over
        observation, reward, terminated, truncated, info = self._guarded("step", lambda: self.env.step(action))
        self._perceive(observation)
        self.returns.append(self.returns[-1] + float(reward))
        self._poses.append(info.get("pose"))
        self.version += 1
        if terminated or truncated:
            self.ended = "terminated" if terminated else "truncated"
            self._finish(info)
        return self.over

    def frame(self, share: float = 1.0) -> Frame:
        """The present frame.

        Args:
            share: Below 1, the scene is drawn that far between the last two decisions, if the environment is `smooth`.
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
            perceived=self._perception_result(),
            boxed=self._boxed(),
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
        # The name of a share is that of a mean (`lap_rate`); a single attempt is described by its key (`finished`).
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

    def _perceive(self, observation: Any) -> None:
        """Pass the camera image to perception, if there is one."""
        self._perceived = None
        self._observation = observation
        if self._perception is not None:
            self._perception.see(self._perception.batch_of_one(observation))

    def _perception_result(self) -> PerceptionResult | None:
        """The result of perception for this moment, computed once."""
        if self._perceived is None and self._perception is not None and self._perception.perceiver is not None:
            self._perceived = self._perception.perceiver.result(0)
        return self._perceived

    def _boxed(self) -> BoxedImage | None:
        """The camera image with its boxes, as perception found them or the environment offers them."""
        if self._perception is not None:
            return self._perception.boxed(0)
        if self._box_labels is None or CAMERA not in self._observation:
            return None
        return self._box_labels.boxed(self._observation[CAMERA], self._observation[BOXES])

    def _picture(self, share: float) -> npt.NDArray[np.uint8]:
        between = self._between if share < 1.0 else None
        draw = self.env.render if between is None else lambda: between(share)
        return self._guarded("render", lambda: self._pictures.read(draw()))

    def _telemetry(self) -> Mapping[str, Any]:
        bare = self.env.unwrapped
        return readings(bare.telemetry()) if isinstance(bare, HasTelemetry) else {}

    def _guarded(self, doing: str, do: Callable[[], T]) -> T:
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
    """A value of an info dict as plain Python; None if it is missing or NaN."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def _perception(env: gymnasium.Env[Any, Any], config: EnvConfig) -> ObservationAdapter | None:
    """The perception to display; None if none is configured."""
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
        raise UserError(f"{config.id} cannot be played: it has no render mode rgb_array")
    return env

"""Evaluating an agent: complete episodes with greedy actions, in environments of their own."""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlkit.agent import Agent
from rlkit.capabilities import EpisodeMetric, MetricKind
from rlkit.env.seeding import digest
from rlkit.env.vector import VecEnv

LONG = 30_000  # steps after which an episode without an end is warned of; Atari games are cut off after 27,000


def no_end(environment: str, where: str) -> str:
    """The warning of an episode that does not end.

    Args:
        environment: Id of the environment.
        where: Such as "of training".
    """
    return (
        f"{environment}: no end of an episode within {LONG:,} steps {where}. An evaluation waits for the ends of its "
        "episodes: register the environment with max_episode_steps, or return truncated=True in step()"
    )


@dataclass(frozen=True)
class Evaluation:
    """Results of evaluation episodes.

    Args:
        environment: Id of the environment.
        agent: Name of the agent.
        episodes: Seed, reward, length and the environment's own metrics of each.
        metrics: The environment's metrics to average, by key.
        beginnings: Digest of the first observation of each episode.
        seconds: Duration of the evaluation.
    """

    environment: str
    agent: str
    episodes: Sequence[Mapping[str, Any]]
    metrics: Mapping[str, EpisodeMetric]
    beginnings: Sequence[str]
    seconds: float

    @property
    def mean_reward(self) -> float:
        """Mean episode reward, unclipped."""
        return float(np.mean([episode["reward"] for episode in self.episodes]))

    @property
    def means(self) -> dict[str, float]:
        """Means of the environment's own metrics over the episodes that have them."""
        return mean_metrics(self.episodes, self.metrics)

    @property
    def tie_breaker(self) -> float:
        """Mean of the metric that chooses among equal rewards, the lower the better; infinity without one."""
        return next(
            (self.means.get(metric.name, math.inf) for metric in self.metrics.values() if metric.minimize), math.inf
        )

    @property
    def all_alike(self) -> bool:
        """Whether all of several episodes have the same first observation, reward and length."""
        ways = {
            (beginning, episode["reward"], episode["length"])
            for beginning, episode in zip(self.beginnings, self.episodes, strict=True)
        }
        return len(self.episodes) > 1 and len(ways) == 1

    def to_json(self) -> dict[str, Any]:
        """The figures as `rlkit evaluate --json` writes them."""
        rewards = np.array([episode["reward"] for episode in self.episodes])
        return {
            "env": self.environment,
            "agent": self.agent,
            "episodes": list(self.episodes),
            "mean_reward": float(rewards.mean()),
            "std_reward": float(rewards.std()),
            "mean_length": float(np.mean([episode["length"] for episode in self.episodes])),
            "seconds": round(self.seconds, 3),
            **self.means,
        }

    def summary(self, kinds: Collection[MetricKind] = ("share", "seconds", "ratio")) -> str:
        """One line for the user, with the environment's own metrics of these kinds."""
        spread = float(np.std([episode["reward"] for episode in self.episodes]))
        # A deviation within rounding counts as 0.
        parts = [f"reward {self.mean_reward:.4g} ± {spread if spread > 1e-5 * abs(self.mean_reward) else 0:.3g}"]
        means = self.means
        shown = [metric for metric in self.metrics.values() if metric.name in means and metric.kind in kinds]
        parts += [describe_metric(metric, means[metric.name]) for metric in shown]
        return f"{len(self.episodes)} episodes: " + ", ".join(parts)


def describe_scenarios(result: Evaluation, kinds: Collection[MetricKind] = ("seconds", "ratio")) -> list[str]:
    """One line per scenario: its reward, the environment's metrics of these kinds, and why its episodes ended.

    Args:
        result: Its episodes have the entry `scenario`, and `end` if the environment says why they end.
        kinds: The metrics to show.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for episode in result.episodes:
        groups.setdefault(str(episode["scenario"]), []).append(episode)
    lines = []
    for name, episodes in groups.items():
        parts = [f"reward {float(np.mean([episode['reward'] for episode in episodes])):.4g}"]
        means = mean_metrics(episodes, result.metrics)
        shown = [metric for metric in result.metrics.values() if metric.name in means and metric.kind in kinds]
        parts += [describe_metric(metric, means[metric.name]) for metric in shown]
        ends = Counter(str(episode["end"]) for episode in episodes if episode.get("end") is not None)
        reasons = [end if len(episodes) == 1 else f"{end} {count}" for end, count in ends.most_common()]
        lines.append(f"{name}: " + ", ".join(reasons + parts))
    return lines


def mean_metrics(episodes: Sequence[Mapping[str, Any]], metrics: Mapping[str, EpisodeMetric]) -> dict[str, float]:
    """Mean of every metric that is a number, over the episodes that have it."""
    means = {}
    for key, metric in metrics.items():
        values = [episode[key] for episode in episodes if episode.get(key) is not None]
        if metric.kind != "label" and values:
            means[metric.name] = float(np.mean(values, dtype=np.float64))
    return means


def describe_metric(metric: EpisodeMetric, value: float) -> str:
    """A metric as text, such as `lap rate 95 %`."""
    name = metric.name.replace("_", " ")
    if metric.kind == "share":
        return f"{name} {100 * value:.1f} %"
    return f"{name} {value:.1f} s" if metric.kind == "seconds" else f"{name} {value:.3g}"


def evaluate(
    agent: Agent,
    name: str,
    environments: VecEnv,
    seeds: Sequence[int],
    check: Callable[[], object] = lambda: None,
) -> Evaluation:
    """Run one episode per seed with greedy actions.

    Each episode depends on its seed alone, not on the number of environments that run side by side. One that is cut off
    because its process was lost is repeated once; cut off again, it counts as it is.

    Args:
        agent: Chooses actions; it neither observes nor learns.
        name: Name of the agent.
        environments: They are reset at once.
        seeds: One per episode.
        check: Called before each step; what it raises ends the evaluation.
    """
    began = time.perf_counter()
    count = environments.num_envs
    agent.bind(environments)
    # Environment i runs episode playing[i]; episodes after the last one are not counted.
    playing = list(range(count))
    upcoming = count
    repeated: set[int] = set()
    rewards, lengths = np.zeros(count), np.zeros(count, dtype=np.int64)
    episodes: dict[int, dict[str, Any]] = {}
    observations = environments.reset([seeds[index % len(seeds)] for index in playing])
    beginnings = {number: digest(observations, index) for index, number in enumerate(playing)}
    endless = False
    while len(episodes) < len(seeds):
        check()
        step = environments.step(agent.act(observations, explore=False))
        observations = step.observations
        rewards += step.rewards
        lengths += 1
        ended = step.terminated | step.truncated
        if not endless and lengths.max() >= LONG:
            endless = True
            environments.warn(no_end(environments.config.id, "of evaluation"))
        if not ended.any():
            continue
        lost = step.lost
        for index in np.flatnonzero(ended).tolist():
            if lost[index] and playing[index] not in repeated:
                repeated.add(playing[index])
                continue
            if playing[index] < len(seeds):
                score = {"seed": seeds[playing[index]], "reward": float(rewards[index]), "length": int(lengths[index])}
                episodes[playing[index]] = score | environments.episode_metrics(step, index)
            playing[index] = upcoming
            upcoming += 1
        rewards[ended], lengths[ended] = 0, 0
        observations = environments.reset([seeds[index % len(seeds)] for index in playing], ended)
        beginnings |= {playing[index]: digest(observations, index) for index in np.flatnonzero(ended).tolist()}
    return Evaluation(
        environment=environments.config.id,
        agent=name,
        episodes=[episodes[index] for index in range(len(seeds))],
        metrics=environments.metrics,
        beginnings=[beginnings[index] for index in range(len(seeds))],
        seconds=time.perf_counter() - began,
    )

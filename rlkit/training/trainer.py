"""The training loop: act, step, remember, learn; now and then measure and save."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from rlkit.agent import Agent, State
from rlkit.env.seeding import episode_seed
from rlkit.env.vector import Step, VecEnv
from rlkit.errors import UserError
from rlkit.replay import Transitions
from rlkit.training.checkpoint import MISFITS
from rlkit.training.collector import Collector
from rlkit.training.evaluation import Evaluation, evaluate, mean_metrics
from rlkit.training.logger import Logger
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder
from rlkit.training.signals import stop_request
from rlkit.utils.io import disk_errors

REFRESH = 0.2  # s between updates of the progress display
LOGS = 200  # records of metrics in a run
EXPLODED = 1e10  # a loss, gradient or value beyond this is as lost as one that is not a number


@dataclass
class Trainer:
    """A run under way.

    Args:
        run: Where it is kept.
        agent: Who learns.
        environments: Where it acts.
        evaluation: Where it is measured, on episodes that training never sees.
        reporter: Who is told.
    """

    run: RunFolder
    agent: Agent
    environments: VecEnv
    evaluation: VecEnv
    reporter: Reporter
    steps: int = 0
    best: float = -math.inf
    latest: dict[str, float] = field(default_factory=dict)  # newest value of everything that the agent plots
    seconds_before: float = 0.0  # spent in earlier sessions

    def __post_init__(self) -> None:
        """Begin the first episodes."""
        self.config = self.run.config
        self.episodes = Collector(self.environments, self.config.seed)
        self.agent.bind(self.environments)
        self._began = time.monotonic()
        self._refreshed = 0.0

    def go(self, time_limit: float | None = None) -> str | None:
        """Train until the budget is used up, or stop earlier; either way everything is saved.

        Args:
            time_limit: Seconds after which to stop; nothing that happens before depends on it.

        Returns:
            None when the budget is used up, else why training stopped.
        """
        self._began = time.monotonic()
        with (
            stop_request(time_limit) as stop,
            Logger(self.run.path, resume_at=self.steps) as log,
            ThreadPoolExecutor(1) if self.config.overlap else nullcontext() as meanwhile,
        ):
            if self.steps == 0:
                log.write_text("configuration", json.dumps(self.config.to_json(), indent=2))
            while self.steps < self.config.steps and stop.reason is None:
                self._step(meanwhile)
                self._tell()
                if self._due(max(1, self.config.steps // LOGS)):
                    self._log(log)
                if self._due(self.config.eval_freq):
                    self._evaluate(log)
                if self._due(self.config.save_freq):
                    self._save(log)
            reason = stop.reason if self.steps < self.config.steps else None
            if reason in (None, "time limit") and self.config.eval_freq and not self._due(self.config.eval_freq):
                self._evaluate(log)
            self._save(log)
        return reason

    def _step(self, meanwhile: Executor | None) -> None:
        """Act, step, remember, learn; with `meanwhile`, environments take their step in there while the agent learns.

        Each waits for the other before the next step, so numbers do not depend on who is first: they differ from those
        of one after the other only in that what is learned from is older by one step of every environment.
        """
        observations = self.episodes.observations
        actions = self.agent.act(observations, explore=True)
        if meanwhile is None:
            step = self.episodes.advance(actions)
        else:
            stepping = meanwhile.submit(self.episodes.advance, actions)
            self._learn()
            step = stepping.result()
        self.steps += len(actions)
        self.agent.observe(transitions(observations, actions, step))
        if meanwhile is None:
            self._learn()

    def _learn(self) -> None:
        self.latest |= self._sound(self.agent.update(self.steps))

    def resume(self, state: State) -> None:
        """Continue from the state that a checkpoint kept.

        Raises:
            UserError: The state is damaged.
        """
        try:
            self.steps = int(state["steps"])
            self.best = -math.inf if state["best"] is None else float(state["best"])
            self.latest = {str(tag): float(value) for tag, value in state["latest"].items()}
            self.seconds_before = float(state["seconds"])
            self.episodes.load_state(state["episodes"])
        except MISFITS as error:
            raise UserError(f"the newest checkpoint of {self.run.path} is damaged: {error!r}", exit_code=1) from error
        if not self.episodes.replay():
            self.agent.cut()
            self.reporter.warn(
                "the environment did not come out the same when its episodes were carried out again: "
                "new episodes have begun, so this run differs from an uninterrupted one"
            )

    def _sound(self, metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Pass on what the agent measured, unless learning has broken down."""
        for tag, value in metrics.items():
            if not abs(value) < EXPLODED:  # written so that NaN fails too
                raise UserError(
                    f"{tag} became {value:.3g} after {self.steps:,} steps, so training stopped. The checkpoint before "
                    f"it is kept in {self.run.path}; try a smaller learning_rate or max_grad_norm, or reward_clip=1.",
                    exit_code=1,
                )
        return metrics

    @property
    def seconds(self) -> float:
        """Time spent training, evaluation and saving included, over all sessions."""
        return self.seconds_before + time.monotonic() - self._began

    def _due(self, interval: int) -> bool:
        """Whether the step just taken reached a multiple of `interval`; never for 0."""
        return interval > 0 and self.steps // interval > (self.steps - self.environments.num_envs) // interval

    def _log(self, log: Logger) -> None:
        recent = self.episodes.recent()
        scalars = dict(self.latest)
        scalars["time/fps"] = self.steps / self.seconds
        scalars["time/episodes"] = self.episodes.finished
        if recent:
            scalars["rollout/ep_rew_mean"] = _mean(recent, "reward")
            scalars["rollout/ep_len_mean"] = _mean(recent, "length")
            means = mean_metrics(recent, self.environments.metrics)
            scalars |= {f"rollout/{name}": value for name, value in means.items()}
        log.write(self.steps, self.seconds, scalars)

    def _evaluate(self, log: Logger) -> None:
        count = self.config.eval_episodes
        seeds = [episode_seed(self.config.seed, 0, number, "selection") for number in range(count)]
        result = evaluate(self.agent, self.config.algorithm, self.evaluation, seeds)
        self.agent.bind(self.environments)
        scalars = {"eval/mean_reward": result.mean_reward, "eval/mean_ep_length": result.to_json()["mean_length"]}
        scalars |= {f"eval/{name}": value for name, value in result.means.items()}
        log.write(self.steps, self.seconds, scalars)
        self.reporter.say(
            f"{self.steps:>10,} steps, {self.seconds:4.0f} s   evaluation, {result.summary(('share', 'ratio'))}"
        )
        if result.all_alike and self.best == -math.inf:
            self.reporter.warn(f"all {len(seeds)} evaluation episodes went alike: one says as much")
        # Of two that are as good to within a thousandth, the later one has learned longer.
        if result.mean_reward >= self.best - 1e-3 * abs(self.best) or self.best == -math.inf:
            self.best = max(self.best, result.mean_reward)
            with disk_errors(str(self.run.path)):
                self.run.checkpoints.save_best(self.steps, self.agent, _without_episodes(result))

    def _save(self, log: Logger) -> None:
        log.flush()
        state = {
            "steps": self.steps,
            "best": None if self.best == -math.inf else self.best,
            "latest": self.latest,
            "seconds": self.seconds,
            "episodes": self.episodes.state(),
        }
        with disk_errors(str(self.run.path)):
            self.run.checkpoints.save(self.steps, self.agent, state)

    def _tell(self) -> None:
        if time.monotonic() - self._refreshed < REFRESH:
            return
        self._refreshed = time.monotonic()
        recent = self.episodes.recent()
        figures = {"steps/s": f"{self.steps / self.seconds:,.0f}"}
        if recent:
            figures["return"] = f"{_mean(recent, 'reward'):.3g}"
            metrics = self.environments.metrics
            means = mean_metrics(recent, metrics)
            shares = [metric for metric in metrics.values() if metric.kind == "share" and metric.name in means]
            figures |= {metric.name.replace("_", " "): f"{100 * means[metric.name]:.0f} %" for metric in shares}
        self.reporter.progress(self.steps, figures)


def transitions(observations: Any, actions: Any, step: Step) -> Transitions:
    """What an agent observes of one step."""
    return Transitions(observations, actions, step.rewards, step.terminated, step.truncated, step.observations)


def _mean(episodes: Sequence[dict[str, Any]], key: str) -> float:
    return float(sum(episode[key] for episode in episodes) / len(episodes))


def _without_episodes(result: Evaluation) -> dict[str, Any]:
    return {key: value for key, value in result.to_json().items() if key != "episodes"}

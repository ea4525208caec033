"""Training an agent: act, step, observe, update; evaluate on episodes of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from rlkit.agent import Agent, State
from rlkit.env.seeding import episode_seed
from rlkit.env.vector import VecEnv
from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup
from rlkit.replay import Transitions
from rlkit.training.collector import Collector
from rlkit.training.config import RunConfig
from rlkit.training.evaluation import LONG, Evaluation, evaluate, mean_metrics, no_end
from rlkit.training.logger import Logger
from rlkit.training.progress import Reporter
from rlkit.training.reward_size import RewardSize
from rlkit.training.run_folder import RunFolder
from rlkit.training.signals import Interrupted
from rlkit.training.trainer import Trainer
from rlkit.utils.io import RESUMABLE, disk_errors
from rlkit.utils.state_check import check_state

DIVERGED = 1e10  # a loss, gradient norm or value beyond this counts as diverged, like NaN


class Episodes(Protocol):
    """The episodes of training, in this process (`Collector`) or in others (`ActorPool`)."""

    @property
    def finished(self) -> int:
        """Number of episodes that have ended."""
        ...

    def recent(self) -> list[dict[str, Any]]:
        """The latest of them: reward, length, and the environment's own metrics."""
        ...

    def state(self) -> State:
        """What is needed to go on."""
        ...

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Read what `state` returned; `replay` has to follow."""
        ...

    def replay(self) -> bool:
        """Step the running episodes to where they were; whether that succeeded."""
        ...


class AgentTrainer(Trainer[RunConfig]):
    """The training of an agent.

    Args:
        run: Its folder.
        agent: What learns.
        environments: Where it collects transitions.
        evaluation: Where it is evaluated, on episodes that training never sees.
        reporter: Shows progress.
        group: The learners that train together; the agent is one of them.
        episodes: Those in which it collects transitions; None for new ones in `environments`.
        stride: Environment steps that one call of `step` takes; None for one in each environment of every learner.
    """

    command = "rlkit train --resume"

    def __init__(
        self,
        run: RunFolder[RunConfig],
        agent: Agent,
        environments: VecEnv,
        evaluation: VecEnv,
        reporter: Reporter,
        group: LearnerGroup = ALONE,
        episodes: Episodes | None = None,
        stride: int | None = None,
    ):
        stride = group.count * environments.num_envs if stride is None else stride
        super().__init__(run, agent, reporter, eval_freq=run.config.eval_freq, stride=stride, group=group)
        self.agent = agent
        self.environments = environments
        self.evaluation = evaluation
        if episodes is None:
            episodes = Collector(environments, run.config.seed, group.rank * environments.num_envs)
        self.episodes = episodes
        self.latest: dict[str, float] = {}  # newest value of everything that the agent logs
        self._tie_breaker = math.inf  # of the best evaluation
        self._reward_size = RewardSize(environments.config.id, run.config.hyperparameters)
        self._thread: Executor | None = None
        agent.bind(environments)

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """Start the thread in which environments take their steps, with `async_envs`."""
        if not self.config.async_envs:
            yield
            return
        self._thread = ThreadPoolExecutor(1)
        wait = True
        try:
            yield
        except Interrupted:  # a step that hangs ends when its environments are closed, which follows
            wait = False
            raise
        finally:
            self._thread.shutdown(wait)

    def step(self) -> None:
        """Act, step, observe, update; with `async_envs`, environments take their step while the agent updates.

        Each waits for the other before the next step, so numbers do not depend on which is first: they differ from
        those of one after the other only in that the update lacks the newest step of every environment.
        """
        episodes = self.episodes
        assert isinstance(episodes, Collector)
        observations = episodes.observations
        actions = self.agent.act(observations, explore=True)
        if self._thread is None:
            step = episodes.advance(actions)
        else:
            stepping = self._thread.submit(episodes.advance, actions)
            self._update()
            step = stepping.result()
        self._count(step.rewards)
        self.agent.observe(
            Transitions(
                observations, actions, step.rewards, step.terminated, step.truncated, step.observations, step.lost
            )
        )
        if self._thread is None:
            self._update()

    def _count(self, rewards: npt.NDArray[np.float32]) -> None:
        """Count one step of some environments, and warn of what their rewards show."""
        before = self.steps
        self.steps += self.group.count * len(rewards)
        if before < LONG * self.config.num_envs <= self.steps and not self.episodes.finished:
            self.reporter.warn(no_end(self.config.environment.id, "of training"))
        if sentence := self._reward_size.observe(rewards):
            self.reporter.warn(sentence)

    def _update(self) -> None:
        """Update the agent; stop where a value diverged.

        Raises:
            UserError: One did.
        """
        metrics = self.agent.update(self.steps)
        for tag, value in metrics.items():
            if not abs(value) < DIVERGED:  # written so that NaN fails too
                raise UserError(
                    f"{tag} became {value:.3g} after {self.steps:,} steps, so training stopped. The checkpoint before "
                    f"it is kept in {self.run.path}; try a smaller learning_rate or max_grad_norm, or reward_clip=1.",
                    exit_code=1,
                )
        self.latest |= metrics

    def evaluate(self, log: Logger, *, final: bool) -> None:
        """Evaluate the agent, and keep its weights if nothing was better before."""
        count = self.config.eval_episodes
        seeds = [episode_seed(self.config.seed, 0, number, "selection") for number in range(count)]
        check = self.stop.check_grace if final else self.stop.check
        try:
            result = evaluate(self.agent, self.config.algorithm, self.evaluation, seeds, check)
        finally:
            self.agent.bind(self.environments)
        scores = result.to_json()
        scalars = {"eval/mean_reward": result.mean_reward, "eval/mean_ep_length": scores["mean_length"]}
        scalars |= {f"eval/{name}": value for name, value in result.means.items()}
        (log.write_extra if final else log.write)(self.steps, self.seconds, scalars)
        self.reporter.say(
            f"{self.steps:>10,} steps, {self.seconds:4.0f} s   evaluation, {result.summary(('share', 'ratio'))}"
        )
        if final:
            return
        if result.all_alike and self.best == -math.inf:
            self.reporter.warn(f"all {count} evaluation episodes were identical; one is enough")
        if self._is_best(result):
            self.best = max(self.best, result.mean_reward)
            self._tie_breaker = result.tie_breaker
            scores.pop("episodes")
            with disk_errors(str(self.run.path), RESUMABLE):
                self.run.checkpoints.save_best(self.steps, self.agent, scores)

    def _is_best(self, result: Evaluation) -> bool:
        """Whether the mean reward is the highest so far.

        Of two that are equal to within a thousandth, the one with the lower metric to `minimize` is better, and of two
        that are equal in that too, the later one, which has learned longer.
        """
        if self.best == -math.inf:
            return True
        equal = 1e-3 * abs(self.best)
        if abs(result.mean_reward - self.best) <= equal:
            return result.tie_breaker <= self._tie_breaker
        return result.mean_reward > self.best

    def scalars(self) -> dict[str, float]:
        """What the agent logs, the speed, and means over the latest episodes."""
        recent = self.episodes.recent()
        scalars = self.latest | {"time/fps": self.steps / self.seconds, "time/episodes": self.episodes.finished}
        if recent:
            scalars["rollout/ep_rew_mean"] = _mean(recent, "reward")
            scalars["rollout/ep_len_mean"] = _mean(recent, "length")
            means = mean_metrics(recent, self.environments.metrics)
            scalars |= {f"rollout/{name}": value for name, value in means.items()}
        return scalars

    def figures(self) -> dict[str, str]:
        """Speed, mean return, and the environment's own metrics that are shares."""
        recent = self.episodes.recent()
        figures = {"steps/s": f"{self.steps / self.seconds:,.0f}"}
        if recent:
            figures["return"] = f"{_mean(recent, 'reward'):.3g}"
            metrics = self.environments.metrics
            means = mean_metrics(recent, metrics)
            shares = [metric for metric in metrics.values() if metric.kind == "share" and metric.name in means]
            figures |= {metric.name.replace("_", " "): f"{100 * means[metric.name]:.0f} %" for metric in shares}
        return figures

    def state(self) -> State:
        """The running episodes, what was logged last, and what chooses among equal evaluations."""
        tie_breaker = None if self._tie_breaker == math.inf else self._tie_breaker
        return {"latest": self.latest, "episodes": self.episodes.state(), "tie_breaker": tie_breaker}

    def load_state(self, state: State) -> None:
        """Read what `state` returned."""
        for tag, value in state["latest"].items():
            check_state(value, 0.0, tag)
        self.latest = {tag: float(value) for tag, value in state["latest"].items()}
        self.episodes.load_state(state["episodes"])
        check_state(state["tie_breaker"], None, "tie_breaker")
        self._tie_breaker = math.inf if state["tie_breaker"] is None else float(state["tie_breaker"])

    def resume(self, unsaved: int = 0) -> bool:
        """Continue from the newest intact checkpoint, and step the running episodes to where they were."""
        restored = super().resume(unsaved)
        if restored and not self.episodes.replay():
            self.agent.cut()
            self.reporter.warn(
                "the environment did not reproduce its running episodes from their seeds and actions: new episodes "
                "have begun, so this run differs from an uninterrupted one"
            )
        return restored


def _mean(episodes: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(sum(episode[key] for episode in episodes) / len(episodes))

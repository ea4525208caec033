"""Time to solve four classic control tasks with default settings, beside Stable-Baselines3's DQN as tuned by its Zoo.

    pip install -e ".[bench]"
    python scripts/bench/classic_control.py --json scripts/bench/results/classic_control.json

Ours trains with its default preset and budget. The peer has the hyperparameters and budget of RL Baselines3 Zoo for
each task (hyperparams/dqn.yml). Both train in turn, each in a process of its own with one thread, and are evaluated by
the same code: every `--interval` steps, 20 greedy episodes with the same seeds. A task is solved when their mean
reaches the environment's reward_threshold; the agent is then evaluated on 100 other episodes. Seconds are of training,
without evaluation and start-up. An interrupted benchmark resumes from its JSON file.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from common.reporting import Row, Rows, quiet

from rlkit.agent import Agent
from rlkit.cli.options import read_seeds
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.env.vector import VecEnv
from rlkit.experiments.statistics import interval
from rlkit.training import config as training_config
from rlkit.training import run
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.evaluation import evaluate
from rlkit.training.logger import Logger

EPISODES = 20
OTHERS = 100
PEER = "stable-baselines3"
WIDE = {"net_arch": [256, 256]}

# RL Baselines3 Zoo, hyperparams/dqn.yml: budget in steps and the arguments of DQN. LunarLander's are those of v2.
TUNED: dict[str, tuple[int, dict[str, Any]]] = {
    "CartPole-v1": (
        50_000,
        {
            "learning_rate": 2.3e-3,
            "batch_size": 64,
            "buffer_size": 100_000,
            "learning_starts": 1_000,
            "gamma": 0.99,
            "target_update_interval": 10,
            "train_freq": 256,
            "gradient_steps": 128,
            "exploration_fraction": 0.16,
            "exploration_final_eps": 0.04,
        },
    ),
    "Acrobot-v1": (
        100_000,
        {
            "learning_rate": 6.3e-4,
            "batch_size": 128,
            "buffer_size": 50_000,
            "learning_starts": 0,
            "gamma": 0.99,
            "target_update_interval": 250,
            "train_freq": 4,
            "gradient_steps": -1,
            "exploration_fraction": 0.12,
            "exploration_final_eps": 0.1,
        },
    ),
    "MountainCar-v0": (
        120_000,
        {
            "learning_rate": 4e-3,
            "batch_size": 128,
            "buffer_size": 10_000,
            "learning_starts": 1_000,
            "gamma": 0.98,
            "target_update_interval": 600,
            "train_freq": 16,
            "gradient_steps": 8,
            "exploration_fraction": 0.2,
            "exploration_final_eps": 0.07,
        },
    ),
}
TUNED["LunarLander-v3"] = TUNED["Acrobot-v1"]  # the Zoo has the same values for both
ENVS = "CartPole-v1", "Acrobot-v1", "LunarLander-v3", "MountainCar-v0"


class Solved(Exception):  # noqa: N818 - not an error
    """The threshold is reached, which ends the training."""


@dataclass
class Race:
    """The evaluations of one learner.

    Args:
        env: Id of the environment.
        seed: Of the run; evaluation episodes follow from it.
        places: Environments of the evaluations.
    """

    env: str
    seed: int
    places: VecEnv
    evaluations: list[tuple[int, float, float]] = field(default_factory=list)  # steps, seconds of training, mean reward
    measuring: float = 0.0  # seconds

    @property
    def threshold(self) -> float:
        """The mean reward at which the environment counts as solved."""
        return float(gymnasium.spec(self.env).reward_threshold or np.inf)

    @property
    def solved(self) -> bool:
        """Whether the newest evaluation reached it."""
        return bool(self.evaluations) and self.evaluations[-1][2] >= self.threshold

    def measure(self, agent: Agent, steps: int, seconds: float) -> None:
        """Evaluate an agent after so many steps and seconds, which include earlier evaluations."""
        began = time.perf_counter()
        seeds = [episode_seed(self.seed, 0, number, "selection") for number in range(EPISODES)]
        reward = evaluate(agent, "agent", self.places, seeds).mean_reward
        self.evaluations.append((steps, round(seconds - self.measuring, 3), reward))
        self.measuring += time.perf_counter() - began

    def row(self, learner: str, agent: Agent, budget: int) -> Row:
        """The figures, with an evaluation on other episodes."""
        seeds = [episode_seed(self.seed, 0, number, "evaluation") for number in range(OTHERS)]
        result = evaluate(agent, "agent", self.places, seeds)
        steps, seconds, reward = self.evaluations[-1]
        return {
            "env": self.env,
            "learner": learner,
            "seed": self.seed,
            "solved": self.solved,
            "steps": steps,
            "seconds": seconds,
            "mean_reward": reward,
            "other_episodes": result.mean_reward,
            "budget": budget,
            "evaluations": self.evaluations,
        }


# ------------------------------------------------------------------------------------------------------------- learners


def ours(env: str, seed: int, steps: int | None, every: int) -> Row:
    """Train with the default preset until the task is solved or the budget used up."""
    config = training_config.plan(env, seed=seed, steps=steps, device="cpu", eval_freq=every, eval_episodes=EPISODES)
    agents: list[Agent] = []
    with make_vec_env(config.evaluation, EPISODES) as places, tempfile.TemporaryDirectory() as folder:
        race = Race(env, seed, places)

        class Measured(AgentTrainer):
            """Our training loop, with the evaluation that the peer has too, and an end once the task is solved."""

            def evaluate(self, log: Logger, *, final: bool) -> None:
                agents.append(self.agent)
                race.measure(self.agent, self.steps, self.seconds)
                self.agent.bind(self.environments)
                if race.solved:
                    raise Solved

        run.AgentTrainer = Measured  # type: ignore[misc]
        with contextlib.suppress(Solved):
            run.start(config, run_dir=Path(folder) / "run", reporter=quiet)
        return race.row("ours", agents[-1], config.steps)


def peer(env: str, seed: int, steps: int | None, every: int) -> Row:
    """Train Stable-Baselines3's DQN with the Zoo's hyperparameters until the task is solved or the budget used up."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.callbacks import BaseCallback

    budget, arguments = TUNED[env]
    budget = steps or budget
    model = DQN("MlpPolicy", gymnasium.make(env), policy_kwargs=WIDE, seed=seed, device="cpu", **arguments)
    agent = Greedy(model)
    with make_vec_env(EnvConfig(env), EPISODES) as places:
        race = Race(env, seed, places)
        began = time.perf_counter()

        class Measuring(BaseCallback):
            def _on_step(self) -> bool:
                if self.num_timesteps % every == 0:
                    race.measure(agent, self.num_timesteps, time.perf_counter() - began)
                return not race.solved

        model.learn(budget, callback=Measuring())
        if not race.evaluations:
            race.measure(agent, budget, time.perf_counter() - began)
        return race.row(PEER, agent, budget)


class Greedy(Agent):
    """A model of Stable-Baselines3 with the interface of rlkit's evaluation."""

    def __init__(self, model: Any):
        self._model = model

    @classmethod
    def build(cls, *arguments: Any, **options: Any) -> Any:
        """It is built from a model."""
        raise NotImplementedError

    def act(self, observations: Any, explore: bool) -> Any:
        """The greedy actions of N observations."""
        (vectors,) = observations.values()
        return self._model.predict(np.asarray(vectors), deterministic=not explore)[0]


LEARNERS = {"ours": ours, PEER: peer}


# ---------------------------------------------------------------------------------------------------------------- table


def table(rows: Rows, envs: Sequence[str]) -> list[Row]:
    """One line per task and learner: seeds solved, median steps and seconds, and how much longer the peer took."""
    lines = []
    for env in envs:
        of_ours = [row for row in rows.rows if row["env"] == env and row["learner"] == "ours"]
        for learner in LEARNERS:
            found = [row for row in rows.rows if row["env"] == env and row["learner"] == learner]
            if not found:
                continue
            seconds = [row["seconds"] for row in found]
            quickest = statistics.median(row["seconds"] for row in of_ours) if of_ours else None
            others = interval([row["other_episodes"] for row in found])
            lines.append(
                {
                    "env": env,
                    "learner": learner,
                    "solved": sum(row["solved"] for row in found),
                    "seeds": len(found),
                    "median_steps": statistics.median(row["steps"] for row in found),
                    "median_seconds": statistics.median(seconds),
                    "longest_seconds": max(seconds),
                    "times_ours": quickest and statistics.median(seconds) / quickest,
                    "other_episodes": {"iqm": others.value, "low": others.low, "high": others.high},
                }
            )
    return lines


def show(lines: Sequence[Row]) -> None:
    """Print the table; where not all seeds solved a task, its steps and seconds are at least what stands there."""
    print(f"{'':16}{'':20}{'solved':>8}{'steps':>10}{'seconds':>10}{'longest':>10}{'× ours':>8}   100 other episodes")
    for line in lines:
        least = ">" if line["solved"] < line["seeds"] else ""
        ratio = "" if line["times_ours"] is None else f"{line['times_ours']:.1f}"
        others = line["other_episodes"]
        print(
            f"{line['env']:16}{line['learner']:20}{line['solved']:>4} of {line['seeds']}"
            f"{least + format(line['median_steps'], ',.0f'):>10}{least + format(line['median_seconds'], '.1f'):>10}"
            f"{least + format(line['longest_seconds'], '.1f'):>10}{ratio:>8}"
            f"   {others['iqm']:.1f} [{others['low']:.1f}, {others['high']:.1f}]"
        )


def main() -> None:
    """Run what the file does not hold yet, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", default=list(ENVS), choices=ENVS)
    parser.add_argument("--learners", nargs="+", default=list(LEARNERS), choices=LEARNERS)
    parser.add_argument("--seeds", default="0..4", help="such as 0..4")
    parser.add_argument("--interval", type=int, default=2_000, help="steps between evaluations")
    parser.add_argument("--steps", type=int, help="budget of both, to try it out")
    parser.add_argument("--json", type=Path, help="write the figures to this file, and go on with those in it")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)  # in this process, as JSON
    options = parser.parse_args()
    if options.one:
        torch.set_num_threads(1)
        (env,), (learner,), (seed,) = options.envs, options.learners, read_seeds(options.seeds)
        print(json.dumps(LEARNERS[learner](env, seed, options.steps, options.interval)))
        return
    packages = [PEER, "box2d"]
    shared = {"interval": options.interval, "steps": options.steps, "episodes": EPISODES}
    rows = Rows(options.json, ("env", "learner", "seed"), packages, shared)
    for env in options.envs:
        for seed in read_seeds(options.seeds):
            for learner in options.learners:
                if not rows.has(env=env, learner=learner, seed=seed):
                    row = apart(env, learner, seed, options.steps, options.interval)
                    rows.add(row)
                    state = "solved" if row["solved"] else "NOT solved"
                    print(
                        f"{env:16}{learner:20} seed {seed}  {state} after {row['steps']:>7,} steps, "
                        f"{row['seconds']:6.1f} s  ({row['mean_reward']:.1f}; others {row['other_episodes']:.1f})",
                        flush=True,
                    )
    lines = table(rows, options.envs)
    rows.write(table=lines)
    show(lines)


def apart(env: str, learner: str, seed: int, steps: int | None, every: int) -> Row:
    """Run one learner in a process of its own, with one thread."""
    command = [sys.executable, __file__, "--one", "--envs", env, "--learners", learner, "--seeds", str(seed)]
    command += ["--interval", str(every)] + ([] if steps is None else ["--steps", str(steps)])
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    return row


if __name__ == "__main__":
    main()

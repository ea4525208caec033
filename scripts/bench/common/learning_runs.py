"""Training runs of benchmarks: train or resume, evaluate, one row of figures each."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.reporting import Row, Rows, quiet, whole
from rlkit.env.config import code_of
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.config import RunConfig
from rlkit.training.logger import read_metrics
from rlkit.training.run import resume, train
from rlkit.training.run_folder import RunFolder

LONGEST_NAME = 240  # characters of a folder's, before the seed; file systems end at 255


@dataclass(frozen=True)
class Task:
    """A training task and its evaluation.

    Args:
        env: Id of the environment.
        steps: Budget, in steps of a single environment.
        env_kwargs: Its arguments.
        algo: Name of the agent.
        preset: Name of its preset; None for the default.
        settings: Hyperparameters that differ from the preset, as typed.
        num_envs: Number of parallel environments; None for the default.
        eval_freq: Steps between evaluations; 0 for none.
        eval_episodes: Episodes of each.
        milestones: Mean rewards of an evaluation; the time at which each is first reached is reported.
        episodes: Of the final evaluation, distinct from those of earlier evaluations.
        deterministic: Whether to train with one thread, for several runs side by side.
        async_envs: Whether environments step in a thread of their own while the agent learns.
    """

    env: str
    steps: int
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    algo: str = "dqn"
    preset: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    num_envs: int | None = 8
    eval_freq: int = 100_000
    eval_episodes: int = 30
    milestones: Sequence[float] = ()
    episodes: int = 30
    deterministic: bool = False
    async_envs: bool = False

    def name(self, seed: int) -> str:
        """Name of the run folder, distinct for distinct tasks."""
        together = "auto" if self.num_envs is None else str(self.num_envs)
        words = [self.env.rpartition("/")[2], self.algo, self.preset or "default", str(self.steps), together]
        words += [f"{key}={value}" for key, value in sorted({**self.env_kwargs, **self.settings}.items())]
        words += ["async_envs"] if self.async_envs else []
        name = "-".join(words).replace("/", "_").replace(":", "_").replace(" ", "")
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME // 2]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
        return f"{name}-s{seed}"


def learn_all(task: Task, seeds: Sequence[int], folder: Path, rows: Rows, **more: Any) -> None:
    """Train and evaluate with each seed that `rows` lacks, and add the figures, with `more` columns."""
    for seed in seeds:
        if not rows.has(run=task.name(seed)):
            row = learn(task, seed, folder)
            rows.add(row | more)
            print(describe(row), flush=True)


def learn(task: Task, seed: int, folder: Path) -> Row:
    """Train one agent, or resume it, and evaluate it; returns the row of figures."""
    run = folder / task.name(seed)
    trusted = task.env if code_of(task.env) else None  # code named by a run folder is imported only if given here
    if run.exists():
        trained = resume(run, env=trusted, reporter=quiet)
    else:
        trained = train(
            task.env,
            algo=task.algo,
            preset=task.preset,
            settings=task.settings,
            steps=task.steps,
            seed=seed,
            num_envs=task.num_envs,
            env_kwargs=task.env_kwargs,
            eval_freq=task.eval_freq,
            eval_episodes=task.eval_episodes,
            save_freq=max(1, task.steps // 20),
            deterministic=task.deterministic,
            async_envs=task.async_envs,
            run_dir=run,
            reporter=quiet,
        )
    whole(trained)
    metrics = list(read_metrics(run))
    evaluations = [row for row in metrics if "eval/mean_reward" in row]
    last = evaluate_policy(find_policy(newest(run), env=trusted), episodes=task.episodes)
    best = evaluate_policy(find_policy(run, env=trusted), episodes=task.episodes) if evaluations else last
    return {
        "run": run.name,
        "env": Path(task.env).name if trusted else task.env,  # the same in whatever folder the file lies
        "env_kwargs": dict(task.env_kwargs),
        "algo": task.algo,
        "preset": RunFolder.open(run, RunConfig).config.preset,
        "settings": dict(task.settings),
        "seed": seed,
        "steps": task.steps,
        "minutes": (evaluations or metrics)[-1]["seconds"] / 60,
        "reached": {f"{score:g}": first(evaluations, score) for score in task.milestones},
        "curve": [[row["steps"], row["seconds"], row["eval/mean_reward"]] for row in evaluations],
        "episodes": task.episodes,
        "last": last.mean_reward,
        "last_std": last.to_json()["std_reward"],
        "best": best.mean_reward,
        "best_std": best.to_json()["std_reward"],
    }


def first(evaluations: Sequence[Mapping[str, Any]], score: float) -> dict[str, float] | None:
    """Time at which an evaluation first reached a mean reward; minutes include training and evaluation."""
    for row in evaluations:
        if row["eval/mean_reward"] >= score:
            return {"steps": row["steps"], "minutes": row["seconds"] / 60}
    return None


def newest(run: Path) -> Path:
    """The folder of a run's last checkpoint."""
    return max(folder for folder in (run / "checkpoints").iterdir() if folder.name.isdigit())


def describe(row: Mapping[str, Any]) -> str:
    """A row as text."""
    reached = [
        f"{score} after {when['minutes']:.1f} min, {when['steps']:,} steps" if when else f"{score} not reached"
        for score, when in row["reached"].items()
    ]
    return (
        f"{row['run']}: {row['last']:.1f} ± {row['last_std']:.1f} at the end, best checkpoint {row['best']:.1f} ± "
        f"{row['best_std']:.1f} ({row['episodes']} episodes each; {row['minutes']:.1f} min)"
        + "".join(f"; {sentence}" for sentence in reached)
    )

"""`rlkit tune`: search for good hyperparameters."""

import dataclasses
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from rlkit.cli.options import (
    KeyValues,
    RayOption,
    RayWorkingDir,
    check_ray,
    check_result_target,
    read_kwargs,
    read_pairs,
    unset,
    write_result,
)
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.experiments.tuning import SearchResult

KNOWN_BY = {"trial", "score", "settings", "command"}  # keys of its JSON


@dataclass(frozen=True)
class Tune:
    """Search for hyperparameters; the same command resumes the search.

    For instance:  rlkit tune CartPole-v1 --steps 20000 --trials 30 --num-seeds 3
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """The environment, as for rlkit train."""
    algo: Annotated[str, tyro.conf.arg(metavar="NAME")] = "dqn"
    """The agent."""
    preset: Annotated[str | None, unset("NAME")] = None
    """Named set of hyperparameters to start from; the first trial is the preset itself if the search contains it."""
    search: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]],
        tyro.conf.arg(metavar="KEY[=LOW..HIGH|=A,B] [...]", help_behavior_hint="(may be given several times)"),
    ] = ()
    """The search space (the agent's recommendation if not given): learning_rate, gamma=0.9..0.999, batch_size=32,64."""
    set: KeyValues = ()
    """Hyperparameters that are fixed in all trials; without --search they are not searched."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    trials: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """Total number of trials, including those of earlier calls."""
    steps: Annotated[int | None, unset("N")] = None
    """Total environment steps of each run."""
    num_seeds: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Runs per trial, with the same seeds in each trial."""
    seed: Annotated[int, tyro.conf.arg(metavar="S")] = 0
    """Seed of the search, and of the first run of each trial."""
    time_limit: Annotated[float | None, unset("SECONDS")] = None
    """Stop after this many seconds; an unfinished trial is resumed next time."""
    metric: Annotated[str, tyro.conf.arg(metavar="TAG")] = "eval/mean_reward"
    """The metric to maximize: any scalar of an evaluation, such as eval/lap_rate."""
    study: Annotated[Path | None, unset("FILE.sqlite3")] = None
    """The Optuna study (runs/tune-ENV-ALGO/study.sqlite3 if not given); its trials are saved in a folder beside it."""
    num_envs: Annotated[int | None, unset("N")] = None
    """Number of parallel environments."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the networks."""
    ray: RayOption = None
    ray_working_dir: RayWorkingDir = None
    json: Annotated[str | None, unset("FILE")] = None
    """Write the best trial to this file (- for standard output)."""

    def run(self) -> None:
        """Search."""
        for option, number, least in (
            ("trials", self.trials, 1),
            ("num-seeds", self.num_seeds, 1),
            ("seed", self.seed, 0),
        ):
            if number < least:
                raise UserError(f"--{option} {number}: expected a whole number of at least {least}")
        if self.time_limit is not None and not self.time_limit > 0:
            raise UserError(f"--time-limit {self.time_limit:g}: expected a number of seconds greater than 0")
        check_ray(self.ray, self.ray_working_dir)
        check_result_target(self.json, KNOWN_BY)
        settings, env_kwargs = read_pairs("--set", self.set), read_kwargs("--env-kwargs", self.env_kwargs)
        from rlkit.experiments.tuning import Search, default_file, load_optuna, tune
        from rlkit.training.signals import exit_status

        search = Search(
            env=self.env,
            algo=self.algo,
            preset=self.preset,
            settings=settings,
            search=[item for group in self.search for item in group],
            env_kwargs=env_kwargs,
            steps=self.steps,
            seeds=self.num_seeds,
            seed=self.seed,
            num_envs=self.num_envs,
            device=self.device,
            metric=self.metric,
            elsewhere=self.ray is not None,
        )
        file = self.study or default_file(self.env, self.algo)
        say = functools.partial(print, flush=True, file=sys.stderr if self.json == "-" else sys.stdout)
        say(f"study: {file}")
        stops: list[str] = []
        options: dict[str, Any] = {
            "trials": self.trials,
            "timeout": self.time_limit,
            "say": say,
            "on_stop": stops.append,
        }
        if self.ray is None:
            best = tune(search, file, **options)
        else:
            from rich.console import Console

            from rlkit.experiments.ray_executor import ray_executor

            load_optuna()  # missing packages are told before a cluster is started
            console = Console(stderr=self.json == "-")
            with ray_executor(
                self.ray, search.plan({}), working_dir=self.ray_working_dir, say=say, console=console
            ) as executor:
                best = tune(search, file, **options, executor=executor)
        if best is None:
            say("no trial is complete yet")
        else:
            self._tell(best, say)
        status = max(map(exit_status, stops), default=0)
        if status:
            sys.exit(status)

    def _tell(self, best: "SearchResult", say: Callable[[str], None]) -> None:
        """Print the best trial."""
        say(f"best of {best.trials} trials ({best.pruned} pruned): {best.trial}, {best.score:.4g}")
        say(f"train with it, on seeds that the search did not use:\n  {best.command}")
        if self.json is not None:
            write_result(self.json, dataclasses.asdict(best), KNOWN_BY)

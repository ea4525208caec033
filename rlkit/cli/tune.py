"""`rlkit tune`: search for good hyperparameters."""

import dataclasses
import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlkit.cli.options import KeyValues, check_result_target, read_kwargs, read_pairs, unset, write_result
from rlkit.errors import UserError

KNOWN_BY = {"trial", "score", "settings", "command"}  # keys of the JSON: such a file may be replaced


@dataclass(frozen=True)
class Tune:
    """Search for hyperparameters that suit an environment, and go on with the search by the same command.

    For instance:  rlkit tune CartPole-v1 --steps 20000 --trials 30 --seeds 3
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """The environment, as for rlkit train."""
    algo: Annotated[str, tyro.conf.arg(metavar="NAME")] = "dqn"
    """Which agent learns."""
    preset: Annotated[str | None, unset("NAME")] = None
    """Named set of hyperparameters to start from; the first trial is this preset as it is."""
    search: Annotated[
        tyro.conf.UseAppendAction[tuple[tuple[str, ...], ...]],
        tyro.conf.arg(metavar="KEY[=LOW..HIGH|=A,B] [...]", help_behavior_hint="(may be given several times)"),
    ] = ()
    """What to search (what the agent advises if not given): learning_rate, gamma=0.9..0.999, batch_size=32,64."""
    set: KeyValues = ()
    """Hyperparameters that are the same in every trial."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    trials: Annotated[int, tyro.conf.arg(metavar="N")] = 20
    """How many trials there shall be in all, those of earlier calls counted."""
    steps: Annotated[int | None, unset("N")] = None
    """Budget of each run in steps of a single environment."""
    seeds: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Runs in a trial, with seeds that are the same in each; a good value on one seed may be luck."""
    seed: Annotated[int, tyro.conf.arg(metavar="S")] = 0
    """The first seed, and what fixes the choices."""
    timeout: Annotated[float | None, unset("SECONDS")] = None
    """Stop after this many seconds; a trial under way goes on next time."""
    metric: Annotated[str, tyro.conf.arg(metavar="TAG")] = "eval/mean_reward"
    """What to make as great as possible: any scalar of an evaluation, such as eval/lap_rate."""
    study: Annotated[Path | None, unset("FILE.sqlite3")] = None
    """The file that remembers (runs/tune-ENV-ALGO/study.sqlite3 if not given); trials lie in a folder beside it."""
    num_envs: Annotated[int | None, unset("N")] = None
    """Environments stepped together."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks live."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the best trial to this file (- for standard output)."""

    def run(self) -> None:
        """Search."""
        for option, number, least in (("trials", self.trials, 1), ("seeds", self.seeds, 1), ("seed", self.seed, 0)):
            if number < least:
                raise UserError(f"--{option} {number}: expected a whole number of at least {least}")
        if self.timeout is not None and not self.timeout > 0:
            raise UserError(f"--timeout {self.timeout:g}: expected a number of seconds greater than 0")
        check_result_target(self.json, KNOWN_BY)
        settings, env_kwargs = read_pairs("--set", self.set), read_kwargs("--env-kwargs", self.env_kwargs)
        from rlkit.experiments.tuning import Search, default_file, tune

        search = Search(
            env=self.env,
            algo=self.algo,
            preset=self.preset,
            settings=settings,
            search=[item for group in self.search for item in group],
            env_kwargs=env_kwargs,
            steps=self.steps,
            seeds=self.seeds,
            seed=self.seed,
            num_envs=self.num_envs,
            device=self.device,
            metric=self.metric,
        )
        file = self.study or default_file(self.env, self.algo)
        say = functools.partial(print, flush=True, file=sys.stderr if self.json == "-" else sys.stdout)
        say(f"study: {file}")
        best = tune(search, file, trials=self.trials, timeout=self.timeout, say=say)
        if best is None:
            say("no trial has come to its end yet")
            return
        say(f"best of {best.trials} trials ({best.given_up} given up early): {best.trial}, {best.score:.4g}")
        say(f"train with it, on seeds that the search has not seen:\n  {best.command}")
        if self.json is not None:
            write_result(self.json, dataclasses.asdict(best), KNOWN_BY)

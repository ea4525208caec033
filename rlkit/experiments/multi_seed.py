"""The same run with several seeds: one folder each, taken up again where they stopped, told as one result."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rlkit.errors import UserError
from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import REWARD, read_run
from rlkit.experiments.report import aggregate_lines, summarise
from rlkit.training import run as training_run
from rlkit.training.config import RunConfig
from rlkit.training.progress import make_reporter
from rlkit.training.run import MakeReporter, Run
from rlkit.training.run_folder import RunFolder


def train_seeds(
    config: RunConfig,
    seeds: Sequence[int],
    *,
    folder: Path | None = None,
    env: str | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    started: Callable[[Path], None] | None = None,
    say: Callable[[str], None] = print,
) -> list[Run]:
    """Train one run per seed, one after the other.

    In a folder that holds some of them already, complete ones are left as they are and unfinished ones go on, so that
    an interrupted set is continued by the same call. Nothing is overwritten.

    Args:
        config: The run, whatever its own seed.
        seeds: The seeds.
        folder: Holds one run folder per seed, s0, s1 and so on; None makes each under `runs/`.
        env: The environment's id as typed: needed to go on where it names a file or a module to import.
        time_limit: Seconds for each seed, counted anew when a set is continued.
        reporter: Makes who is told how each run goes.
        started: Called with each run folder once it is there.
        say: Told what is skipped, and in the end what all seeds came to.

    Returns:
        The runs until the first that a signal stopped.

    Raises:
        UserError: If the folder holds another run under one of the names, or for anything that `training.run.start`
            refuses.
    """
    configs = {seed: dataclasses.replace(config, seed=seed) for seed in seeds}
    paths = {seed: None if folder is None else folder / f"s{seed}" for seed in seeds}
    going_on = {seed for seed, path in paths.items() if path is not None and _is_same(path, configs[seed])}
    done: list[Run] = []
    for seed, path in paths.items():
        if seed in going_on and path is not None:
            # Damaged checkpoints are reported when the run is resumed.
            saved = RunFolder.open(path, RunConfig).checkpoints.newest(lambda _: None)
            if saved is not None and saved.steps >= configs[seed].steps:
                say(f"{path} is complete and left as it is")
                done.append(Run(path, saved.steps, None))
                continue
            # Its arguments are those that were typed, as `_is_same` has found.
            typed = configs[seed].environment.kwargs
            done.append(training_run.resume(path, env=env, env_kwargs=typed, time_limit=time_limit, reporter=reporter))
        else:
            done.append(
                training_run.start(
                    configs[seed], run_dir=path, time_limit=time_limit, reporter=reporter, started=started
                )
            )
        if done[-1].stopped not in (None, "time limit"):
            if folder is not None:
                say(f"the set of seeds is interrupted; the same command with --run-dir {folder} goes on with it")
            break
    for line in told([run.path for run in done]):
        say(line)
    return done


def told(folders: Sequence[Path], tag: str = REWARD) -> list[str]:
    """What runs that differ in their seed alone came to: each of them, then all, with an interval."""
    groups = group_runs([read_run(folder) for folder in folders])
    return [line for group in groups for line in aggregate_lines(summarise(group, tag))]


def _is_same(path: Path, config: RunConfig) -> bool:
    """Whether this very run is there already; False where there is none.

    Raises:
        UserError: If another one is, naming what differs.
    """
    if not (path / "config.json").exists():
        return False
    differing = config.differences(RunFolder.open(path, RunConfig).config)
    if differing:
        told = [f"{key} = {there!r}, asked for {asked!r}" for key, (there, asked) in differing.items()]
        more = f"; and {len(told) - 4} more" if len(told) > 4 else ""
        raise UserError(
            f"{path} holds a run with other settings ({'; '.join(told[:4])}{more}): choose another --run-dir"
        )
    return True

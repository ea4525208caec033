"""The same run with several seeds: one folder each, resumed where they stopped, summarised as one result."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from rlkit.errors import EnvironmentFailure, UserError
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

    If some of them exist in the folder, complete ones are skipped and unfinished ones are resumed, so that the same
    call continues an interrupted set. Nothing is overwritten.

    Args:
        config: The run; its own seed is ignored.
        seeds: The seeds.
        folder: Holds one run folder per seed, s0, s1 and so on; None makes each under `runs/`.
        env: The environment's id as typed: needed to resume where it names a file or a module to import.
        time_limit: Seconds for each seed in this call.
        reporter: Makes what shows the progress of a run.
        started: Called with each run folder once it exists.
        say: Takes what is skipped, and a summary of all seeds at the end.

    Returns:
        The runs until the first that a signal stopped.

    Raises:
        UserError: The folder holds another run under one of the names, or `training.run.start` refuses a run.
        EnvironmentFailure: The environment failed with some of the seeds; raised after all were trained.
    """
    configs = {seed: dataclasses.replace(config, seed=seed) for seed in seeds}
    paths = {seed: None if folder is None else folder / f"s{seed}" for seed in seeds}
    existing = {seed for seed, path in paths.items() if path is not None and _is_same(path, configs[seed])}
    done: list[Run] = []
    failures: dict[int, EnvironmentFailure] = {}
    for seed, path in paths.items():
        try:
            if seed in existing and path is not None:
                # Damaged checkpoints are reported when the run is resumed.
                saved = RunFolder.open(path, RunConfig).checkpoints.newest(lambda _: None)
                if saved is not None and saved.steps >= configs[seed].steps and read_run(path).complete:
                    say(f"{path} is complete and left as it is")
                    done.append(Run(path, saved.steps, None))
                    continue
                # `_is_same` has compared its arguments with those that were typed.
                typed = configs[seed].environment.kwargs
                run = training_run.resume(path, env=env, env_kwargs=typed, time_limit=time_limit, reporter=reporter)
            else:
                run = training_run.start(
                    configs[seed], run_dir=path, time_limit=time_limit, reporter=reporter, started=started
                )
        except KeyboardInterrupt:
            say(_how_to_continue(seeds, seed, folder))
            raise
        except EnvironmentFailure as error:
            failures[seed] = error
            if seed != seeds[-1]:
                say(f"seed {seed} failed, the next one begins: {error}")
            continue
        done.append(run)
        if run.stopped not in (None, "time limit"):
            break
    for line in summary_lines([run.path for run in done]) if done else []:
        say(line)
    if done and done[-1].stopped not in (None, "time limit"):
        say(_how_to_continue(seeds, seed, folder))
    if failures:
        numbers, last = ", ".join(map(str, failures)), list(failures.values())[-1]
        raise EnvironmentFailure(f"{len(failures)} of {len(seeds)} seeds failed ({numbers}), the last with: {last}")
    return done


def _how_to_continue(seeds: Sequence[int], stopped: int, folder: Path | None) -> str:
    """How to continue a set that was interrupted in the run of seed `stopped`."""
    if folder is not None:
        return f"the set of seeds is interrupted; the same command with --run-dir {folder} continues it"
    left = ",".join(str(seed) for seed in seeds[list(seeds).index(stopped) + 1 :])
    more = f"then begin the seeds that are left with --seeds {left}" if left else "it is the last one"
    return f"the set of seeds is interrupted in seed {stopped}: resume its run by --resume, {more}"


def summary_lines(folders: Sequence[Path], tag: str = REWARD) -> list[str]:
    """Results of runs that differ only in their seed: one line per run, then all with a confidence interval."""
    groups = group_runs([read_run(folder) for folder in folders])
    return [line for group in groups for line in aggregate_lines(summarise(group, tag))]


def _is_same(path: Path, config: RunConfig) -> bool:
    """Whether the folder holds this run; False where it holds none.

    Raises:
        UserError: It holds another run; the message names what differs.
    """
    if not (path / "config.json").exists():
        return False
    differing = config.differences(RunFolder.open(path, RunConfig).config)
    if differing:
        described = [f"{key} = {there!r}, asked for {asked!r}" for key, (there, asked) in differing.items()]
        more = f"; and {len(described) - 4} more" if len(described) > 4 else ""
        there, asked = differing.get("steps", (0, 0))
        further = f", or train it further: rlkit train --resume {path} --steps {asked}" if asked > there else ""
        raise UserError(
            f"{path} holds a run with other settings ({'; '.join(described[:4])}{more}): choose another --run-dir"
            f"{further}"
        )
    return True

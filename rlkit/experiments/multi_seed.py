"""The same run with several seeds: one folder each, resumed where they stopped, summarised as one result."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rlkit.errors import EnvironmentFailure, UserError
from rlkit.experiments.executor import Executor, Job, LocalExecutor
from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import REWARD, read_run
from rlkit.experiments.report import aggregate_lines, summarise
from rlkit.training.config import RunConfig
from rlkit.training.run import MakeReporter, Run
from rlkit.training.run_folder import RunFolder


def train_seeds(
    config: RunConfig,
    seeds: Sequence[int],
    *,
    folder: Path | None = None,
    env: str | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter | None = None,
    started: Callable[[Path], None] | None = None,
    say: Callable[[str], None] = print,
    executor: Executor | None = None,
) -> list[Run]:
    """Train one run per seed.

    If some of them exist in the folder, complete ones are skipped and unfinished ones are resumed, so that the same
    call continues an interrupted set. Nothing is overwritten.

    Args:
        config: The run; its own seed is ignored.
        seeds: The seeds.
        folder: Holds one run folder per seed, s0, s1 and so on; None makes each under `runs/`.
        env: The environment's id as typed: needed to resume where it names a file or a module to import.
        time_limit: Seconds for each seed in this call.
        reporter: Makes what shows the progress of a run; None for the executor's own.
        started: Called with each run folder once it exists.
        say: Takes what is skipped, and a summary of all seeds at the end.
        executor: Where they are trained; None for one after the other in this process.

    Returns:
        The runs that have ended, by seed; those that a signal stopped included.

    Raises:
        UserError: The folder holds another run under one of the names, or `training.run.start` refuses a run. Where
            several are trained at once, the others are trained before it is raised.
        EnvironmentFailure: The environment failed with some of the seeds; raised after all were trained.
    """
    executor = executor or LocalExecutor()
    configs = {seed: dataclasses.replace(config, seed=seed) for seed in seeds}
    paths = {seed: None if folder is None else folder / f"s{seed}" for seed in seeds}
    existing = {seed for seed, path in paths.items() if path is not None and _is_same(path, configs[seed])}
    done: dict[int, Run] = {}
    failures: dict[int, UserError] = {}
    begun: list[int] = []

    def jobs() -> Iterator[Job]:
        for seed, path in paths.items():
            if seed in existing and path is not None and (steps := _steps_if_complete(path, configs[seed])):
                say(f"{path} is complete and left as it is")
                done[seed] = Run(path, steps, None)
                continue
            begun.append(seed)
            yield Job(f"s{seed}", configs[seed], path, env, lambda: time_limit, reporter, started)

    left = jobs()
    try:
        with contextlib.closing(executor.train(lambda: next(left, None))) as ended:
            for job, outcome in ended:
                seed = job.config.seed
                if isinstance(outcome, Run):
                    done[seed] = outcome
                    continue
                if not (
                    isinstance(outcome, EnvironmentFailure) or (isinstance(outcome, UserError) and executor.concurrent)
                ):
                    raise outcome
                failures[seed] = outcome
                if executor.concurrent:
                    say(f"seed {seed} failed, the others go on: {outcome}")
                elif seed != seeds[-1]:
                    say(f"seed {seed} failed, the next one begins: {outcome}")
    except KeyboardInterrupt:
        say(_how_to_continue(seeds, begun[-1] if begun else seeds[0], folder))
        raise
    runs = [done[seed] for seed in seeds if seed in done]
    for line in summary_lines([run.path for run in runs]) if runs else []:
        say(line)
    if executor.stopped is not None:
        say(_how_to_continue(seeds, begun[-1], folder))
    if failures:
        numbers, last = ", ".join(map(str, failures)), list(failures.values())[-1]
        sentence = f"{len(failures)} of {len(seeds)} seeds failed ({numbers}), the last with: {last}"
        raise EnvironmentFailure(sentence) if isinstance(last, EnvironmentFailure) else UserError(sentence, exit_code=1)
    return runs


def _steps_if_complete(path: Path, config: RunConfig) -> int:
    """Steps of a run that has come to its end; 0 for another. Damaged checkpoints are reported when it is resumed."""
    saved = RunFolder.open(path, RunConfig).checkpoints.newest(lambda _: None)
    return saved.steps if saved is not None and saved.steps >= config.steps and read_run(path).complete else 0


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

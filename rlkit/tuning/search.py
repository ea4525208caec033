"""A search for good hyperparameters: what is searched, how each trial is judged, and what came of all of them."""

import dataclasses
import functools
import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlkit import plugins, runs
from rlkit.config import RunConfig
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain
from rlkit.reporting.records import REWARD, check_tag, read_run
from rlkit.safe_paths import path_inside
from rlkit.terminal import printable
from rlkit.tuning.space import Space, as_text, describe, read_space, start_of, suggest, to_json
from rlkit.tuning.study import load_optuna, locked, open_study, take_up_interrupted, trial_folder
from rlkit.tuning.trial import GIVEN_UP, run_trial

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

FAILURES = 3  # trials in a row that may break down before the search does


@dataclass(frozen=True)
class Search:
    """What is searched, and how each trial is judged.

    Args:
        env: Id of the environment.
        algo: Name of the agent.
        preset: Name of the preset to start from; None takes the agent's first.
        settings: Hyperparameters that are the same in every trial, as typed.
        search: What to search, as typed; see `space.read_space`.
        env_kwargs: Arguments of the environment.
        steps: Budget of each run; None takes the agent's own.
        seeds: Runs in a trial.
        seed: The first of their seeds, and what fixes the choices.
        num_envs: Environments stepped together.
        device: "auto", "cpu" or "cuda".
        metric: The scalar to make as great as possible.
    """

    env: str
    algo: str = "dqn"
    preset: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    search: Sequence[str] = ()
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None
    seeds: int = 1
    seed: int = 0
    num_envs: int | None = None
    device: str = "auto"
    metric: str = REWARD

    def plan(self, settings: Mapping[str, str]) -> RunConfig:
        """The run of one trial with its first seed; it is saved only where it stops, not in between."""
        return runs.plan(
            self.env,
            algo=self.algo,
            preset=self.preset,
            settings={**self.settings, **settings},
            steps=self.steps,
            seed=self.seed,
            device=self.device,
            num_envs=self.num_envs,
            env_kwargs=self.env_kwargs,
            save_freq=0,
        )


@dataclass(frozen=True)
class Best:
    """What a search has found.

    Args:
        trial: Name of the best trial, which is its folder's.
        score: What it reached.
        settings: Hyperparameters to add to the preset, as typed.
        command: What to type to train with them, with seeds that the search has not seen.
        trials: How many trials have ended.
        given_up: How many of those were given up early.
    """

    trial: str
    score: float
    settings: Mapping[str, str]
    command: str
    trials: int
    given_up: int


def tune(
    search: Search,
    file: Path,
    *,
    trials: int = 20,
    timeout: float | None = None,
    say: Callable[[str], None] = print,
) -> Best | None:
    """Search until so many trials have ended; the same call goes on with the same file.

    The first trial is the preset as it is. Each trial is a folder beside the file, with one ordinary run per seed.

    Args:
        search: What and how.
        file: SQLite file that remembers; made where it is missing.
        trials: How many there shall be in all, earlier ones counted.
        timeout: Seconds after which to stop; a trial under way goes on next time.
        say: Told how it goes.

    Returns:
        The best so far, or None where no trial has ended.

    Raises:
        UserError: If Optuna is missing, the file remembers another search, or nothing can be trained this way.
    """
    optuna = load_optuna()
    first = search.plan({})
    tell, say = say, lambda sentence: tell(printable(sentence))  # names come from the study's file
    config: Any = from_plain(plugins.agent_class(search.algo).Config, first.hyperparameters)
    space = read_space(config, search.search)
    both = sorted(set(space) & set(search.settings))
    if both:
        raise UserError(f"{both[0]} is searched and given by --set: leave out one of them")
    with locked(file):
        study = open_study(optuna, file, _identity(search, first, space), search.seed)
        if not study.trials:
            study.enqueue_trial(start_of(space, config))
        for line in describe(space):
            say(f"searching {line}")
        take_up_interrupted(optuna, study)
        deadline = None if timeout is None else time.monotonic() + timeout
        _search(optuna, study, search, space, config, file, trials, deadline, say)
        return _best(optuna, study, search, space, config, file)


def default_file(env: str, algo: str) -> Path:
    """Where a search is kept unless told otherwise, such as runs/tune-cartpole-dqn/study.sqlite3."""
    task = env.replace(":", "/").rstrip("/").rpartition("/")[2].partition("-v")[0].lower()
    return Path("runs") / f"tune-{task}-{algo}" / "study.sqlite3"


def _search(
    optuna: Any,
    study: "Study",
    search: Search,
    space: Space,
    config: Any,
    file: Path,
    trials: int,
    deadline: float | None,
    say: Callable[[str], None],
) -> None:
    states = optuna.trial.TrialState
    ended = (states.COMPLETE, states.PRUNED)
    left = functools.partial(_left, deadline)
    failures = 0
    while len(study.get_trials(deepcopy=False, states=ended)) < trials:
        if deadline is not None and time.monotonic() >= deadline:
            say("the time is up; the same command goes on with the search")
            return
        trial = study.ask()
        settings = suggest(trial, space, config)
        folder = trial.user_attrs.get("folder") or f"trial-{trial.number:04d}"
        trial.set_user_attr("folder", folder)
        trial.set_user_attr("settings", settings)
        told = ", ".join(f"{name}={text}" for name, text in settings.items())
        root = trial_folder(file, folder)
        try:
            first = search.plan(settings)
        except UserError as error:  # values that do not go together are no good, that is all
            say(f"{folder}: refused: {told}: {error}")
            study.tell(trial, state=states.PRUNED)
            continue
        seeds = range(search.seed, search.seed + search.seeds)
        configs = {path_inside(root, f"s{seed}"): dataclasses.replace(first, seed=seed) for seed in seeds}
        try:
            outcome = run_trial(configs, search.metric, _report(trial), env=search.env, seconds_left=left)
        except UserError as error:  # such as a loss that is no number any more
            failures += 1
            say(f"{folder}: broke down: {told}: {error}")
            study.tell(trial, state=states.PRUNED)
            if failures >= FAILURES:
                raise UserError(f"{failures} trials in a row broke down, the last one: {error}", exit_code=1) from error
            continue
        failures = 0
        if outcome.score is None:
            say(f"stopped by {outcome.stopped} in {folder}; the same command goes on with it")
            return
        if not np.isfinite(outcome.score):
            check_tag([read_run(path) for path in configs if path.exists()], search.metric)
        if outcome.stopped == GIVEN_UP or not np.isfinite(outcome.score):
            study.tell(trial, state=states.PRUNED)
            say(f"{folder}: given up at {outcome.score:.4g}: {told}")
            continue
        study.tell(trial, outcome.score)
        mark = "  (the best so far)" if study.best_trial.number == trial.number else ""
        say(f"{folder}: {outcome.score:.4g}: {told}{mark}")


def _report(trial: "Trial") -> Callable[[int, float], bool]:
    def report(steps: int, score: float) -> bool:
        trial.report(score, steps)
        return bool(trial.should_prune())

    return report


def _identity(search: Search, first: RunConfig, space: Space) -> dict[str, Any]:
    """What must not change between two calls: trials would not be comparable."""
    plain = dataclasses.asdict(search) | {"steps": first.steps, "num_envs": first.num_envs, "preset": first.preset}
    plain |= {"search": to_json(space), "device": first.device, "settings": dict(search.settings)}
    same: dict[str, Any] = json.loads(json.dumps(plain))
    return same


def _best(optuna: Any, study: "Study", search: Search, space: Space, config: Any, file: Path) -> Best | None:
    states = optuna.trial.TrialState
    complete = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
    given_up = len(study.get_trials(deepcopy=False, states=(states.PRUNED,)))
    if not complete:
        return None
    best: FrozenTrial = max(complete, key=lambda trial: (trial.value, -trial.number))
    chosen, folder = best.user_attrs.get("settings"), best.user_attrs.get("folder")
    if not isinstance(chosen, dict) or set(chosen) - set(space) or not all(isinstance(t, str) for t in chosen.values()):
        raise UserError(f"--study {file} is damaged: its best trial does not say what was tried in it", exit_code=1)
    name = trial_folder(file, folder).name
    start = {key: as_text(getattr(config, key)) for key in space}
    settings = {key: text for key, text in chosen.items() if text != start[key]}
    score = float(best.value) if best.value is not None else np.nan
    return Best(name, score, settings, _command(search, settings), len(complete) + given_up, given_up)


def _command(search: Search, settings: Mapping[str, str]) -> str:
    unseen = search.seed + search.seeds
    words = ["rlkit", "train", search.env]
    words += [] if search.algo == "dqn" else ["--algo", search.algo]
    words += [] if search.preset is None else ["--preset", search.preset]
    words += [] if search.steps is None else ["--steps", str(search.steps)]
    words += [] if search.num_envs is None else ["--num-envs", str(search.num_envs)]
    for option, pairs in (("--env-kwargs", search.env_kwargs), ("--set", {**search.settings, **settings})):
        written = [f"{key}={as_text(value)}" for key, value in pairs.items()]
        words += [option, *written] if written else []
    return shlex.join([*words, "--seeds", f"{unseen}..{unseen + 4}"])


def _left(deadline: float | None) -> float | None:
    """Seconds until the deadline: None without one, next to nothing once it has passed."""
    return None if deadline is None else max(1e-3, deadline - time.monotonic())

"""Hyperparameter search: the search space, the objective of a trial, and the study that records all trials.

The study is Optuna's (Akiba, Sano, Yanase, Ohta, Koyama: Optuna, a next-generation hyperparameter optimization
framework, KDD 2019), in an SQLite file that the next call continues; nothing in it is unpickled. Values are sampled by
its tree-structured Parzen estimator; trials that are worse than the median of the others at the same step are pruned.
"""

import contextlib
import dataclasses
import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlkit import plugins
from rlkit.errors import UserError
from rlkit.experiments.executor import Executor, LocalExecutor
from rlkit.experiments.records import REWARD
from rlkit.experiments.search_space import Space, as_text, describe, read_space, start_of, to_json
from rlkit.experiments.study_errors import study_errors
from rlkit.experiments.trial_queue import TrialQueue, trial_folder
from rlkit.hyperparameters import from_plain
from rlkit.training import config as training_config
from rlkit.training.config import RunConfig
from rlkit.utils.io import disk_errors, locked_file
from rlkit.utils.paths import path_inside
from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

NAME = "rlkit"  # of the study within its file
STARTUP_TRIALS = 5  # before any is pruned
WARMUP = 1 / 4  # share of a run's budget in which it is not pruned


def load_optuna() -> Any:
    """The module optuna.

    Raises:
        UserError: It is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        sentence = 'rlkit tune needs Optuna, which is not installed: pip install "rlkit-toolkit[tune]"'
        raise UserError(sentence, exit_code=1) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_study(optuna: Any, file: Path, identity: Mapping[str, Any], seed: int, concurrent: bool = False) -> "Study":
    """Create the study, or open it if it records the same search.

    Args:
        optuna: The module.
        file: Of the study.
        identity: The search, as the study records it.
        seed: Of the sampler.
        concurrent: Whether several trials are under way at once: each is then sampled as if those under way had the
            worst score so far (constant liar: Ginsbourger, Le Riche, Carraro 2010), so that they differ.

    Raises:
        UserError: The file is no study, or records another search.
    """
    steps = identity["steps"]
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=int(WARMUP * steps))
    for suffix in ("-journal", "-wal", "-shm"):  # SQLite writes to these, through links too
        path_inside(file.parent, f"{file.name}{suffix}")
    with study_errors(file):
        storage = optuna.storages.RDBStorage(f"sqlite:///{file.absolute()}")
        study: Study = optuna.create_study(
            storage=storage, study_name=NAME, pruner=pruner, direction="maximize", load_if_exists=True
        )
        trials = study.get_trials(deepcopy=False)
        known = study.user_attrs.get("search")
        if known is None:
            study.set_user_attr("search", dict(identity))
    # Each call samples other values than the last one.
    stream = np.random.SeedSequence([seed, len(trials)])
    study.sampler = optuna.samplers.TPESampler(seed=int(stream.generate_state(1)[0]), **_liar(concurrent))
    if known is not None and known != identity:
        if not isinstance(known, dict):
            raise UserError(f"--study {file} is damaged: the search that it records is no object", exit_code=1)
        raise UserError(f"--study {file} holds another search ({_differences(known, identity)}): name another file")
    return study


def _liar(concurrent: bool) -> dict[str, bool]:
    return {"constant_liar": True} if concurrent else {}


def _differences(known: Mapping[str, Any], identity: Mapping[str, Any]) -> str:
    """What differs between the search that a study records and the one asked for, in words."""
    differing = [key for key in identity if key != "search" and known.get(key) != identity[key]]
    words = [f"{key} = {known.get(key)!r}, asked for {identity[key]!r}" for key in differing]
    there, asked = known.get("search"), identity["search"]
    try:
        there = {} if there is None else there
        for name in sorted(there.keys() | asked.keys()):
            if there.get(name) != asked.get(name):
                has, wants = (describe({name: space[name]})[0] if name in space else "" for space in (there, asked))
                has, wants = (text.removeprefix(f"{name}: ") or "not searched" for text in (has, wants))
                words.append(f"{name}: {has}, asked for: {wants}")
    except (AttributeError, KeyError, TypeError, ValueError):  # the file's own words have another form
        words.append("another search space")
    more = f"; and {len(words) - 3} more" if len(words) > 3 else ""
    return "; ".join(words[:3]) + more


def requeue_interrupted(optuna: Any, study: "Study") -> None:
    """Queue trials that the last call left running, with their folders, so that their runs are resumed."""
    states = optuna.trial.TrialState
    for frozen in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(frozen.number, state=states.FAIL)
        folder = frozen.user_attrs.get("folder")
        study.enqueue_trial(frozen.params, user_attrs={} if folder is None else {"folder": folder})


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the study: two processes would resume each other's trials.

    Raises:
        UserError: Another process holds it.
    """
    with disk_errors(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
    with locked_file(file.with_name(f".{file.name}.lock"), file, "searched"):
        yield


@dataclass(frozen=True)
class Search:
    """What is searched, and the objective.

    Args:
        env: Id of the environment.
        algo: Name of the agent.
        preset: Name of the preset to start from; None takes the agent's first.
        settings: Hyperparameters that are the same in every trial, as typed.
        search: The search space, as typed; see `search_space.read_space`.
        env_kwargs: Arguments of the environment.
        steps: Budget of each run; None takes the agent's own.
        seeds: Runs in a trial.
        seed: The first of their seeds, and the seed of the sampler.
        num_envs: Environments stepped together.
        device: "auto", "cpu" or "cuda".
        metric: The scalar to maximise.
        elsewhere: Whether runs are trained on other machines, which have a GPU where `device` is "cuda".
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
    elsewhere: bool = False

    def plan(self, settings: Mapping[str, str]) -> RunConfig:
        """The run of one trial with its first seed; it has no checkpoint before it stops."""
        gpu_elsewhere = self.elsewhere and self.device == "cuda"
        planned = training_config.plan(
            self.env,
            algo=self.algo,
            preset=self.preset,
            settings={**self.settings, **settings},
            steps=self.steps,
            seed=self.seed,
            device="cpu" if gpu_elsewhere else self.device,
            num_envs=self.num_envs,
            env_kwargs=self.env_kwargs,
            save_freq=0,
        )
        return dataclasses.replace(planned, device="cuda") if gpu_elsewhere else planned


@dataclass(frozen=True)
class SearchResult:
    """The best trial of a search.

    Args:
        trial: Name of its folder.
        score: Its objective.
        settings: Hyperparameters that differ from the preset, as typed.
        command: Trains with them, on seeds that the search did not use.
        trials: Number of trials that have ended.
        pruned: Number of those that were pruned or failed.
    """

    trial: str
    score: float
    settings: Mapping[str, str]
    command: str
    trials: int
    pruned: int


def tune(
    search: Search,
    file: Path,
    *,
    trials: int = 20,
    timeout: float | None = None,
    say: Callable[[str], None] = print,
    on_stop: Callable[[str], object] = lambda reason: None,
    executor: Executor | None = None,
) -> SearchResult | None:
    """Search until so many trials have ended; the same call continues from the same file.

    The first trial is the unchanged preset, as far as the search space contains its values. Each trial is a folder
    beside the file, with one ordinary run per seed.

    Args:
        search: What is searched.
        file: SQLite file of the study; created where it is missing.
        trials: Total number of trials, those of earlier calls included.
        timeout: Seconds after which to stop; an unfinished trial is resumed by the next call.
        say: Takes one line per event.
        on_stop: Called with the reason if a signal or the time limit stopped a trial.
        executor: Where trials are trained; None for one after the other in this process.

    Returns:
        The best trial so far; None where none is complete.

    Raises:
        UserError: Optuna is missing, the file records another search, or nothing can be trained this way.
    """
    optuna = load_optuna()
    executor = executor or LocalExecutor()
    first = search.plan({})
    tell, say = say, lambda sentence: tell(printable(sentence))  # the study's file holds names
    config: Any = from_plain(plugins.agent_class(search.algo).Config, first.hyperparameters)
    space = read_space(config, search.search)
    both = sorted(set(space) & set(search.settings))
    if not search.search:  # the agent's own space, without what is given
        space = {name: values for name, values in space.items() if name not in both}
    elif both:
        raise UserError(f"{both[0]} is searched and given by --set: leave out one of them")
    with locked(file):
        study = open_study(optuna, file, _identity(search, first, space), search.seed, executor.concurrent)
        with study_errors(file):
            start = start_of(space, config)
            if start and not study.trials:
                study.enqueue_trial(start)
            requeue_interrupted(optuna, study)
        for line in describe(space):
            say(f"searching {line}")
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            queue = TrialQueue(optuna, study, search, space, config, file, trials, deadline, say)
            with contextlib.closing(executor.train(queue.next_job)) as ended:
                for job, outcome in ended:
                    queue.take(job, outcome)
        except KeyboardInterrupt:
            say("the search is interrupted; the same command continues it")
            raise
        if queue.interrupted:
            say(f"stopped by {queue.stopped} in {', '.join(queue.interrupted)}; the same command continues it")
        elif executor.stopped is not None:
            say(f"stopped by {executor.stopped}; the same command continues the search")
        if (reason := executor.stopped or queue.stopped) is not None:
            on_stop(reason)
        return _best(optuna, study, search, space, config, file)


def default_file(env: str, algo: str) -> Path:
    """The study's file where none is given, such as runs/tune-cartpole-dqn/study.sqlite3."""
    return Path("runs") / f"tune-{training_config.task_name(env)}-{algo}" / "study.sqlite3"


def _identity(search: Search, first: RunConfig, space: Space) -> dict[str, Any]:
    """The search as the study records it; two calls with different ones would give trials that cannot be compared."""
    plain = dataclasses.asdict(search) | {"steps": first.steps, "num_envs": first.num_envs, "preset": first.preset}
    plain |= {"search": to_json(space), "device": first.device, "settings": dict(search.settings)}
    del plain["elsewhere"]
    same: dict[str, Any] = json.loads(json.dumps(plain))
    return same


def _best(optuna: Any, study: "Study", search: Search, space: Space, config: Any, file: Path) -> SearchResult | None:
    states = optuna.trial.TrialState
    with study_errors(file):
        complete = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
        pruned = len(study.get_trials(deepcopy=False, states=(states.PRUNED,)))
        if not complete:
            return None
        best: FrozenTrial = max(complete, key=lambda trial: (trial.value, -trial.number))
    chosen, folder = best.user_attrs.get("settings"), best.user_attrs.get("folder")
    if not isinstance(chosen, dict) or set(chosen) - set(space) or not all(isinstance(t, str) for t in chosen.values()):
        raise UserError(f"--study {file} is damaged: its best trial does not record its settings", exit_code=1)
    name = trial_folder(file, folder).name
    start = {key: as_text(getattr(config, key)) for key in space}
    settings = {key: text for key, text in chosen.items() if text != start[key]}
    score = float(best.value) if best.value is not None else np.nan
    return SearchResult(name, score, settings, _command(search, settings), len(complete) + pruned, pruned)


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

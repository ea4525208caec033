"""The file that remembers a search: an Optuna study in SQLite, from which the next call goes on.

Akiba, Sano, Yanase, Ohta, Koyama: Optuna, a next-generation hyperparameter optimization framework, KDD 2019. Values are
chosen by its tree-structured Parzen estimator, trials that are worse than the median of the others at the same step are
given up. The file is SQLite, and nothing in it is unpickled.
"""

import contextlib
import fcntl
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlkit import safe_paths
from rlkit.errors import UserError
from rlkit.files import disk_errors

if TYPE_CHECKING:
    from optuna.study import Study

NAME = "rlkit"  # of the study within its file
UNTRIED = 5  # trials before any is given up
HINDSIGHT = 4  # a run is not given up in the first quarter of its budget


def load_optuna() -> Any:
    """Optuna, or a sentence that says how to have it.

    Raises:
        UserError: If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        sentence = 'rlkit tune needs Optuna, which is not installed: pip install "rlkit-toolkit[tune]"'
        raise UserError(sentence, exit_code=1) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_study(optuna: Any, file: Path, identity: Mapping[str, Any], seed: int) -> "Study":
    """Make the study, or open it if it is the same search.

    Raises:
        UserError: If the file is none, or remembers another search.
    """
    steps = identity["steps"]
    pruner = optuna.pruners.MedianPruner(n_startup_trials=UNTRIED, n_warmup_steps=steps // HINDSIGHT)
    for beside in ("-journal", "-wal", "-shm"):  # SQLite writes to these, through links too
        safe_paths.path_inside(file.parent, f"{file.name}{beside}")
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{file.absolute()}")
        study: Study = optuna.create_study(
            storage=storage, study_name=NAME, pruner=pruner, direction="maximize", load_if_exists=True
        )
    except Exception as error:  # whatever SQLAlchemy raises on a file that is no study
        sentence = f"--study {file}: this file is no study of rlkit tune ({str(error).splitlines()[0]})"
        raise UserError(sentence, exit_code=1) from error
    # Each call draws from where the last one ended, not the same values again.
    stream = np.random.SeedSequence([seed, len(study.get_trials(deepcopy=False))])
    study.sampler = optuna.samplers.TPESampler(seed=int(stream.generate_state(1)[0]))
    known = study.user_attrs.get("search")
    if known is None:
        study.set_user_attr("search", dict(identity))
    elif known != identity:
        differing = [key for key in identity if known.get(key) != identity[key]]
        told = "; ".join(f"{key} = {known.get(key)!r}, asked for {identity[key]!r}" for key in differing[:3])
        raise UserError(f"--study {file} holds another search ({told}): name another file")
    return study


def take_up_interrupted(optuna: Any, study: "Study") -> None:
    """Queue what was under way when the last call ended, in the same folders, so that its runs go on."""
    states = optuna.trial.TrialState
    for frozen in study.get_trials(deepcopy=False, states=(states.RUNNING,)):
        study.tell(frozen.number, state=states.FAIL)
        folder = frozen.user_attrs.get("folder")
        study.enqueue_trial(frozen.params, user_attrs={} if folder is None else {"folder": folder})


def trial_folder(file: Path, name: object) -> Path:
    """Where the runs of a trial lie, by the name that the study's file has for it.

    Raises:
        UserError: It is no name that `rlkit tune` gives, or leads to another place through a link.
    """
    if not isinstance(name, str) or not re.fullmatch(r"trial-[0-9]{4,9}", name):
        raise UserError(f"--study {file} is damaged: {name!r} is no name of a trial's folder", exit_code=1)
    return safe_paths.path_inside(file.parent, f"{file.stem}-trials/{name}")


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the study: two processes would take up each other's trials.

    Raises:
        UserError: If another process holds it.
    """
    with disk_errors(str(file)):
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = safe_paths.open_lock(file.with_name(f".{file.name}.lock"))
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UserError(f"{file} is being searched by another process", exit_code=1) from error
        yield

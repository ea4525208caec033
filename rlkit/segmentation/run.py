"""Training a segmentation network as a Python call: train, start, resume."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from rlkit.env.config import EnvConfig
from rlkit.env.make import check_arguments, check_typed_again
from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE, LearnerGroup, check_learners
from rlkit.nn.utils import torch_set_up
from rlkit.perception.networks import build_network
from rlkit.segmentation.config import (
    Data,
    NetworkConfig,
    Plan,
    SegmentationConfig,
    checked,
    checked_budget,
    open_data,
    plan,
)
from rlkit.segmentation.datasets import environment_id, is_simulator
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.simulator import check_code
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.losses import class_weights
from rlkit.segmentation.network_trainer import N, NetworkTrainer
from rlkit.segmentation.trainer import SegmentationTrainer, Validation
from rlkit.training.extension import check_budget
from rlkit.training.learners import started_learners
from rlkit.training.progress import LearnerReporter, Reporter, make_reporter
from rlkit.training.run import MakeReporter, Run, check_time_limit, fit, how_to_continue
from rlkit.training.run_folder import RunFolder
from rlkit.utils.terminal import outputs_kept

C = TypeVar("C", bound=NetworkConfig)


def train(
    data: Data = "sim",
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    **plan_options: Any,
) -> Run:
    """Train a segmentation network and keep the run in a folder.

    Args:
        data: "sim", "env:ID", a folder of pictures, or a map-style torch dataset of (image, label) pairs.
        run_dir: The run folder; None makes one under `runs/`.
        time_limit: Seconds after which to stop; the run can be resumed.
        reporter: Makes what shows progress, from the budget in steps.
        **plan_options: See `plan`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    return start(plan(data, **plan_options), run_dir=run_dir, time_limit=time_limit, reporter=reporter)


def start(
    planned: Plan,
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
) -> Run:
    """Start a run that was planned; the arguments are those of `train`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_time_limit(time_limit)
    run = RunFolder.create(None if run_dir is None else Path(run_dir), planned.config)
    return _go(run, planned, time_limit, reporter, resume=False)


def resume(
    path: str | Path,
    *,
    data: Data | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    network: str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
) -> Run:
    """Continue a run from its newest intact checkpoint, exactly as if it had not been interrupted.

    Args:
        path: The run folder.
        data: The data, given again: needed where they were moved, are a dataset that was given in Python, or an
            environment in a module of your own.
        env_kwargs: Arguments of the environment, typed again: needed for those that name code to import.
        network: The network, typed again: needed where it is in a module of your own.
        steps: A new budget in all, also of a complete run, which config.json keeps; None for that of the run.
        epochs: The same in passes over the pictures.
        time_limit: Seconds after which to stop again.
        reporter: Makes what shows progress, from the budget in steps.

    Raises:
        UserError: There is no such run, or it does not fit.
    """
    check_time_limit(time_limit)
    run = RunFolder.open(Path(path), SegmentationConfig)
    config = run.config
    check_learners(config.learners, usable_device(config))
    run.check_learners()
    config = resumed(run.path, config, network, steps, epochs)
    check_environment(config, env_kwargs or {}, allow_code=data is not None)
    source = open_data(
        config.data if data is None else data,
        config.classes,
        size=config.size,
        seed=config.seed,
        env_kwargs=config.env_kwargs or None,
        held_out=config.val_fraction,
        allow_code=data is not None,
    )
    if source.classes != config.classes:
        raise UserError(f"{source.name} has other classes than this run: {', '.join(source.classes.names)}.")
    notes = (*checked(source), *changed_pictures(source.name, source.training_pictures, config))
    # Without a checkpoint, the run begins again with the same random weights.
    generator = torch.Generator().manual_seed(config.seed)
    built = build_network(config.network, len(config.classes), allow_code=network is not None, generator=generator)
    return _go(
        run,
        Plan(config, source, built, notes),
        time_limit,
        reporter,
        resume=True,
        data=data if isinstance(data, str | Path) else None,
        allow_data=data is not None,
        allow_network=network is not None,
    )


def resumed(path: Path, config: C, network: str | None, steps: int | None, epochs: int | None) -> C:
    """The configuration of a run that goes on, with a new budget where one is given.

    Args:
        path: The run folder.
        config: As it is stored there.
        network: As typed again; None if it was not.
        steps: The new budget in all.
        epochs: The same in passes over the pictures.

    Raises:
        UserError: The network is another, or the budget is less than what is trained already.
    """
    if network not in (None, config.network):
        raise UserError(f"This run trains {config.network}, not {network}: leave --network out.")
    if steps is None and epochs is None:
        return config
    budget = checked_budget(steps, epochs, config.pictures, config.settings.batch_size)
    check_budget(path, config, budget, "--steps" if epochs is None else f"--epochs {epochs}")
    return dataclasses.replace(config, steps=budget)


def changed_pictures(name: str, now: int | None, config: NetworkConfig) -> tuple[str, ...]:
    """A warning where the data set `name` has another number of training pictures than when the run began."""
    if now == config.pictures:
        return ()
    return (f"{name} now has {now} training pictures; the run began with {config.pictures}",)


def check_environment(config: NetworkConfig, typed: Mapping[str, Any], *, allow_code: bool) -> None:
    """Check the environment of a run that is resumed.

    Args:
        config: Of the run.
        typed: Arguments of the environment that were typed again.
        allow_code: Whether a module named in its id may be imported.

    Raises:
        UserError: Arguments that name code were not typed again, or differ, or code may not be imported.
    """
    check_typed_again(config.env_kwargs, typed)
    if config.env_kwargs and is_simulator(config.data):
        environment = EnvConfig(environment_id(config.data), config.env_kwargs)
        check_code(environment.id, allow_code)
        check_arguments(environment, typed, allow_code=allow_code)


def _go(
    run: RunFolder[SegmentationConfig],
    planned: Plan,
    time_limit: float | None,
    make: MakeReporter,
    *,
    resume: bool,
    data: str | Path | None = None,
    allow_data: bool = True,
    allow_network: bool = True,
) -> Run:
    """Train what is planned.

    Args:
        run: Its folder.
        planned: The run.
        time_limit: Seconds after which to stop.
        make: Makes the reporter.
        resume: Whether the run was begun before.
        data: Where other learners find the data; None for where the configuration says.
        allow_data: Whether they may import a module that it names.
        allow_network: Whether they may import a module that the network's name names.
    """
    former = run.config.steps
    run.config = config = planned.config
    with (
        outputs_kept(),
        run.locked(),
        make(config.steps) as reporter,
        started_learners(
            config.learners,
            usable_device(config),
            lambda: how_to_continue(run, SegmentationTrainer),
            _learn,
            run.path,
            dataclasses.replace(config, data=str(data or config.data)),
            allow_data,
            allow_network,
            resume,
        ) as group,
    ):
        return train_planned(run, planned, _trainer, time_limit, reporter, group, former=former, resume=resume)


def _learn(
    group: LearnerGroup,
    path: Path,
    config: SegmentationConfig,
    allow_data: bool,
    allow_network: bool,
    resume: bool,
) -> None:
    """What each learner but the first does."""
    source = open_data(
        config.data,
        config.classes,
        size=config.size,
        seed=config.seed,
        env_kwargs=config.env_kwargs or None,
        held_out=config.val_fraction,
        allow_code=allow_data,
    )
    network = build_network(config.network, len(config.classes), allow_code=allow_network, generator=torch.Generator())
    run = RunFolder(path, config).of_learner(group.rank)
    reporter = LearnerReporter(group.rank)
    planned = Plan(config, source, network)
    train_planned(run, planned, _trainer, None, reporter, group, former=config.steps, resume=resume)


def _trainer(
    run: RunFolder[SegmentationConfig], planned: Plan, reporter: Reporter, group: LearnerGroup
) -> SegmentationTrainer:
    config, source, settings = planned.config, planned.source, planned.config.settings
    learner = SegmentationLearner(
        planned.network,
        settings,
        config.steps,
        seed=config.seed,
        device=usable_device(config),
        class_weights=class_weights(settings, source, config.seed),
        group=group,
    )
    pictures: TrainingPictures[LabelledImages] = TrainingPictures(
        source, settings.augmentation(), settings.batch_size, config.seed, settings.bn_samples, group
    )
    return SegmentationTrainer(run, pictures, Validation(source), learner, reporter, group)


K = TypeVar("K", bound=NetworkConfig, covariant=True)


class Planned(Protocol[K]):
    """A run that is decided upon and not begun, such as `Plan`."""

    @property
    def config(self) -> K:
        """Its configuration."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Warnings for the user."""
        ...

    def describe(self) -> list[str]:
        """What was decided, in lines for the user."""
        ...


P = TypeVar("P", bound=Planned[Any])


def train_planned(
    run: RunFolder[N],
    planned: P,
    make_trainer: Callable[[RunFolder[N], P, Reporter, LearnerGroup], NetworkTrainer[N, Any]],
    time_limit: float | None,
    reporter: Reporter,
    group: LearnerGroup = ALONE,
    *,
    former: int,
    resume: bool,
) -> Run:
    """Train a network to the end of its budget or of the time limit.

    Args:
        run: Its folder, locked.
        planned: What was decided.
        make_trainer: Makes the trainer.
        time_limit: Seconds after which to stop.
        reporter: Shows progress.
        group: The learners that train together.
        former: The budget that config.json holds.
        resume: Whether to continue from the newest checkpoint.

    Raises:
        UserError: For anything that the caller can correct.
    """
    config = planned.config
    settings = config.settings
    threads = settings.threads or None
    if group.count > 1 and threads is None:
        threads = max(1, torch.get_num_threads() // group.count)
    with torch_set_up(threads, False):
        trainer = make_trainer(run, planned, reporter, group)
        for line in planned.describe():
            reporter.say(line)
        if group.count > 1:
            reporter.say(f"learners: {group.count} processes, each with {settings.batch_size // group.count} pictures")
        for note in planned.notes:
            reporter.warn(note)
        reporter.say(f"run: {run.path}")
        if resume:
            trainer.resume()
        if config.steps != former:
            if trainer.complete and trainer.steps < config.steps:
                raise UserError(
                    f"{run.path} ended after {trainer.steps:,} steps, as {trainer.stale} validations were no better "
                    f"(patience={settings.patience}): begin another run with --init {run.path}"
                )
            run.store_budget()
            reporter.say(
                f"budget: {config.steps:,} steps in place of {former:,}, and the learning rate follows its schedule "
                f"over all of them: it is {trainer.learner.learning_rate(trainer.steps):.2g} after {trainer.steps:,}"
            )
        return fit(trainer, time_limit, resumed=resume)


def start_planned(
    planned: P,
    make_trainer: Callable[[RunFolder[N], P, Reporter, LearnerGroup], NetworkTrainer[N, Any]],
    run_dir: str | Path | None,
    time_limit: float | None,
    reporter: MakeReporter,
) -> Run:
    """Make the folder of a run that was planned, and train in this process; arguments as of `train`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_time_limit(time_limit)
    run: RunFolder[N] = RunFolder.create(None if run_dir is None else Path(run_dir), planned.config)
    return go_on(run, planned, make_trainer, time_limit, reporter, resume=False)


def go_on(
    run: RunFolder[N],
    planned: P,
    make_trainer: Callable[[RunFolder[N], P, Reporter, LearnerGroup], NetworkTrainer[N, Any]],
    time_limit: float | None,
    reporter: MakeReporter,
    *,
    resume: bool = True,
) -> Run:
    """Train in the folder of a run in this process; arguments as of `train_planned`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    former = run.config.steps
    run.config = planned.config
    with outputs_kept(), run.locked(), reporter(planned.config.steps) as shown:
        return train_planned(run, planned, make_trainer, time_limit, shown, former=former, resume=resume)


def usable_device(config: NetworkConfig) -> str:
    """The device of a run, which may be resumed where there is no GPU."""
    return "cpu" if config.device == "cuda" and not torch.cuda.is_available() else config.device

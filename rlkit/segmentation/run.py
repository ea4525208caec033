"""Training a segmentation network as a Python call: train, start, resume."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from rlkit.env.config import EnvConfig
from rlkit.env.make import check_arguments, check_typed_again
from rlkit.errors import UserError
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
from rlkit.training.progress import Reporter, make_reporter
from rlkit.training.run import MakeReporter, Run, check_time_limit, fit
from rlkit.training.run_folder import RunFolder
from rlkit.utils.terminal import outputs_kept


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
    return go(run, planned, _trainer, time_limit, reporter, resume=False)


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
    if network not in (None, config.network):
        raise UserError(f"This run trains {config.network}, not {network}: leave --network out.")
    if steps is not None or epochs is not None:
        budget = checked_budget(steps, epochs, config.pictures, config.settings.batch_size)
        check_budget(run.path, config, budget, "--steps" if epochs is None else f"--epochs {epochs}")
        config = dataclasses.replace(config, steps=budget)
    check_typed_again(config.env_kwargs, env_kwargs or {})
    if config.env_kwargs and is_simulator(config.data):
        environment = EnvConfig(environment_id(config.data), config.env_kwargs)
        check_code(environment.id, data is not None)
        check_arguments(environment, env_kwargs or {}, allow_code=data is not None)
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
    notes = checked(source)
    if source.training_pictures != config.pictures:
        notes += (
            f"{source.name} now has {source.training_pictures} training pictures; the run began with {config.pictures}",
        )
    # Without a checkpoint, the run begins again with the same random weights.
    generator = torch.Generator().manual_seed(config.seed)
    built = build_network(config.network, len(config.classes), allow_code=network is not None, generator=generator)
    return go(run, Plan(config, source, built, notes), _trainer, time_limit, reporter, resume=True)


def _trainer(run: RunFolder[SegmentationConfig], planned: Plan, device: str, reporter: Reporter) -> SegmentationTrainer:
    config, source, settings = planned.config, planned.source, planned.config.settings
    learner = SegmentationLearner(
        planned.network,
        settings,
        config.steps,
        seed=config.seed,
        device=device,
        class_weights=class_weights(settings, source, config.seed),
    )
    pictures: TrainingPictures[LabelledImages] = TrainingPictures(
        source, settings.augmentation(), settings.batch_size, config.seed, settings.bn_samples
    )
    return SegmentationTrainer(run, pictures, Validation(source), learner, reporter)


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


def go(
    run: RunFolder[N],
    planned: P,
    make_trainer: Callable[[RunFolder[N], P, str, Reporter], NetworkTrainer[N, Any]],
    time_limit: float | None,
    make_reporter: MakeReporter,
    *,
    resume: bool,
) -> Run:
    """Train a network to the end of its budget or of the time limit.

    Args:
        run: Its folder.
        planned: What was decided.
        make_trainer: Makes the trainer, from the run, the plan, the device and what shows progress.
        time_limit: Seconds after which to stop.
        make_reporter: Makes what shows progress, from the budget in steps.
        resume: Whether to continue from the newest checkpoint.

    Raises:
        UserError: For anything that the caller can correct.
    """
    former = run.config.steps
    run.config = config = planned.config
    settings = config.settings
    device = "cpu" if config.device == "cuda" and not torch.cuda.is_available() else config.device
    with (
        outputs_kept(),
        run.locked(),
        torch_set_up(settings.threads or None, False),
        make_reporter(config.steps) as reporter,
    ):
        trainer = make_trainer(run, planned, device, reporter)
        for line in planned.describe():
            reporter.say(line)
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

"""Perception runs as Python calls: start one, go on with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rlkit.env.config import EnvConfig
from rlkit.env.make import check_arguments, check_typed_again
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain
from rlkit.nn.utils import torch_set_up
from rlkit.perception.networks import build_network
from rlkit.segmentation.config import Plan, open_or_keep, plan
from rlkit.segmentation.datasets import environment_id, is_simulator
from rlkit.segmentation.datasets.base import Dataset
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.learner import SegmentationLearner
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.losses import class_weights
from rlkit.segmentation.run_folder import PerceptionRun
from rlkit.segmentation.trainer import SegmentationTrainer, Validation
from rlkit.training.progress import Reporter, make_reporter
from rlkit.training.run import check_time_limit
from rlkit.training.run_folder import check_restart

MakeReporter = Callable[[int], Reporter]


@dataclass(frozen=True)
class Trained:
    """A perception run that has come to its end, or stopped.

    Args:
        path: Its folder; `rlkit.perception.model.find_model` finds the best model in it.
        steps: How many steps were taken in all.
        best: The best score of a selection; None if there was none.
        stopped: Why before the budget was used up; None if it was not.
    """

    path: Path
    steps: int
    best: float | None
    stopped: str | None


def train(
    data: str | Path | Dataset = "sim",
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    **plan_options: Any,
) -> Trained:
    """Train a segmentation network and keep the run in a folder.

    Args:
        data: "sim", "env:ID", a folder of pictures, or a source of your own.
        run_dir: The run folder; None makes one under `runs/`.
        time_limit: Seconds after which to stop; the run can be resumed.
        reporter: Makes who is told how it goes, from the budget in steps.
        **plan_options: What else to decide; see `plan`.

    Raises:
        UserError: For anything that the caller can mend.
    """
    return start(plan(data, **plan_options), run_dir=run_dir, time_limit=time_limit, reporter=reporter)


def start(
    planned: Plan,
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
) -> Trained:
    """Start a run that was planned; the arguments are those of `train`.

    Raises:
        UserError: For anything that the caller can mend.
    """
    check_time_limit(time_limit)
    run = PerceptionRun.create(None if run_dir is None else Path(run_dir), planned.config)
    return _go(run, planned, time_limit, reporter, resume=False)


def resume(
    path: str | Path,
    *,
    data: str | Path | Dataset | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    model: str | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
) -> Trained:
    """Go on with a run from its newest intact checkpoint, exactly as if it had not been interrupted.

    Args:
        path: The run folder.
        data: The data, typed again: needed where they were moved, or are an environment in a module of your own.
        env_kwargs: Arguments of the environment, typed again: needed for those that name code to import.
        model: The network, typed again: needed where it is in a module of your own.
        time_limit: Seconds after which to stop again.
        reporter: Makes who is told how it goes, from the budget in steps.

    Raises:
        UserError: There is no such run, or it does not fit.
    """
    check_time_limit(time_limit)
    run = PerceptionRun.open(Path(path))
    config = run.config
    if model not in (None, config.network):
        raise UserError(f"This run trains {config.network}, not {model}: leave --network out.")
    check_typed_again(config.env_kwargs, env_kwargs or {})
    if config.env_kwargs and is_simulator(config.data):
        environment = EnvConfig(environment_id(config.data), config.env_kwargs)
        check_arguments(environment, env_kwargs or {}, allow_code=data is not None)
    source = open_or_keep(
        config.data if data is None else data,
        size=config.size,
        seed=config.seed,
        env_kwargs=config.env_kwargs or None,
        held_out=config.held_out,
        allow_code=data is not None,
    )
    if source.classes != config.classes:
        raise UserError(
            f"{source.name} has other classes than this run was begun with: {', '.join(source.classes.names)}."
        )
    notes: tuple[str, ...] = ()
    if source.training_pictures != config.pictures:
        notes = (
            f"{source.name} holds {source.training_pictures} pictures to learn from, not {config.pictures} any more",
        )
    # A run that was stopped before its first checkpoint begins with the same weights again.
    chance = torch.Generator().manual_seed(config.seed)
    network = build_network(config.network, len(config.classes), allow_code=model is not None, generator=chance)
    return _go(run, Plan(config, source, network, notes), time_limit, reporter, resume=True)


def _go(run: PerceptionRun, planned: Plan, time_limit: float | None, make: MakeReporter, *, resume: bool) -> Trained:
    config = planned.config
    recipe = from_plain(Hyperparameters, config.recipe)
    device = "cpu" if config.device == "cuda" and not torch.cuda.is_available() else config.device
    with run.locked(), torch_set_up(recipe.threads or None, False), make(config.steps) as reporter:
        weights = class_weights(recipe, planned.source, config.seed)
        learner = SegmentationLearner(
            planned.network, recipe, config.steps, seed=config.seed, device=device, class_weights=weights
        )
        for line in planned.describe():
            reporter.say(line)
        for note in planned.notes:
            reporter.warn(note)
        reporter.say(f"run: {run.path}")
        pictures = TrainingPictures(
            planned.source, recipe.augmentation(), recipe.batch_size, config.seed, recipe.bn_samples
        )
        trainer = SegmentationTrainer(run, pictures, Validation(planned.source), learner, reporter)
        if resume:
            checkpoint = run.checkpoints.to_resume(reporter.warn)
            if checkpoint is None:
                _check_restart(run)
            else:
                trainer.resume(run.checkpoints.restore(checkpoint, learner))
            if trainer.complete:
                reporter.say(f"this run is complete: {trainer.steps:,} steps are taken")
                return _trained(run, trainer, None)
            reporter.say(f"going on after {trainer.steps:,} steps of {config.steps:,}")
        stopped = trainer.go(time_limit)
        if stopped is not None:
            again = f"rlkit perception train --resume {run.path}"
            reporter.say(f"stopped by {stopped} after {trainer.steps:,} steps; go on with: {again}")
    return _trained(run, trainer, stopped)


def _check_restart(run: PerceptionRun) -> None:
    """Refuse to begin again where that would lose something, or would begin with other weights.

    Raises:
        UserError: The run had checkpoints once, or began with weights that it does not hold.
    """
    check_restart(run.path, 0)
    if run.config.start:
        raise UserError(
            f"{run.path} was stopped before its first checkpoint and does not hold the weights that it began with "
            f"({run.config.start}): start it again, with --init or --pretrained-vgg16 as before.",
            exit_code=1,
        )


def _trained(run: PerceptionRun, trainer: SegmentationTrainer, stopped: str | None) -> Trained:
    best = trainer.best if trainer.best > float("-inf") else None
    return Trained(run.path, trainer.steps, best, stopped)

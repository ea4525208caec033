"""Training a detector as a Python call: train, start, resume."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.detection.config import Data, DetectionConfig, DetectionPlan, build, open_data, plan
from rlkit.detection.learner import DetectionLearner
from rlkit.detection.objects import LabelledObjects
from rlkit.detection.trainer import DetectionTrainer
from rlkit.errors import UserError
from rlkit.nn.distributed import LearnerGroup
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.losses import class_weights
from rlkit.segmentation.run import changed_pictures, check_environment, go_on, resumed, start_planned, usable_device
from rlkit.training.progress import Reporter, make_reporter
from rlkit.training.run import MakeReporter, Run, check_time_limit
from rlkit.training.run_folder import RunFolder


def train(
    data: Data = "sim",
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    **plan_options: Any,
) -> Run:
    """Train a detector and keep the run in a folder.

    Args:
        data: "sim", "env:ID", a folder of pictures with boxes, or a `DetectionDataset`.
        run_dir: The run folder; None makes one under `runs/`.
        time_limit: Seconds after which to stop; the run can be resumed.
        reporter: Makes what shows progress, from the budget in steps.
        **plan_options: See `rlkit.detection.config.plan`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    return start_planned(plan(data, **plan_options), _trainer, run_dir, time_limit, reporter)


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
        network: Must be that of the run.
        steps: A new budget in all, also of a complete run, which config.json keeps; None for that of the run.
        epochs: The same in passes over the pictures.
        time_limit: Seconds after which to stop again.
        reporter: Makes what shows progress, from the budget in steps.

    Raises:
        UserError: There is no such run, or it does not fit.
    """
    check_time_limit(time_limit)
    run = RunFolder.open(Path(path), DetectionConfig)
    config = run.config
    config = resumed(run.path, config, network, steps, epochs)
    check_environment(config, env_kwargs or {}, allow_code=data is not None)
    source = open_data(
        config.data if data is None else data,
        size=config.size,
        seed=config.seed,
        env_kwargs=config.env_kwargs or None,
        held_out=config.val_fraction,
        allow_code=data is not None,
    )
    if (source.objects, source.classes) != (config.objects, config.classes):
        raise UserError(f"{source.name} has other objects or classes than this run: {', '.join(source.objects)}.")
    notes = (*source.notes, *changed_pictures(source.name, source.training_pictures, config))
    # Without a checkpoint, the run begins again with the same random weights.
    built = build(config.network, config.objects, config.classes, config.seed)
    return go_on(run, DetectionPlan(config, source, built, notes), _trainer, time_limit, reporter)


def _trainer(
    run: RunFolder[DetectionConfig], planned: DetectionPlan, reporter: Reporter, group: LearnerGroup
) -> DetectionTrainer:
    config, source, settings = planned.config, planned.source, planned.config.settings
    learner = DetectionLearner(
        planned.network,
        settings,
        config.steps,
        seed=config.seed,
        device=usable_device(config),
        class_weights=class_weights(settings, source, config.seed),
    )
    pictures: TrainingPictures[LabelledObjects] = TrainingPictures(
        source, settings.augmentation(), settings.batch_size, config.seed, settings.bn_samples
    )
    return DetectionTrainer(run, pictures, source, learner, reporter)

"""Training a captioner as a Python call: train, resume."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlkit.captioning.augmentation import CaptionAugmentation
from rlkit.captioning.captioner import Captioner
from rlkit.captioning.config import CaptionConfig, CaptionPlan, Data, Opener, build, open_data, plan
from rlkit.captioning.datasets import open_captions
from rlkit.captioning.datasets.base import CaptionedImages
from rlkit.captioning.feature_pool import FeaturePool
from rlkit.captioning.learner import CaptionLearner
from rlkit.captioning.trainer import CaptionTrainer
from rlkit.errors import UserError
from rlkit.nn.distributed import LearnerGroup
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.run import changed_pictures, check_environment, go_on, resumed, start_planned, usable_device
from rlkit.training.progress import Reporter, make_reporter
from rlkit.training.run import MakeReporter, Run, check_time_limit
from rlkit.training.run_folder import RunFolder

DRAWN = 256  # examples at once, for a pool


def train(
    data: Data,
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    **plan_options: Any,
) -> Run:
    """Train a captioner and keep the run in a folder.

    Args:
        data: A folder of pictures with captions, a `CaptionDataset`, or what `opener` knows beyond.
        run_dir: The run folder; None makes one under `runs/`.
        time_limit: Seconds after which to stop; the run can be resumed.
        reporter: Makes what shows progress, from the budget in steps.
        **plan_options: See `rlkit.captioning.config.plan`.

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
    opener: Opener = open_captions,
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
        opener: Opens the data.

    Raises:
        UserError: There is no such run, or it does not fit.
    """
    check_time_limit(time_limit)
    run = RunFolder.open(Path(path), CaptionConfig)
    config = resumed(run.path, run.config, network, steps, epochs)
    check_environment(config, env_kwargs or {}, allow_code=data is not None)
    source = open_data(
        config.data if data is None else data,
        opener,
        size=config.size,
        seed=config.seed,
        env_kwargs=config.env_kwargs or None,
        held_out=config.val_fraction,
        language=config.language or None,
        allow_code=data is not None,
    )
    given, known = (source.frames, source.signals), (config.frames, config.signals)
    if given != known or source.words not in (None, config.words):
        raise UserError(f"{source.name} has other words, pictures or signals of an example than this run.")
    notes = (*source.notes, *changed_pictures(source.name, source.training_pictures, config))
    # Without a checkpoint, the run begins again with the same random weights.
    built = build(config.network, config.vocabulary, config.frames, config.signals, config.objects, config.seed)
    return go_on(run, CaptionPlan(config, source, built, notes), _trainer, time_limit, reporter)


def _trainer(
    run: RunFolder[CaptionConfig], planned: CaptionPlan, reporter: Reporter, group: LearnerGroup
) -> CaptionTrainer:
    config, settings = planned.config, planned.config.settings
    learner = CaptionLearner(
        planned.network,
        config.vocabulary,
        settings,
        config.steps,
        seed=config.seed,
        device=usable_device(config),
    )
    pictures: TrainingPictures[CaptionedImages] = TrainingPictures(
        planned.source,
        CaptionAugmentation(settings.augmentation()),
        min(DRAWN, settings.pool) or settings.batch_size,
        config.seed,
        0 if settings.freeze_encoder else settings.bn_samples,
    )
    if settings.pool:
        encoder = Captioner(planned.network, config.card({}), learner.device)  # shares the learner's weights
        pictures = FeaturePool(pictures, encoder.encode_examples, settings.pool, settings.batch_size, config.seed)
    return CaptionTrainer(run, pictures, planned.source, learner, reporter)

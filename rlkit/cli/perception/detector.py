"""Evaluation of a detector for `rlkit perception evaluate`, and the data that a detector was trained on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlkit.cli.options import check_result_target, write_result
from rlkit.cli.perception.evaluate import unknown_data
from rlkit.cli.perception.reporting import evaluate_splits, print_notes, print_speed, shown, shown_text, with_splits
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from rlkit.detection.datasets.base import DetectionDataset
    from rlkit.detection.evaluation import DetectionResult
    from rlkit.perception.model_card import DetectorCard
    from rlkit.segmentation.evaluation import Progress

RESULT = frozenset({"model", "parameters", "pictures", "ap"})  # keys of its JSON


def open_boxes_of(
    what: str,
    card: "DetectorCard",
    data: str | None,
    size: tuple[int, int] | None,
    *,
    seed: int = 0,
    env_kwargs: Mapping[str, Any] | None = None,
    pictures: int | None = None,
) -> "DetectionDataset":
    """Open the data set that is named, or else the one that the detector was trained on.

    Args:
        what: The detector as the user named it: a run folder, or a file.
        card: Its card.
        data: sim, env:ID, or a folder; None for the training data.
        size: Height and width of the pictures; None for their own, of a simulator for those of the detector.
        seed: Of a simulator's pictures.
        env_kwargs: Arguments of the environment; of a run those of its training if none are given.
        pictures: Number of a simulator's pictures.

    Raises:
        UserError: The data are not known, or cannot be used.
    """
    from rlkit.detection.config import DetectionConfig
    from rlkit.detection.datasets import open_boxes
    from rlkit.segmentation.datasets import is_simulator
    from rlkit.training.run_folder import RunFolder

    held_out, known = 0.1, data
    if data is None and (Path(what) / "config.json").is_file():
        config = RunFolder.open(Path(what), DetectionConfig).config
        known, held_out, env_kwargs = config.data, config.val_fraction, env_kwargs or config.env_kwargs
    elif data is None and is_simulator(str(card.trained.get("data", ""))):
        known = str(card.trained["data"])
    if known is not None:
        return open_boxes(
            known,
            size=card.size if is_simulator(known) else size,
            seed=seed,
            env_kwargs=env_kwargs or None,
            held_out=held_out,
            pictures=pictures,
            allow_code=data is not None,
        )
    raise unknown_data(what, card.trained)


def evaluate_detector(
    what: str,
    path: Path,
    device: str,
    *,
    data: str | None,
    split: str | None,
    limit: int | None,
    min_height: float | None,
    seed: int,
    env_kwargs: Mapping[str, Any],
    json: str | None,
) -> None:
    """Evaluate, and print the metrics.

    Args:
        what: The detector as the user named it.
        path: Its file.
        device: torch device.
        data: sim, env:ID, or a folder; None for the training data.
        split: Name of the split; None for all.
        limit: Maximum number of images per split.
        min_height: In pixels; None for that of the training.
        seed: Of a simulator's pictures.
        env_kwargs: Arguments of the environment.
        json: File of the result; "-" for standard output, None for none.

    Raises:
        UserError: For anything that the user can correct.
    """
    from rich.console import Console

    from rlkit.detection.average_precision import check_evaluator
    from rlkit.detection.evaluation import evaluate
    from rlkit.perception.detector import load_detector

    check_result_target(json, RESULT)
    check_evaluator()
    if min_height is not None and not 0 <= min_height < 1e4:
        raise UserError(f"--min-height {min_height:g}: expected a number of pixels of at least 0")
    detector = load_detector(path, device=device)
    source = open_boxes_of(
        what, detector.card, data, detector.card.size, seed=seed, env_kwargs=env_kwargs, pictures=limit
    )
    lowest = learned_height(detector.card) if min_height is None else min_height
    splits = [split] if split else source.splits

    def measured(name: str, progress: "Progress") -> "DetectionResult":
        return evaluate(
            detector,
            source,
            name,
            name=what,
            limit=limit,
            min_height=lowest,
            timed=name == splits[0],
            progress=progress,
        )

    results = evaluate_splits(source.name, splits, measured)
    if json != "-":
        for result in results:
            print_result(result, Console())
    if json is not None:
        write_result(json, with_splits([result.to_json() for result in results]), RESULT)


def learned_height(card: "DetectorCard") -> float:
    """The least height of an object in pixels that a detector learned to find; 0 if it is unknown."""
    trained = card.trained.get("hyperparameters")
    learned = trained.get("min_height") if isinstance(trained, dict) else None
    return float(learned) if isinstance(learned, int | float) else 0.0


def print_result(result: "DetectionResult", console: "Console") -> None:
    """Print the figures as tables."""
    from rich.table import Table

    height, width = result.size
    console.print(
        f"[bold]{shown_text(result.model)}[/bold] on {shown_text(result.data)}, "
        f"{shown_text(result.split)}: {result.pictures} pictures of {width}×{height} pixels, "
        f"{result.precision.objects} objects"
        + (f" at least {result.min_height:g} pixels high" if result.min_height else ""),
        highlight=False,
    )
    print_notes(result.notes, console)
    table = Table(box=None, pad_edge=True, show_header=False)
    precision = result.precision
    rows = [
        ("AP", precision.ap, "mean over IoU from 0.50 to 0.95 (COCO)"),
        ("AP50", precision.ap50, "at an IoU of 0.50"),
        ("AP75", precision.ap75, "at an IoU of 0.75"),
        ("AP small", precision.small, "less than 32×32 pixels, of any height"),
        ("AP medium", precision.medium, "up to 96×96 pixels"),
        ("AP large", precision.large, "larger"),
        ("distance error", precision.distance_error, "median, relative, of objects found with a score of 0.3 or more"),
        ("drivable IoU", result.drivable_iou, "classes of pixels"),
    ]
    rows += [(f"AP50 {name}", value, "") for name, value in precision.ap50_by_kind.items()]
    rows += [(f"AP50 {name or 'unknown'}", one.ap50, "condition") for name, one in result.by_condition.items()]
    for name, value, meaning in rows:
        table.add_row(shown_text(name), shown(value), meaning)
    table.add_row("parameters", f"{result.parameters:,}", "")
    console.print(table)
    print_speed(result.speed, console)

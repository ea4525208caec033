"""`rlkit perception evaluate`: evaluate a segmentation model or a detector on unseen images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from rlkit.cli.options import KeyValues, check_result_target, read_kwargs, refuse, unset, write_result
from rlkit.cli.perception.reporting import evaluate_splits, print_notes, print_speed, shown, shown_text, with_splits
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from rlkit.perception.model import SegmentationModel
    from rlkit.perception.model_card import ModelCard
    from rlkit.segmentation.datasets.base import Dataset
    from rlkit.segmentation.evaluation import Progress, SegmentationResult

RESULT = frozenset({"model", "parameters", "pictures", "iou"})  # keys of its JSON


@dataclass(frozen=True)
class Evaluate:
    """Evaluate a segmentation model: IoU, boundary F1, calibration, uncertainty and speed, also per condition.

    Of a detector: COCO's average precision of boxes, the error of distances, drivable IoU and speed. Of a captioner:
    BLEU-4, CIDEr and right slots, beside two baselines.
    """

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="MODEL")]
    """A perception run, a .safetensors file, or pretrained:NAME."""
    data: Annotated[str | None, unset("sim|env:ID|FOLDER")] = None
    """Source of the images; the training data if not given."""
    split: Annotated[str | None, unset("NAME")] = None
    """The split: test or held-out of a simulator, val or test of a folder; all if not given."""
    num_images: Annotated[int | None, unset("N")] = None
    """Maximum number of images per split (all of a folder, 64 per condition of a simulator if not given)."""
    drivable_only: bool = False
    """Evaluate drivable against not drivable only, for data with other classes than the model."""
    min_height: Annotated[float | None, unset("PIXELS")] = None
    """Of a detector: objects lower than this in its input are not measured (those not learned, if not given)."""
    samples: int = 1
    """Monte-Carlo dropout samples per image, averaged (Bayesian SegNet; its paper recommends 6 to 40)."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=fog."""
    seed: int = 0
    """Seed of a simulator's images: the same seed gives every model the same ones."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device of the network."""
    network: Annotated[str | None, unset("my_package:MyNet")] = None
    """The network's class if it is not one of rlkit's; naming it allows its import."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the metrics to this file (- for standard output)."""

    def run(self) -> None:
        """Evaluate, and print the metrics."""
        for name, value, low in (
            ("num-images", self.num_images, 1),
            ("samples", self.samples, 1),
            ("seed", self.seed, 0),
        ):
            if value is not None and value < low:
                raise UserError(f"--{name} {value}: expected a whole number of at least {low}")
        env_kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        from rich.console import Console

        from rlkit.nn.utils import choose_device
        from rlkit.perception.model import find_model, load_model
        from rlkit.perception.model_card import is_captioner, is_detector
        from rlkit.segmentation.datasets import is_simulator, open_dataset

        path, device = find_model(self.model), choose_device(self.device)
        if is_detector(path):
            self._evaluate_detector(path, device, env_kwargs)
            return
        if is_captioner(path):
            self._evaluate_captioner(path, device)
            return
        check_result_target(self.json, RESULT)
        if self.min_height is not None:
            raise UserError("--min-height is for detectors; this model has no boxes")
        model = load_model(path, device=device, network=self.network)
        data = self.data or usual_data(self.model, model.card)
        source = open_dataset(
            data,
            # A simulator renders the model's size; images of a folder keep theirs.
            size=model.card.size if is_simulator(data) else None,
            seed=self.seed,
            env_kwargs=env_kwargs,
            pictures=self.num_images,
            held_out=held_out_of(self.model) if self.data is None else 0.1,
            allow_code=self.data is not None,
        )
        results = self._evaluate(model, source)
        if self.json != "-":
            for result in results:
                print_result(result, Console())
        if self.json is not None:
            write_result(self.json, with_splits([result.to_json() for result in results]), RESULT)

    def _evaluate_captioner(self, path: Path, device: str) -> None:
        from rlkit.cli.perception.captioner import evaluate_captioner

        refuse(self, ("drivable_only", "network", "min_height", "env_kwargs"), "a captioner")
        evaluate_captioner(
            self.model,
            path,
            device,
            data=self.data,
            split=self.split,
            limit=self.num_images,
            seed=self.seed,
            json=self.json,
        )

    def _evaluate_detector(self, path: Path, device: str, env_kwargs: dict[str, Any]) -> None:
        from rlkit.cli.perception.detector import evaluate_detector

        refuse(self, ("drivable_only", "network"), "a detector")
        evaluate_detector(
            self.model,
            path,
            device,
            data=self.data,
            split=self.split,
            limit=self.num_images,
            min_height=self.min_height,
            seed=self.seed,
            env_kwargs=env_kwargs,
            json=self.json,
        )

    def _evaluate(self, model: "SegmentationModel", source: "Dataset") -> list["SegmentationResult"]:
        from rlkit.segmentation.evaluation import evaluate

        splits = [self.split] if self.split else source.splits

        def measured(split: str, progress: "Progress") -> "SegmentationResult":
            return evaluate(
                model,
                source,
                split,
                name=self.model,
                limit=self.num_images,
                samples=self.samples,
                seed=self.seed,
                drivable_only=self.drivable_only,
                timed=split == splits[0],  # pictures of another split take as long
                progress=progress,
            )

        return evaluate_splits(source.name, splits, measured)


def usual_data(what: str, card: "ModelCard") -> str:
    """The training data of a model, from its run folder or its card.

    Raises:
        UserError: The card names a folder of another machine.
    """
    from rlkit.segmentation.config import SegmentationConfig
    from rlkit.segmentation.datasets import is_simulator
    from rlkit.training.run_folder import RunFolder

    is_run = (Path(what) / "config.json").is_file()
    known = RunFolder.open(Path(what), SegmentationConfig).config.data if is_run else str(card.trained.get("data", ""))
    if is_run or is_simulator(known):
        return known
    raise unknown_data(what, card.trained)


def unknown_data(what: str, trained: Mapping[str, Any]) -> UserError:
    """The error that the training data of a model are not known.

    Args:
        what: The model as the user named it.
        trained: How it was trained, from its card.
    """
    known = str(trained.get("data", ""))
    hint = f" (it was trained on {known})" if known else ""
    return UserError(f"--data is needed: the training data of {what} are not known here{hint}. Name sim or a folder.")


def held_out_of(what: str) -> float:
    """The share of a folder's training pictures that a run held out, so that the same ones are measured."""
    from rlkit.segmentation.config import SegmentationConfig
    from rlkit.training.run_folder import RunFolder

    is_run = (Path(what) / "config.json").is_file()
    return RunFolder.open(Path(what), SegmentationConfig).config.val_fraction if is_run else 0.1


def print_result(result: "SegmentationResult", console: "Console") -> None:
    """Print the figures as tables."""
    console.print(
        f"[bold]{shown_text(result.model)}[/bold] on {shown_text(result.data)}, {shown_text(result.split)}: "
        f"{result.pictures} pictures of "
        f"{result.size[1]}×{result.size[0]} pixels",
        highlight=False,
    )
    print_notes(result.notes, console)
    console.print(_figures(result))
    console.print(_classes(result))
    if result.by_condition:
        console.print(_conditions(result))
    print_speed(result.speed, console)


def _figures(result: "SegmentationResult") -> "Table":
    table = _table("", "")
    mask = result.classes.drivable_mask
    rows = (
        ("drivable IoU", f"{result.drivable_iou:.4f}", f"of {shown_text(' + '.join(result.classes.drivable))}"),
        ("two-class mean IoU", f"{result.confusion.two_class_mean_iou(mask):.4f}", "drivable and everything else"),
        ("mean IoU", f"{result.confusion.mean_iou:.4f}", f"over {len(result.classes)} classes"),
        ("global accuracy", f"{result.confusion.global_accuracy:.4f}", "share of pixels"),
        ("class accuracy", f"{result.confusion.mean_accuracy:.4f}", "mean over classes"),
        ("boundary F1", f"{result.boundaries.mean:.4f}", "within 0.75 % of the diagonal"),
        ("calibration error", f"{result.calibration.expected_error:.4f}", "15 bins; 0 is best"),
        (
            "error-detection AUROC",
            f"{result.errors.auroc:.4f}",
            f"of entropy; {result.errors.auroc_inside:.4f} more than 5 pixels from borders, where "
            f"{1.0 - result.errors.border_share:.0%} of errors lie",
        ),
        ("parameters", f"{result.parameters:,}", ""),
    )
    table.show_header = False
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return table


def _classes(result: "SegmentationResult") -> "Table":
    table = _table("class", "IoU", "accuracy", "boundary F1", "share of pixels")
    shares = result.confusion.counts.sum(axis=1) / max(1, result.confusion.pixels)
    columns = (result.confusion.iou, result.confusion.class_accuracy, result.boundaries.by_class)
    for number, name in enumerate(result.classes.names):
        figures = (shown(column[number]) for column in columns)
        table.add_row(
            shown_text(name),
            *figures,
            f"{shares[number]:.1%}",
            style="bold" if name in result.classes.drivable else "",
        )
    return table


def _conditions(result: "SegmentationResult") -> "Table":
    table = _table("condition", "drivable IoU", "mean IoU", "accuracy")
    for name, confusion in result.by_condition.items():
        figures = (confusion.drivable_iou(result.classes.drivable_mask), confusion.mean_iou, confusion.global_accuracy)
        table.add_row(shown_text(name or "unknown"), *map(shown, figures))
    return table


def _table(first: str, *others: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=True, header_style="dim")
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table

r"""Segmentation networks compared at an equal training budget: IoU on test splits, and speed.

    python scripts/bench/segmentation.py --pictures 48000 --json segmentation.json
    python scripts/bench/segmentation.py --seconds 1800 --networks segnet-compact segnet-basic --seeds 0 1 2
    python scripts/bench/segmentation.py --data CAMVID --size 180 240 --epochs 50 --networks segnet-compact \
        --set class_weights=none dice=1 batch_size=4 learning_rate=0.006 scale_min=0.85 scale_max=1.25 blur=0.3

Every network is trained by `rlkit perception train` with the default hyperparameters for the data, for the same number
of images, or about as many seconds, and evaluated on the test splits: of the simulator, test circuits in training and
in held-out weathers. The best colour threshold is the baseline. Rows are written one by one: an interrupted benchmark
resumes.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from colour_threshold import DRIVABLE, fit_on, measure, total
from common.reporting import Row, Rows, quiet

from rlkit.cli.options import read_pairs
from rlkit.perception.model import find_model, load_model
from rlkit.segmentation import train
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import Dataset
from rlkit.segmentation.evaluation import SegmentationResult, evaluate
from rlkit.segmentation.hyperparameters import PRESETS, usual_preset
from rlkit.training.progress import PlainReporter

NETWORKS = ("segnet-compact", "segnet-basic", "segnet", "fcn32s", "fcn8s")
THRESHOLD = "colour threshold"
TRIAL = 60.0  # s; the second half times a step, the first includes the generation of circuits
COLUMNS = ("network", "seed", "split")


def main() -> None:
    """Train and evaluate what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sim", help="sim, env:ID or a folder")
    parser.add_argument("--networks", nargs="*", default=NETWORKS, help="; ".join(NETWORKS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--pictures", type=int, help="training images of each network, repetitions included")
    budget.add_argument("--epochs", type=int, help="passes over a folder's images")
    budget.add_argument("--seconds", type=float, help="approximate seconds of training")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters of all networks")
    parser.add_argument("--size", nargs=2, type=int, default=None, metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--measured", type=int, default=None, help="images of a simulator's split; 64 per condition")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--runs", type=Path, default=None, help="folder for the runs; by default temporary")
    parser.add_argument("--json", type=Path, default=None, help="file for the figures")
    asked = parser.parse_args()
    shared = ("pictures", "epochs", "seconds", "size", "measured", "device", "set")
    data = Path(asked.data).name if Path(asked.data).is_dir() else asked.data  # the same wherever the folder lies
    rows = Rows(asked.json, COLUMNS, options={"data": data} | {name: getattr(asked, name) for name in shared})
    size = None if asked.size is None else (asked.size[0], asked.size[1])
    source = open_dataset(asked.data, size=size, pictures=asked.measured)
    if not rows.has(network=THRESHOLD, seed=0, split=source.splits[0]):
        rows.add(*threshold_rows(source))
    for seed in asked.seeds:
        for network in asked.networks:
            if all(rows.has(network=network, seed=seed, split=split) for split in source.splits):
                continue
            print(f"{network}, seed {seed}", flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                folder = (asked.runs or Path(scratch)) / f"{network}-s{seed}"
                rows.add(*network_rows(asked, source, size, network, seed, folder))
            print_table(rows.rows, source)
    print_table(rows.rows, source)


def network_rows(
    asked: argparse.Namespace,
    source: Dataset,
    size: tuple[int, int] | None,
    network: str,
    seed: int,
    folder: Path,
) -> list[Row]:
    """Train one network and evaluate it on every split."""
    preset = PRESETS[usual_preset(source.training_pictures)](source.classes, source.training_pictures)
    settings = read_pairs("--set", [asked.set])
    batch = int(settings.get("batch_size", preset.batch_size))
    options = {"network": network, "size": size, "seed": seed, "device": asked.device, "settings": settings}
    steps = None if asked.epochs else affordable_steps(asked, options) if asked.seconds else -(-asked.pictures // batch)
    began = time.perf_counter()
    run = train(asked.data, steps=steps, epochs=asked.epochs, save_freq=0, run_dir=folder, reporter=quiet, **options)
    seconds = time.perf_counter() - began
    if run.stopped is not None:
        sys.exit(f"{network}, seed {seed}: stopped after {run.steps} steps ({run.stopped}); not measured")
    model = load_model(find_model(run.path), network=network)
    rows = []
    for split in source.splits:
        result = evaluate(model, source, split, name=network, timed=split == source.splits[0])
        shared = {"network": network, "seed": seed, "split": split, "steps": run.steps, "pictures": run.steps * batch}
        rows.append({**shared, "seconds": round(seconds, 1), **figures_of(result)})
    return rows


def affordable_steps(asked: argparse.Namespace, options: Row) -> int:
    """Number of steps that fit into the given seconds, by the time of some steps."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        endless = {"steps": 1_000_000, "save_freq": 0, "run_dir": Path(scratch) / "run", "reporter": lambda _: watch}
        train(asked.data, time_limit=TRIAL, **endless, **options)
    counted = [moment for moment in watch.times if moment >= watch.times[-1] - TRIAL / 2]
    one = (counted[-1] - counted[0]) / (len(counted) - 1) if len(counted) > 1 else TRIAL
    return max(1, int(asked.seconds / one))


class Stopwatch(PlainReporter):
    """Records the time of each step, without output."""

    def __init__(self) -> None:
        super().__init__(0, quiet=True)
        self.times: list[float] = []

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Record the time."""
        self.times.append(time.perf_counter())


def figures_of(result: SegmentationResult) -> Row:
    """The figures of a result as a row."""
    tree = result.to_json()
    names = (
        "parameters",
        "drivable_iou",
        "two_class_mean_iou",
        "mean_iou",
        "global_accuracy",
        "boundary_f1",
        "expected_calibration_error",
        "error_auroc",
        "frames_per_second",
        "frames_per_second_in_batches_of_32",
        "latency_ms",
        "iou",
        "conditions",
    )
    return {name: tree.get(name) for name in names}


def threshold_rows(source: Dataset) -> list[Row]:
    """The best colour threshold, evaluated as the networks are."""
    box, _ = fit_on(source, seed=0)
    rows = []
    for split in source.splits:
        parts = measure(box, source, split)
        confusion = total(parts)
        rows.append(
            {
                "network": THRESHOLD,
                "seed": 0,
                "split": split,
                "parameters": box.size,
                "drivable_iou": confusion.drivable_iou(DRIVABLE),
                "two_class_mean_iou": confusion.two_class_mean_iou(DRIVABLE),
                "conditions": {name: {"drivable_iou": part.drivable_iou(DRIVABLE)} for name, part in parts.items()},
            }
        )
    return rows


def print_table(rows: list[Row], source: Dataset) -> None:
    """One line per network and seed: IoU of the drivable area and mean IoU in each split, and speed."""
    head = "".join(f" | {split + ': drivable':>20} {'mean':>6}" for split in source.splits)
    rates = ("frames_per_second", "frames_per_second_in_batches_of_32")
    titles = f"{'pictures':>9} {'s':>7} {'fps 1':>6} {'fps 32':>6}"
    print(f"\n{'network':18} {'seed':>4} {'parameters':>11}{head} | {titles}")
    for network, seed in dict.fromkeys((row["network"], row["seed"]) for row in rows):
        parts = {row["split"]: row for row in rows if (row["network"], row["seed"]) == (network, seed)}
        first = next(iter(parts.values()))
        line = f"{network:18} {seed:>4} {first['parameters']:>11,}"
        for split in source.splits:
            row = parts.get(split, {})
            line += f" | {_cell(row.get('drivable_iou'), 20, 4)} {_cell(row.get('mean_iou'), 6)}"
        line += f" | {_cell(first.get('pictures'), 9, 0)} {_cell(first.get('seconds'), 7, 0)}"
        print(line, *(_cell(first.get(name), 6, 0) for name in rates))
    print(flush=True)


def _cell(value: float | None, width: int, digits: int = 3) -> str:
    return " " * (width - 1) + "–" if value is None else f"{value:{width},.{digits}f}"


if __name__ == "__main__":
    main()

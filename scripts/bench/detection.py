"""Detectors compared at an equal training budget: COCO's AP on unseen circuits, IoU of the road, and speed.

    pip install -c constraints.txt -e '.[detection]'
    python scripts/bench/detection.py --steps 3000 --seeds 0 1 2 --json scripts/bench/results/detection.json
    python scripts/bench/detection.py --model pretrained:centernet-compact --json scripts/bench/results/detector.json

Ours are trained on `rlkit/DrivingTrafficCamera-v0` by the same number of pictures, from the encoder that ships: one
network with heads for road and objects, the same without the road, and a two-stage detector on the same encoder. They
are measured on test circuits in training and in held-out weathers, objects lower than `--min-height` pixels left out. A
trained model given by `--model` is measured instead of training, beside the road of `pretrained:segnet-compact` in the
same pictures.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from common.reporting import Row, Rows, quiet, whole
from rich.console import Console
from rich.table import Table

from rlkit.detection import train
from rlkit.detection.datasets import SIMULATOR, open_boxes
from rlkit.detection.datasets.base import DetectionDataset
from rlkit.detection.evaluation import DetectionResult, evaluate
from rlkit.detection.objects import LabelledObjects
from rlkit.perception.detector import Detector, load_detector
from rlkit.perception.model import find_model, load_model
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.evaluation import evaluate as evaluate_road

INIT = "pretrained:segnet-compact"
COLUMNS = ("detector", "seed", "split")
MEASURED = ("ap", "ap50", "ap75", "distance_error", "drivable_iou")


@dataclass(frozen=True)
class Arm:
    """A detector to train.

    Args:
        name: In the table.
        network: Its network.
        road: Whether it learns the classes of pixels too.
    """

    name: str
    network: str
    road: bool


ARMS = (
    Arm("road and objects", "centernet-compact", True),
    Arm("objects only", "centernet-compact", False),
    Arm("two-stage, road and objects", "faster-rcnn-compact", True),
)


class WithoutMasks:
    """A `DetectionDataset` without its classes of pixels."""

    def __init__(self, source: DetectionDataset):
        self._source = source
        self.name, self.size, self.notes = source.name, source.size, source.notes
        self.objects, self.splits = source.objects, source.splits
        self.training_pictures, self.has_distances = source.training_pictures, source.has_distances
        self.classes = None

    def training(self, batch_size: int, generator: np.random.Generator) -> Iterator[LabelledObjects]:
        """Yield batches without end."""
        return self._source.training(batch_size, generator)

    def selection(self) -> Iterator[LabelledObjects]:
        """Yield the validation pictures."""
        return self._source.selection()

    def measured(self, split: str) -> Iterator[LabelledObjects]:
        """Yield the pictures of a split."""
        return self._source.measured(split)


def main() -> None:
    """Train and measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3000, help="training steps of each detector")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--traffic", type=int, default=20, help="other cars on a circuit, and as many obstacles")
    parser.add_argument("--pictures", type=int, default=1024, help="of each test split")
    parser.add_argument("--min-height", type=float, default=8.0, help="of objects that are measured, in pixels")
    parser.add_argument("--threads", type=int, default=2, help="of torch, for the speeds")
    parser.add_argument("--model", help="measure this detector instead of training")
    parser.add_argument("--json", type=Path, default=None, help="file for the figures")
    options = parser.parse_args()
    shared = {name: getattr(options, name) for name in ("traffic", "pictures", "min_height", "threads", "model")}
    shared |= {} if options.model else {"steps": options.steps, "batch_size": options.batch_size}
    rows = Rows(options.json, COLUMNS, options=shared)
    density = {"traffic": options.traffic, "obstacles": options.traffic}
    source = open_boxes("sim", env_kwargs=density, pictures=options.pictures)
    if options.model:
        measure_model(options, source, density, rows)
    else:
        for seed in options.seeds:
            for arm in ARMS:
                if not all(rows.has(detector=arm.name, seed=seed, split=split) for split in source.splits):
                    train_arm(options, source, arm, seed, rows)
    print_table(rows.rows)


def train_arm(options: argparse.Namespace, source: DetectionDataset, arm: Arm, seed: int, rows: Rows) -> None:
    """Train a detector and measure it on every split."""
    settings = {"batch_size": str(options.batch_size), "learning_rate": "4e-3", "threads": "1"}
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        run = train(
            source if arm.road else WithoutMasks(source),
            network=arm.network,
            init=INIT,
            steps=options.steps,
            settings=settings,
            seed=seed,
            run_dir=Path(scratch) / "run",
            reporter=quiet,
        )
        whole(run)
        minutes = round((time.perf_counter() - began) / 60, 1)
        detector = load_detector(find_model(run.path))
    for split in source.splits:
        result = measure(detector, source, split, options)
        rows.add({"detector": arm.name, "seed": seed, "split": split, "minutes": minutes, **figures(result)})
        print(f"{arm.name}, seed {seed}, {split}: AP {result.precision.ap:.3f}", flush=True)


def measure_model(options: argparse.Namespace, source: DetectionDataset, density: dict[str, int], rows: Rows) -> None:
    """Measure a trained detector, and the road of the segmentation model that ships in the same pictures."""
    detector = load_detector(find_model(options.model))
    segnet = load_model(find_model(INIT))
    for split in source.splits:
        if rows.has(detector=options.model, seed=0, split=split):
            continue
        result = measure(detector, source, split, options)
        pictures = open_dataset(SIMULATOR, env_kwargs=density, pictures=options.pictures)
        road = evaluate_road(segnet, pictures, split, timed=False)
        row = {"detector": options.model, "seed": 0, "split": split, **figures(result)}
        rows.add(row | {"segnet_drivable_iou": road.drivable_iou})


def measure(detector: Detector, source: DetectionDataset, split: str, options: argparse.Namespace) -> DetectionResult:
    """A detector's result on a split, timed with `--threads`."""
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        return evaluate(detector, source, split, min_height=options.min_height)
    finally:
        torch.set_num_threads(before)


def figures(result: DetectionResult) -> Row:
    """Figures of a result for a row."""
    plain = result.to_json()
    kept = ("parameters", "frames_per_second", *MEASURED, "ap_by_kind", "ap50_by_kind", "objects", "conditions")
    return {name: plain[name] for name in kept}


def print_table(rows: list[Row]) -> None:
    """One line per detector and split: the mean over seeds, and the range."""
    table = Table(box=None, pad_edge=False)
    for column in ("detector", "split", "parameters", "frames/s", *MEASURED):
        table.add_column(column, justify="left" if column in ("detector", "split") else "right")
    for name, split in dict.fromkeys((row["detector"], row["split"]) for row in rows):
        alike = [row for row in rows if (row["detector"], row["split"]) == (name, split)]
        speeds = [row["frames_per_second"] for row in alike]
        cells = [spread([row.get(measure) for row in alike]) for measure in MEASURED]
        table.add_row(name, split, f"{alike[0]['parameters']:,}", f"{np.median(speeds):,.0f}", *cells)
    Console(width=160).print(table)


def spread(values: list[float | None]) -> str:
    """Mean, and lowest and highest if there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    if len(known) == 1:
        return f"{known[0]:.3f}"
    return f"{np.mean(known):.3f} ({min(known):.3f} to {max(known):.3f})"


if __name__ == "__main__":
    main()

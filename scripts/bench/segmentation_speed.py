"""Frames per second and IoU of every segmentation network in float32, bfloat16 and int8.

    pip install -c constraints.txt -e '.[export]'
    python scripts/bench/segmentation_speed.py --json scripts/bench/results/segmentation_speed.json
    python scripts/bench/segmentation_speed.py --network pretrained:segnet-compact runs/segnet runs/fcn8s

A frame is the whole computation from uint8 images in memory to the uint8 class of every pixel. `folded` has batch
normalisation folded into the convolutions, as in `load_model`; `plain` is the network as trained; `onnx` and
`onnx-int8` run in ONNX Runtime. Names denote untrained networks, which are as fast as trained ones. Trained ones, given
as a run, a file or `pretrained:NAME`, are also evaluated for their drivable IoU on the simulator's test circuits, in
training and in held-out weathers. With `--json` an interrupted benchmark resumes.
"""

import argparse
import functools
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from common.reporting import Row, Rows
from rich.console import Console
from rich.table import Table

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel, find_model, load_model, predicted_classes
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks import NETWORKS, build_network
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.export.common import as_input
from rlkit.segmentation.export.onnx_export import calibration_images, int8_bytes, onnx_bytes, run, session_of
from rlkit.spaces import IGNORED, Classes, Pixels

RUNTIMES = ("plain", "folded", "bfloat16", "onnx", "onnx-int8")
CLASSES = Classes(tuple(f"class {number}" for number in range(9)), ("class 4",))  # as many as the simulator has
SPLITS = ("test", "held-out")

Labelling = Callable[[Pixels], Pixels]


def main() -> None:
    """Measure every combination and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", nargs="+", default=list(NETWORKS), help="names, runs, files, pretrained:NAME")
    parser.add_argument("--runtime", nargs="+", choices=RUNTIMES, default=list(RUNTIMES))
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--size", nargs=2, type=int, default=[96, 128], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--pictures", type=int, default=512, help="per split, for the IoU of trained networks")
    parser.add_argument("--json", type=Path, default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    shared = {"size": options.size, "threads": options.threads, "pictures": options.pictures}
    packages = ["onnx", "onnxruntime"] if {"onnx", "onnx-int8"} & set(options.runtime) else []
    rows = Rows(options.json, ("network", "runtime", "batch"), packages, shared)
    for name in options.network:
        measure_network(name, options, rows)
    print_table(rows.rows)


def measure_network(name: str, options: argparse.Namespace, rows: Rows) -> None:
    """Measure one network with every runtime and batch size that the file lacks."""
    for runtime in options.runtime:
        missing = [size for size in options.batch if not rows.has(network=name, runtime=runtime, batch=size)]
        if not missing:
            continue
        model, trained = find(name, tuple(options.size))
        try:
            label, size = prepared(model, runtime, trained, options.threads)
        except UserError as error:
            print(f"{name}, {runtime}: {error}", flush=True)
            continue
        ious = {split: drivable_iou(label, model, split, options.pictures) for split in SPLITS} if trained else {}
        for batch in missing:
            row: Row = {"network": name, "runtime": runtime, "batch": batch, "parameters": model.parameters}
            row |= {"megabytes": round(size / 1e6, 3), **speed(label, batch, model.card.size, options.seconds)}
            rows.add(row | {f"iou {split}": round(iou, 5) for split, iou in ious.items()})
            print(f"{name}, {runtime}, batch {batch}: {row['frames_per_second']:,.0f} frames/s", flush=True)


def find(name: str, size: tuple[int, int]) -> tuple[SegmentationModel, bool]:
    """The network, and whether it is trained."""
    if name not in NETWORKS:
        return load_model(find_model(name), fuse=False), True
    network = build_network(name, len(CLASSES), generator=torch.Generator().manual_seed(0))
    return SegmentationModel(network, ModelCard(name, CLASSES, size)), False


def prepared(model: SegmentationModel, runtime: str, trained: bool, threads: int) -> tuple[Labelling, int]:
    """A function that predicts labels, and the bytes of its weights."""
    if runtime == "plain":
        return model.labels, 4 * model.parameters
    if runtime in ("folded", "bfloat16"):
        half = runtime == "bfloat16"
        quick = SegmentationModel(model.network, model.card, fuse=True, precision="bfloat16" if half else "float32")
        return quick.labels, (2 if half else 4) * model.parameters
    content = onnx_bytes(model) if runtime == "onnx" else int8_bytes(model, calibration(model, trained))
    session = session_of(content, threads)

    def labels(pictures: Pixels) -> Pixels:
        return predicted_classes(torch.from_numpy(run(session, as_input(pictures))))

    return labels, len(content)


def calibration(model: SegmentationModel, trained: bool) -> Pixels:
    """Calibration images of quantisation; noise for untrained networks."""
    generator = np.random.default_rng(0)
    if not trained:
        return generator.integers(0, 256, (8, *model.card.size, 3), dtype=np.uint8)
    return calibration_images(open_dataset("sim", size=model.card.size), generator)


def speed(label: Labelling, batch: int, size: tuple[int, int], seconds: float) -> dict[str, float]:
    """Frames per second, and percentiles of the time of a batch."""
    pictures = np.random.default_rng(0).integers(0, 256, (batch, *size, 3), dtype=np.uint8)
    for _ in range(2):
        label(pictures)
    times: list[float] = []
    while len(times) < 3 or sum(times) < seconds:
        began = time.perf_counter()
        label(pictures)
        times.append(time.perf_counter() - began)
    p50, p99 = np.percentile(times, [50, 99]) * 1e3
    return {
        "frames_per_second": round(batch / (p50 / 1e3), 1),
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "least_ms": round(min(times) * 1e3, 3),
        "calls": len(times),
    }


def drivable_iou(label: Labelling, model: SegmentationModel, split: str, count: int) -> float:
    """IoU of the drivable area, over all images of a split."""
    both = either = 0
    drivable = np.append(model.classes.drivable_mask, np.zeros(IGNORED + 1 - len(model.classes), dtype=bool))
    for pictures in measured(split, model.card.size, count):
        truth, found, known = drivable[pictures.labels], drivable[label(pictures.images)], pictures.labels != IGNORED
        both += int((truth & found & known).sum())
        either += int(((truth | found) & known).sum())
    return both / either


@functools.cache
def measured(split: str, size: tuple[int, int], count: int) -> list[LabelledImages]:
    """The first pictures of a split of the simulator, kept for the next network."""
    batches = open_dataset("sim", size=size).measured(split)
    first = next(batches)
    return [first, *islice(batches, max(0, -(-count // len(first)) - 1))]


def print_table(rows: list[Row]) -> None:
    """One line per network and runtime."""
    table = Table(box=None, pad_edge=False)
    batches = sorted({row["batch"] for row in rows})
    ious = [column for column in (f"iou {split}" for split in SPLITS) if any(column in row for row in rows)]
    for column in ("network", "parameters", "runtime", "MB"):
        table.add_column(column, justify="right" if column in ("parameters", "MB") else "left")
    for column in [f"batch {batch}: frames/s (p50, p99 ms)" for batch in batches] + ious:
        table.add_column(column, justify="right")
    for network, runtime in dict.fromkeys((row["network"], row["runtime"]) for row in rows):
        alike = {row["batch"]: row for row in rows if (row["network"], row["runtime"]) == (network, runtime)}
        one = next(iter(alike.values()))
        cells = [
            f"{row['frames_per_second']:,.0f} ({row['p50_ms']:.1f}, {row['p99_ms']:.1f})" if row else ""
            for row in map(alike.get, batches)
        ]
        shares = [f"{one[column]:.4f}" if column in one else "" for column in ious]
        table.add_row(network, f"{one['parameters']:,}", runtime, f"{one['megabytes']:.2f}", *cells, *shares)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()

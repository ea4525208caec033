"""IoU of the best colour threshold for the drivable area: the baseline of segmentation networks.

    python scripts/bench/colour_threshold.py --json colour_threshold.json

The best box in hue, saturation and value is fitted by its IoU over random pixels of training images, and evaluated on
the test splits of the networks: test circuits, in training and in held-out weathers.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import rgb_to_hsv

from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import Dataset, LabelledImages
from rlkit.segmentation.metrics import Confusion

PICTURES = 512  # for the fit
PIXELS = 250  # of each of them
_STARTS = 12  # of the search
_BATCH = 32

Array = npt.NDArray[np.float64]
DRIVABLE = np.array([False, True])  # of the two classes of a box


def sample(source: Dataset, generator: np.random.Generator) -> tuple[Array, npt.NDArray[np.bool_]]:
    """(n, 3) hue, saturation, value and (n,) bool drivable, of random pixels of training images."""
    colours, truth = [], []
    batches = source.training(_BATCH, generator)
    for _ in range(PICTURES // _BATCH):
        batch = next(batches)
        drivable = drivable_in(source, batch)
        for image, wanted in zip(batch.images, drivable, strict=True):
            chosen = generator.integers(wanted.size, size=PIXELS)
            colours.append(rgb_to_hsv(image.reshape(-1, 3)[chosen] / 255.0))
            truth.append(wanted.ravel()[chosen])
    return np.concatenate(colours), np.concatenate(truth)


def drivable_in(source: Dataset, batch: LabelledImages) -> npt.NDArray[np.bool_]:
    """(N, H, W) bool, drivable pixels."""
    return np.isin(batch.labels, np.flatnonzero(source.classes.drivable_mask))


def iou(box: Array, colours: Array, truth: npt.NDArray[np.bool_]) -> float:
    """IoU of the colours within a box, (2, 3) lowest and highest values, with the truth."""
    found = inside(box, colours)
    return float((found & truth).sum() / (found | truth).sum())


def inside(box: Array, colours: Array) -> npt.NDArray[np.bool_]:
    """(...) bool, colours (..., 3) within a box (2, 3)."""
    return ((colours >= box[0]) & (colours <= box[1])).all(axis=-1)


def fit(colours: Array, truth: npt.NDArray[np.bool_], generator: np.random.Generator) -> Array:
    """Coordinate ascent of the IoU over the sides of a box, from many starting points."""
    grid = np.linspace(0.0, 1.0, 41)
    best = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    for start in range(_STARTS):
        box = best.copy() if start == 0 else np.sort(generator.choice(grid, size=(2, 3)), axis=0)
        before = -1.0
        while (now := iou(box, colours, truth)) > before:
            before = now
            for side in range(2):
                for axis in range(3):
                    tried = [box.copy() for _ in grid]
                    for candidate, value in zip(tried, grid, strict=True):
                        candidate[side, axis] = value
                    box = max(tried, key=lambda candidate: iou(candidate, colours, truth))
        if iou(box, colours, truth) > iou(best, colours, truth):
            best = box
    return best


def fit_on(source: Dataset, seed: int) -> tuple[Array, float]:
    """The best box for a data set's training images, and its IoU on the pixels of the fit."""
    generator = np.random.default_rng(seed)
    colours, truth = sample(source, generator)
    box = fit(colours, truth, generator)
    return box, iou(box, colours, truth)


def measure(box: Array, source: Dataset, split: str) -> dict[str, Confusion]:
    """Confusion matrices of a box on a split, by condition."""
    found: dict[str, Confusion] = {}
    for batch in source.measured(split):
        guesses = inside(box, rgb_to_hsv(batch.images / 255.0)).astype(np.uint8)
        truths = drivable_in(source, batch).astype(np.uint8)
        for condition, truth, guess in zip(batch.conditions, truths, guesses, strict=True):
            found.setdefault(condition, Confusion(2)).add(truth, guess)
    return found


def total(parts: dict[str, Confusion]) -> Confusion:
    """Sum over the conditions."""
    whole = Confusion(2)
    for part in parts.values():
        whole = whole + part
    return whole


def main() -> None:
    """Fit, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sim", help="sim, env:ID or a folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    source = open_dataset(arguments.data, seed=arguments.seed)
    box, fitted = fit_on(source, arguments.seed)
    figures: dict[str, Any] = {"fitted on": fitted}
    for split in source.splits:
        parts = measure(box, source, split)
        figures[split] = total(parts).drivable_iou(DRIVABLE)
        figures |= {f"{split}, {name}": part.drivable_iou(DRIVABLE) for name, part in parts.items() if len(parts) > 1}
    for name, value in figures.items():
        print(f"{name:24} IoU {value:.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"box": box.tolist(), "iou": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""How well the best threshold of colours finds the drivable area, in the weathers it was fitted on and in others.

    python scripts/bench/colour_threshold.py --json colour_threshold.json

A simulator whose road could be told by its colour would teach a network nothing. This fits the best box in hue,
saturation and value, by its IoU (intersection over union) over random pixels of training pictures, and measures it on
the very pictures that networks are measured on: other circuits, in training and in held-out weathers.
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

PICTURES = 512  # that the box is fitted on
PIXELS = 250  # that are taken of each picture
_STARTS = 12  # of the search
_BATCH = 32

Array = npt.NDArray[np.float64]
DRIVABLE = np.array([False, True])  # of the two classes that a box tells apart


def sample(source: Dataset, generator: np.random.Generator) -> tuple[Array, npt.NDArray[np.bool_]]:
    """(n, 3) hue, saturation, value and (n,) whether drivable, of random pixels of training pictures."""
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
    """(N, H, W) bool, where a car could drive."""
    return np.isin(batch.labels, np.flatnonzero(source.classes.drivable_mask))


def iou(box: Array, colours: Array, truth: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of what lies in a box (2, 3) of lowest and highest values with the truth."""
    found = inside(box, colours)
    return float((found & truth).sum() / (found | truth).sum())


def inside(box: Array, colours: Array) -> npt.NDArray[np.bool_]:
    """(...) bool, which colours (..., 3) lie in a box (2, 3)."""
    return ((colours >= box[0]) & (colours <= box[1])).all(axis=-1)


def fit(colours: Array, truth: npt.NDArray[np.bool_], generator: np.random.Generator) -> Array:
    """The best box found by moving one side at a time, from many starting points."""
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
    """The best box for a source's training pictures, and its IoU on the pixels it was fitted on."""
    generator = np.random.default_rng(seed)
    colours, truth = sample(source, generator)
    box = fit(colours, truth, generator)
    return box, iou(box, colours, truth)


def measure(box: Array, source: Dataset, split: str) -> dict[str, Confusion]:
    """What a box takes for drivable in a split, by condition."""
    found: dict[str, Confusion] = {}
    for batch in source.measured(split):
        guesses = inside(box, rgb_to_hsv(batch.images / 255.0)).astype(np.uint8)
        truths = drivable_in(source, batch).astype(np.uint8)
        for condition, truth, guess in zip(batch.conditions, truths, guesses, strict=True):
            found.setdefault(condition, Confusion(2)).add(truth, guess)
    return found


def total(parts: dict[str, Confusion]) -> Confusion:
    """All conditions together."""
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

"""How well the best threshold of colours finds the drivable area, in the weathers it was fitted on and in others.

    python scripts/bench/colour_threshold.py --json colour_threshold.json

A simulator whose road could be told by its colour would teach a network nothing. This fits the best box in hue,
saturation and value, by its IoU (intersection over union) over all pixels, on pictures of the training weathers, and
measures it on other circuits, in training and in held-out weathers.
"""

import argparse
import json
from pathlib import Path

import gymnasium
import numpy as np
import numpy.typing as npt
import rlkit_envs  # noqa: F401  (registers the environments)
from matplotlib.colors import rgb_to_hsv

PICTURES = 300
PIXELS = 400  # that are taken of each picture
STEPS_APART = 9

Array = npt.NDArray[np.float64]


def sample(weather: str, split: str, seed: int) -> tuple[Array, npt.NDArray[np.bool_]]:
    """(n, 3) hue, saturation, value and (n,) whether drivable, of random pixels of pictures along random drives."""
    env = gymnasium.make(
        "rlkit/DrivingCamera-v0", weather=weather, split=split, num_circuits=PICTURES, start="anywhere"
    )
    drivable = [env.metadata["classes"].index(name) for name in env.metadata["drivable"]]
    random = np.random.default_rng(seed)
    colours, truth = [], []
    for number in range(PICTURES):
        seen, _ = env.reset(seed=seed + number)
        for _ in range(int(random.integers(STEPS_APART))):
            seen, _, terminated, truncated, _ = env.step(env.unwrapped.expert_action())  # type: ignore[attr-defined]
            if terminated or truncated:
                break
        chosen = random.integers(seen["segmentation"].size, size=PIXELS)
        colours.append(rgb_to_hsv(seen["camera"].reshape(-1, 3)[chosen] / 255.0))
        truth.append(np.isin(seen["segmentation"].ravel()[chosen], drivable))
    return np.concatenate(colours), np.concatenate(truth)


def iou(box: Array, colours: Array, truth: npt.NDArray[np.bool_]) -> float:
    """Intersection over union of what lies in a box (2, 3) of lowest and highest values with the truth."""
    found = ((colours >= box[0]) & (colours <= box[1])).all(axis=1)
    return float((found & truth).sum() / (found | truth).sum())


def fit(colours: Array, truth: npt.NDArray[np.bool_]) -> Array:
    """The best box found by moving one side at a time, from many starting points."""
    grid = np.linspace(0.0, 1.0, 41)
    random = np.random.default_rng(0)
    best = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    for start in range(12):
        box = best.copy() if start == 0 else np.sort(random.choice(grid, size=(2, 3)), axis=0)
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


def main() -> None:
    """Fit, measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()
    colours, truth = sample("train", "train", 0)
    box = fit(colours, truth)
    figures = {"fitted on": iou(box, colours, truth)}
    for weather in ("train", "held-out", "clear", "fog", "snow", "storm", "dawn"):
        figures[weather] = iou(box, *sample(weather, "test", 50_000))
    for name, value in figures.items():
        print(f"{name:12} IoU {value:.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"box": box.tolist(), "iou": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Error of the position of objects on the ground, by the foot of the box, by the distance, and by both.

python scripts/bench/object_position.py --model runs/NAME --json scripts/bench/results/object_position.json

The position is that of an object's middle as `perception.occupancy` puts it, its error the distance to the simulator's
middle. Boxes are the simulator's, of which distances are exact, and those that a detector finds, where they overlap a
true box of the same kind by an IoU of at least a half. Objects count from 4 pixels of height and up to 40 m.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import rlkit_envs  # noqa: F401 registers the environments
from common.reporting import Rows

from rlkit import capabilities
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model
from rlkit.perception.objects import DISTANCE, KIND, BoxReader, rows_of
from rlkit.perception.occupancy import BirdviewOccupancy

ENVIRONMENT = "rlkit/DrivingTrafficCamera-v0"
MANY = {"traffic": 20, "obstacles": 20, "start": "anywhere", "clear_ahead": 0.0}
FARTHEST = 40.0  # m
BANDS = ((0.0, 10.0), (10.0, 20.0), (20.0, 40.0), (0.0, 40.0))  # m
OVERLAP = 0.5  # IoU of a found box and a true one
FOOT_ERROR = 0.5  # pixels, of the lower edge of a box
DISTANCE_ERROR = 0.04  # share of the distance
ENVS = 16

Floats = npt.NDArray[np.float64]


def observed(weather: str, images: int) -> Iterator[tuple[Any, Any, list[Floats]]]:
    """Pictures, boxes and, of each picture, the objects' true middles (ahead, left of the car, and bearing)."""
    environments: Any = gymnasium.make_vec(
        ENVIRONMENT, ENVS, vectorization_mode="vector_entry_point", weather=weather, split="test", **MANY
    )
    ahead = environments.metadata["camera"]["ahead"]
    for start in range(0, images, ENVS):
        observation, _ = environments.reset(seed=list(range(start, start + ENVS)))
        simulator = environments.unwrapped.episodes.simulator
        middles = [true_middles(*one, ahead) for one in zip(simulator.cars, simulator.others, strict=True)]
        yield observation["camera"], observation["boxes"], middles
    environments.close()


def true_middles(car: Any, others: Any, mount_ahead: float) -> Floats:
    """(K, 3): metres ahead of the car and to its left, and the bearing as seen from the camera."""
    dx, dy = others["x"] - car["x"], others["y"] - car["y"]
    cosine, sine = np.cos(car["heading"]), np.sin(car["heading"])
    ahead, left = dx * cosine + dy * sine, dy * cosine - dx * sine
    return np.stack([ahead, left, np.arctan2(left, ahead - mount_ahead)], axis=1)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a detector; without, only the simulator's boxes are measured")
    parser.add_argument("--images", type=int, default=800)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    rows = Rows(options.json, ("boxes", "weather"), options={"images": options.images, "model": options.model})
    for boxes in ("true", *(["found"] if options.model else [])):
        for weather in ("train", "held-out"):
            if not rows.has(boxes=boxes, weather=weather):
                detector = load_detector(find_model(options.model)) if boxes == "found" else None
                rows.add({"boxes": boxes, "weather": weather, **measured(weather, options.images, detector)})
            print(markdown(rows.get(boxes=boxes, weather=weather) or {}), flush=True)


def measured(weather: str, images: int, detector: Any) -> dict[str, Any]:
    """Median and 90 % quantile of the errors in metres, by way and by band of true distance."""
    spec = gymnasium.make(ENVIRONMENT)
    labels = capabilities.box_labels(spec.unwrapped.metadata)
    camera = capabilities.camera(spec.unwrapped.metadata)
    size = spec.observation_space["camera"].shape[:2]  # type: ignore[index]
    assert labels is not None
    assert camera is not None
    place = BirdviewOccupancy(camera, size, (32, 32), 1.0, [labels.sizes[name] for name in labels.classes])
    reader = BoxReader(labels, size)
    focal = 0.5 * size[1] / np.tan(0.5 * camera.field_of_view)
    bearing = labels.fields.index("bearing")
    errors: dict[str, list[float]] = {"foot": [], "distance": [], "both": []}
    distances: list[float] = []
    for pictures, table, middles in observed(weather, images):
        true = reader(table)
        found = true
        if detector is not None:
            kinds = np.array([labels.classes.index(name) for name in detector.card.objects])
            found = rows_of(detector.perceive(pictures)[0], kinds)
        for n in range(len(pictures)):
            for mine, own in paired(found[n], true[n]):
                if true[n, own, DISTANCE] > FARTHEST:
                    continue
                middle = middles[n][np.argmin(np.abs(middles[n][:, 2] - table[n, own, bearing]))][:2]
                row = np.repeat(found[n, mine : mine + 1], 3, axis=0)
                row[0, DISTANCE] = np.nan
                depth = labels.sizes[labels.classes[int(row[0, KIND])]].length
                by_foot = place.footprints(row[:1])[0, :2]
                foot = float(np.hypot(by_foot[0] - camera.ahead, by_foot[1]) - 0.5 * depth)
                sigma = FOOT_ERROR * foot**2 / (focal * camera.height_above_ground), DISTANCE_ERROR * row[1, DISTANCE]
                weight = sigma[1] ** 2 / (sigma[0] ** 2 + sigma[1] ** 2)
                row[2, DISTANCE] = weight * foot + (1.0 - weight) * row[1, DISTANCE] if np.isfinite(foot) else np.nan
                for way, one in zip(errors, place.footprints(row), strict=True):
                    errors[way].append(float(np.hypot(*(one[:2] - middle))))
                distances.append(float(true[n, own, DISTANCE]))
    far = np.array(distances)
    return {
        f"{low:g} to {high:g} m": {
            "objects": int(((far >= low) & (far < high)).sum()),
            **{way: quantiles(np.array(values)[(far >= low) & (far < high)]) for way, values in errors.items()},
        }
        for low, high in BANDS
    }


def quantiles(errors: Floats) -> list[float]:
    """Median and 90 % quantile; an object that is nowhere counts as infinitely far."""
    known = np.where(np.isfinite(errors), errors, np.inf)
    return [round(float(value), 2) for value in np.quantile(known, (0.5, 0.9), method="higher")] if len(known) else []


def paired(found: Any, true: Any) -> Iterator[tuple[int, int]]:
    """Found objects with the true one that they overlap most, both by number."""
    for mine in np.flatnonzero(found[:, KIND] >= 0.0).tolist():
        same = np.flatnonzero(true[:, KIND] == found[mine, KIND])
        if not len(same):
            continue
        low = np.maximum(found[mine, 1:3], true[same, 1:3])
        sides = np.clip(np.minimum(found[mine, 3:5], true[same, 3:5]) - low, 0.0, None)
        both = sides.prod(1)
        union = np.prod(found[mine, 3:5] - found[mine, 1:3]) + (true[same, 3:5] - true[same, 1:3]).prod(1) - both
        if (both / union).max() >= OVERLAP:
            yield mine, int(same[np.argmax(both / union)])


def markdown(row: dict[str, Any]) -> str:
    """The errors of a row in Markdown."""
    lines = [
        f"{row['boxes']} boxes, {row['weather']}: median (90 %) error in m",
        "| distance | n | foot | distance | both |",
    ]
    for band, figures in row.items():
        if isinstance(figures, dict):
            cells: Sequence[str] = [
                f"{figures[w][0]} ({figures[w][1]})" if figures[w] else "–" for w in ("foot", "distance", "both")
            ]
            lines.append(f"| {band} | {figures['objects']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""How close `rlkit/CarRacing-v0` is to Gymnasium's CarRacing-v3: car, picture, reward, roads.

    pip install -c constraints.txt -e '.[bench]'
    python scripts/bench/car_racing_fidelity.py --json scripts/bench/results/car_racing_fidelity.json

Tracks of CarRacing-v3 are given to both, and both cars take the same actions: gas for 0.8 s, then a random one of the
five every 0.12 s, gas in half of the cases. Reported are the distance between the cars, how much their speeds and
headings differ, how much the 96×96 pictures differ, and what each was paid. Roads are compared by length and curvature,
procedural ones of either. It takes a minute.
"""

import argparse
import math
import tempfile
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import rlkit_envs  # noqa: F401
from common.reporting import machine
from rlkit_envs.driving.road.checkpoints import HALF_WIDTH, STRIDE, make_checkpoint_circuit
from rlkit_envs.driving.road.circuit import CURVATURE
from rlkit_envs.driving.sensors.window_view import ORIGIN

from rlkit.utils.io import write_json

GAS = 3
FRAMES = (50, 100, 200, 300)
QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)


def pose_of(hull: Any) -> tuple[float, float, float]:
    """Centre of gravity (m) and heading (rad) of the original's body."""
    heading = hull.angle + 0.5 * math.pi
    return hull.position[0] - ORIGIN * math.cos(heading), hull.position[1] - ORIGIN * math.sin(heading), heading


def drive(seed: int, folder: Path) -> list[dict[str, float]]:
    """Drive both on one track of the original; differences after some frames, until the field is left."""
    original: Any = gymnasium.make("CarRacing-v3", continuous=False).unwrapped
    draw, original._render = original._render, lambda mode: None
    original.reset(seed=seed)
    points = np.array(original.track)[:, 2:]
    path = folder / f"{seed}.csv"
    np.savetxt(path, np.column_stack([points, np.full((len(points), 2), HALF_WIDTH)]), delimiter=",")
    ours: Any = gymnasium.make("rlkit/CarRacing-v0", continuous=False, circuit=str(path), split="test").unwrapped
    ours.reset(seed=seed)
    car = ours.episodes.simulator.cars[0]
    car["x"], car["y"], car["heading"] = pose_of(
        original.car.hull
    )  # the line's direction there differs by up to 0.05 rad
    random = np.random.default_rng(seed)
    rewards = np.zeros(2)
    action, rows = GAS, []
    for frame in range(1, max(FRAMES) + 1):
        if frame > 40 and frame % 6 == 0:
            action = GAS if random.random() < 0.5 else int(random.integers(5))
        picture, reward, ended, *_ = ours.step(action)
        rewards += original.step(action)[1], reward
        if ended:  # the field left
            break
        if frame in FRAMES:
            hull = original.car.hull
            x, y, heading = pose_of(hull)
            theirs = draw("state_pixels").astype(int)
            rows.append(
                {
                    "distance": math.hypot(x - car["x"], y - car["y"]),
                    "speed": float(hull.linearVelocity.length),
                    "speed_error": abs(hull.linearVelocity.length - math.hypot(car["speed"], car["lateral_velocity"])),
                    "heading_error": abs(math.remainder(heading - car["heading"], 2.0 * math.pi)),
                    "picture": float(np.abs(theirs - picture).mean()),
                    "reward_error": abs(rewards[0] - rewards[1]),
                }
            )
    return rows


def roads(count: int) -> dict[str, list[float]]:
    """Mean, shortest and longest length (m), and quantiles of the curvature's size (1/m), of both."""
    original: Any = gymnasium.make("CarRacing-v3").unwrapped
    original._render = lambda mode: None
    lengths: tuple[list[float], list[float]] = ([], [])
    bends: tuple[list[npt.NDArray[np.float64]], list[npt.NDArray[np.float64]]] = ([], [])
    for seed in range(count):
        original.reset(seed=seed)
        turns = np.diff(np.array(original.track)[:, 1])
        lengths[0].append(STRIDE * len(original.track))
        bends[0].append(np.abs((turns + np.pi) % (2.0 * np.pi) - np.pi) / STRIDE)
        circuit = make_checkpoint_circuit(seed, "train")
        lengths[1].append(circuit.length)
        bends[1].append(np.abs(circuit.line[:, CURVATURE]))
    figures: dict[str, list[float]] = {}
    for name, length, bend in zip(("original", "ours"), lengths, bends, strict=True):
        figures[f"length_{name}"] = [float(np.mean(length)), min(length), max(length)]
        figures[f"curvature_{name}"] = np.quantile(np.concatenate(bend), QUANTILES).tolist()
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracks", type=int, default=20, help="to drive on")
    parser.add_argument("--roads", type=int, default=300, help="to compare")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        driven = [drive(seed, Path(folder)) for seed in range(options.tracks)]
    rows = []
    for k, frames in enumerate(FRAMES):
        row: dict[str, Any] = {"frames": frames, "tracks": sum(k < len(drive_rows) for drive_rows in driven)}
        for name in driven[0][0]:
            values = [drive_rows[k][name] for drive_rows in driven if k < len(drive_rows)]
            row[name] = {"median": float(np.median(values)), "largest": max(values)}
        rows.append(row)
        shown = ", ".join(f"{name} {row[name]['median']:.3g} ({row[name]['largest']:.3g})" for name in driven[0][0])
        print(f"after {frames} frames, median (largest) of {row['tracks']}: {shown}")
    compared = roads(options.roads)
    for name, values in compared.items():
        print(name, [float(f"{value:.4g}") for value in values])
    if options.json is not None:
        write_json(options.json, {"machine": machine("box2d"), "rows": rows, "roads": compared})


if __name__ == "__main__":
    main()

"""Effect of errors of perception on driving in traffic: laps without contact by true, by found and without boxes.

python scripts/bench/traffic_closed_loop.py --model runs/NAME --json scripts/bench/results/traffic_closed_loop.json \
    --picture scripts/bench/results/traffic_closed_loop.png

Arms: (a) trained and driven on the true road and boxes; (b) the same driver on a detector's road and boxes; (c) the
same driver on the detector's road with the boxes withheld (all are missed); with --road-only (d) trained on the true
road alone, driven on the detector's road. Then the driver of (a) on the truth with faults: objects missed, false
objects, latency. A collision ends the episode, so that a lap that is finished is one without contact. Circuits are the
same for all, so that differences are paired. The same command resumes an interrupted benchmark; trained drivers are
looked for in --folder as driver-s0, driver-s1 and so on, and road-s0 for (d).
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common.driven_laps import WEATHERS, drive, train_driver, trained_minutes
from common.paired_arms import markdown, summed
from common.reporting import Row, Rows

from rlkit.utils.io import read_json

ENVIRONMENT = "rlkit/DrivingTrafficCamera-v0"
LABELS = {"sensors": ["segmentation", "boxes", "state"]}  # the camera's image is not needed, and not rendered
EVERYTHING = {"sensors": ["camera", "segmentation", "boxes", "state"]}
VIEW = {"view_size": [40, 32], "metres_per_pixel": 1.0}
FRAMES = 4  # stacked, in which others move
REFERENCE = "true road and boxes"
FAULTS: dict[str, tuple[float, ...]] = {
    "missed": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5),
    "ghosts": (0.0, 0.25, 0.5, 1.0, 2.0),
    "latency": (0, 1, 2, 3, 4, 5),
}
AXES = {
    "missed": "objects missed, share",
    "ghosts": "false objects per image",
    "latency": "latency, decisions of 0.1 s",
}
COLOURS = ("#009E73", "#0072B2", "#D55E00", "#E69F00")  # Okabe and Ito 2008


@dataclass(frozen=True)
class Arm:
    """A driver and what it drives by.

    Args:
        name: In the table.
        run: Prefix of the run folders.
        perception: Of the evaluation; None for that of the training.
        options: Perception options of the evaluation that differ from the training.
    """

    name: str
    run: str
    perception: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


def arms_of(model: str, road_only: bool) -> list[Arm]:
    """The arms, the reference first."""
    arms = [
        Arm(REFERENCE, "driver"),
        Arm("found road and boxes", "driver", model),
        Arm("found road, boxes withheld", "driver", model, {"missed": 1.0}),
    ]
    return [*arms, Arm("found road, trained without boxes", "road", model)] if road_only else arms


def faults() -> Iterator[tuple[str, float, Arm]]:
    """Kind and strength of every fault, with the arm that measures it."""
    for kind, strengths in FAULTS.items():
        for strength in strengths:
            yield (
                kind,
                strength,
                Arm(f"{kind} {strength:g}" if strength else REFERENCE, "driver", None, {kind: strength}),
            )


def main() -> None:
    """Train and evaluate what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the detector, with classes of pixels")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=800_000, help="budget of each training")
    parser.add_argument("--circuits", type=int, default=200)
    parser.add_argument("--fault-circuits", type=int, default=100, help="circuits of each fault; 0 for no faults")
    parser.add_argument("--road-only", action="store_true", help="train and drive without boxes, too")
    parser.add_argument("--folder", type=Path, default=Path("runs/traffic-closed-loop"), help="run folders")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--picture", type=Path, help="file for the plot, .png")
    options = parser.parse_args()
    chosen = {name: getattr(options, name) for name in ("model", "circuits", "fault_circuits")}
    rows = Rows(options.json, ("arm", "seed", "weather", "circuits"), options=chosen)
    arms = arms_of(options.model, options.road_only)
    for seed in range(options.seeds):
        runs = {
            name: trained(options.folder / f"{name}-s{seed}", options.steps, seed) for name in {a.run for a in arms}
        }
        for arm in arms:
            for name, weather in WEATHERS.items():
                measure(rows, arm, runs[arm.run], seed, name, weather, options.circuits)
        if options.fault_circuits:
            for _, _, arm in faults():
                name = next(iter(WEATHERS))
                measure(rows, arm, runs[arm.run], seed, name, WEATHERS[name], options.fault_circuits)
    table = [
        summed(of_circuits(rows.rows, options.circuits), arm.name, weather, REFERENCE)
        for arm in arms
        for weather in WEATHERS
    ]
    rows.write(table=table)
    print(markdown(table, REFERENCE, laps="laps without contact", against="the truth"))
    if options.picture is not None:
        draw(rows.rows, [arm.name for arm in arms], options.circuits, options.fault_circuits, options.picture)


def trained(folder: Path, steps: int, seed: int) -> Path:
    """A driver trained on the truth, with boxes or, in a folder `road-...`, without."""
    boxes = not folder.name.startswith("road-")
    return train_driver(
        folder,
        steps,
        seed,
        environment=ENVIRONMENT,
        rewards={},
        perception="truth",
        perception_kwargs=VIEW | {"objects": boxes},
        env_kwargs=LABELS | {"frame_stack": FRAMES},
    )


def measure(rows: Rows, arm: Arm, run: Path, seed: int, name: str, weather: str, circuits: int) -> None:
    """Evaluate an arm unless it has been."""
    if rows.has(arm=arm.name, seed=seed, weather=name, circuits=circuits):
        return
    figures = drive(
        run,
        circuits,
        weather,
        perception=arm.perception,
        perception_kwargs=arm.options,
        sensors=EVERYTHING if arm.perception else LABELS,
    )
    about = {"arm": arm.name, "seed": seed, "weather": name, "minutes": trained_minutes(run)}
    rows.add(about | {"steps": read_json(run / "config.json")["steps"]} | figures)
    iou = "" if figures["iou"] is None else f", mask IoU {figures['iou']:.3f}"
    print(f"{arm.name}, seed {seed}, {name}: {100 * figures['laps']:.1f} % of laps{iou}", flush=True)


def of_circuits(rows: Sequence[Row], circuits: int) -> list[Row]:
    """The rows that were measured on so many circuits."""
    return [row for row in rows if row["circuits"] == circuits]


def draw(rows: Sequence[Row], arms: Sequence[str], circuits: int, fault_circuits: int, path: Path) -> None:
    """Draw laps without contact as bars for the arms, and over the strength of each fault; a dot per seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 3.4), layout="constrained")
    first, *others = figure.subplots(1, 1 + len(FAULTS), sharey=True, width_ratios=[1.6, 1, 1, 1])
    width = 0.8 / len(arms)
    for index, arm in enumerate(arms):
        for place, weather in enumerate(WEATHERS):
            laps = laps_of(of_circuits(rows, circuits), arm, weather)
            if laps:
                x = place + (index - 0.5 * (len(arms) - 1)) * width
                first.bar(x, np.mean(laps), 0.9 * width, color=COLOURS[index], label=None if place else arm)
                first.plot(np.full(len(laps), x), laps, "o", color="black", markersize=3, alpha=0.7)
    first.set_xticks(range(len(WEATHERS)), list(WEATHERS))
    first.set_ylabel("laps without contact, %")
    first.set_ylim(0, 105)
    first.legend(frameon=False, fontsize=8, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    weather = next(iter(WEATHERS))
    for axes, kind in zip(others, FAULTS, strict=True):
        measured = [
            (strength, laps)
            for fault, strength, arm in faults()
            if fault == kind and (laps := laps_of(of_circuits(rows, fault_circuits), arm.name, weather))
        ]
        for strength, laps in measured:
            axes.plot(np.full(len(laps), strength), laps, "o", color="black", markersize=3, alpha=0.5)
        axes.plot([s for s, _ in measured], [np.mean(laps) for _, laps in measured], color=COLOURS[1])
        axes.set_xlabel(AXES[kind])
    for axes in (first, *others):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=160)
    print(f"drew {path}")


def laps_of(rows: Sequence[Row], arm: str, weather: str) -> list[float]:
    """Laps of each seed, in percent."""
    return [100 * row["laps"] for row in rows if (row["arm"], row["weather"]) == (arm, weather)]


if __name__ == "__main__":
    main()

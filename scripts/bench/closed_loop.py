"""Effect of perception errors on driving: laps on unseen circuits by true mask, SegNet's mask, and camera image.

python scripts/bench/closed_loop.py --model pretrained:segnet-compact --json scripts/bench/results/closed_loop.json \
    --picture scripts/bench/results/closed_loop.png

Arms: (a) trained and evaluated on the true mask; (b) trained and evaluated on the model's mask; (c) trained on the true
mask, evaluated on the model's; (d) the downscaled camera image. Budget, preset and circuits are the same for all, so
that differences are paired. The same command resumes an interrupted benchmark.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common.driven_laps import LABELS_ONLY, WEATHERS, drive, train_driver, trained_minutes
from common.paired_arms import markdown, summed
from common.reporting import Row, Rows

from rlkit.experiments.statistics import interquartile_mean

REFERENCE = "true mask"
COLOURS = ("#009E73", "#0072B2", "#56B4E9", "#D55E00")  # Okabe and Ito 2008


@dataclass(frozen=True)
class Arm:
    """One kind of observation.

    Args:
        name: In the table.
        run: Prefix of the run folders; arms with the same prefix share policies.
        training: Arguments of the training, beyond budget and seed.
        perception: Perception of the evaluation; None for that of the training.
    """

    name: str
    run: str
    training: dict[str, Any]
    perception: str | None = None


def arms_of(model: str, precision: str, camera_size: Sequence[int]) -> list[Arm]:
    """All arms, the reference first."""
    truth = {"perception": "truth", "env_kwargs": LABELS_ONLY}
    raw = {"env_kwargs": {"resize": list(camera_size)}}
    return [
        Arm(REFERENCE, "truth", truth),
        Arm("SegNet mask", "segnet", {"perception": model, "perception_kwargs": {"precision": precision}}),
        Arm("trained on true, driven on SegNet mask", "truth", truth, model),
        Arm("camera picture", "camera", raw),
    ]


def main() -> None:
    """Train and evaluate what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pretrained:segnet-compact", help="the segmentation model")
    parser.add_argument("--precision", default="float32", help="of the model: float32 or bfloat16")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=130_000, help="budget of each training")
    parser.add_argument("--circuits", type=int, default=200)
    parser.add_argument("--camera-size", type=int, nargs=2, default=(48, 64), help="size of arm (d)'s image")
    parser.add_argument("--arms", nargs="*", help="only arms with these prefixes")
    parser.add_argument("--folder", type=Path, default=Path("runs/closed-loop"), help="run folders")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--picture", type=Path, help="file for the plot, .png")
    options = parser.parse_args()
    chosen = {name: getattr(options, name) for name in ("model", "precision", "steps", "circuits")}
    rows = Rows(options.json, ("arm", "seed", "weather"), options=chosen | {"camera_size": list(options.camera_size)})
    arms = [
        arm
        for arm in arms_of(options.model, options.precision, options.camera_size)
        if not options.arms or any(arm.name.startswith(prefix) for prefix in options.arms)
    ]
    for seed in range(options.seeds):
        for arm in arms:
            missing = {name: w for name, w in WEATHERS.items() if not rows.has(arm=arm.name, seed=seed, weather=name)}
            if not missing:
                continue
            folder = options.folder / f"{arm.run}-{options.steps}-s{seed}"
            run = train_driver(folder, options.steps, seed, **arm.training)
            for name, weather in missing.items():
                kwargs = {"precision": options.precision} if arm.perception else None
                figures = drive(run, options.circuits, weather, perception=arm.perception, perception_kwargs=kwargs)
                key = {"arm": arm.name, "seed": seed, "weather": name, "minutes": trained_minutes(run)}
                rows.add(key | figures)
                print(describe(rows.rows[-1]), flush=True)
    table = [summed(rows.rows, arm.name, weather, REFERENCE) for arm in arms for weather in WEATHERS]
    rows.write(table=table)
    print(markdown(table, REFERENCE, laps="laps finished", against=REFERENCE))
    if options.picture is not None:
        draw(rows.rows, [arm.name for arm in arms], options.picture)


def describe(row: Row) -> str:
    """A row as text."""
    iou = "" if row["iou"] is None else f", mask IoU {row['iou']:.3f}"
    return f"{row['arm']}, seed {row['seed']}, {row['weather']}: {100 * row['laps']:.1f} % of laps{iou}"


def draw(rows: Sequence[Row], arms: Sequence[str], path: Path) -> None:
    """Draw laps finished as bars, a dot per seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(arms)
    for index, arm in enumerate(arms):
        for place, weather in enumerate(WEATHERS):
            laps = [100 * row["laps"] for row in rows if (row["arm"], row["weather"]) == (arm, weather)]
            if not laps:
                continue
            x = place + (index - 0.5 * (len(arms) - 1)) * width
            value = float(interquartile_mean(laps))
            colour = COLOURS[index % len(COLOURS)]
            axes.bar(x, value, 0.9 * width, color=colour, label=arm if place == 0 else None)
            axes.plot(np.full(len(laps), x), laps, "o", color="black", markersize=3, alpha=0.7)
            axes.annotate(f"{value:.1f} %", (x, 2), ha="center", color="white", fontsize=9, fontweight="bold")
    axes.set_xticks(range(len(WEATHERS)), list(WEATHERS))
    axes.set_ylabel("laps finished, %")
    axes.set_ylim(0, 105)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0), title="drives by")
    figure.savefig(path, dpi=160)
    print(f"drew {path}")


if __name__ == "__main__":
    main()

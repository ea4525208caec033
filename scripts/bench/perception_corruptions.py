"""Driving under corrupted perception: laps finished over noise, latency and dropped frames; one plot.

python scripts/bench/perception_corruptions.py runs/NAME --json scripts/bench/results/perception_corruptions.json \
    --picture scripts/bench/results/perception_corruptions.png

One trained policy, the same circuits for every corruption. Each kind of noise is measured by itself too, so that laps
can be plotted over the mask's IoU on the images of the evaluation.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.driven_laps import drive
from common.reporting import Row, Rows

LATENCIES = (0, 1, 2, 3, 4, 5)  # decisions, of 0.1 s each
DROPPED = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8)
NOISES = (0.0, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)
KINDS = ("all", "boundary", "blobs", "patches", "pixels")
COLOURS = ("#000000", "#E69F00", "#0072B2", "#009E73", "#CC79A7")  # Okabe and Ito 2008


def corruptions() -> list[tuple[str, dict[str, Any]]]:
    """Every measured corruption: name of its curve, and perception's options."""
    latencies = [("latency", {"latency": latency}) for latency in LATENCIES]
    dropped = [("dropped", {"dropped": share}) for share in DROPPED]
    noises = [(f"noise {kind}", {"noise": noise, "noise_kind": kind}) for kind in KINDS for noise in NOISES]
    return [*noises, *latencies, *dropped]


def main() -> None:
    """Evaluate what is missing, print and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of a policy with perception")
    parser.add_argument("--perception", help="segmentation model or truth; by default that of the training")
    parser.add_argument("--weather", default="held-out", help="a weather's name, or a mixture: train, held-out, all")
    parser.add_argument("--circuits", type=int, default=100)
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--picture", type=Path, help="file for the plot, .png")
    options = parser.parse_args()
    chosen = {"perception": options.perception, "weather": options.weather, "circuits": options.circuits}
    rows = Rows(options.json, ("fault", "options"), options={"run": options.run.name, **chosen})
    plain = None
    for name, kwargs in corruptions():
        if rows.has(fault=name, options=kwargs):
            continue
        clean = not any(value for key, value in kwargs.items() if key != "noise_kind")
        if plain is None or not clean:  # the clean point of all curves is the same
            figures = drive(
                options.run, options.circuits, options.weather, perception=options.perception, perception_kwargs=kwargs
            )
            plain = figures if clean else plain
        else:
            figures = plain
        rows.add({"fault": name, "options": kwargs, **figures})
        print(f"{name} {strength(rows.rows[-1]):g}: {describe(figures)}", flush=True)
    if options.picture is not None:
        draw(rows.rows, options.picture, options.circuits)


def strength(row: Row) -> float:
    """Strength of a row's corruption."""
    return float(next(value for name, value in row["options"].items() if name != "noise_kind"))


def describe(figures: Row) -> str:
    """Figures as text."""
    ratio = "" if figures["ratio"] is None else f", {figures['ratio']:.2f} × the reference time"
    return f"{100 * figures['laps']:.1f} % of laps{ratio}, mask IoU {figures['iou']:.3f}"


def draw(rows: Sequence[Row], path: Path, circuits: int) -> None:
    """Plot laps over noise, latency, dropped frames, and the mask's IoU."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 5.6), layout="constrained")
    (noise, iou), (latency, dropped) = figure.subplots(2, 2, sharey=True)
    for kind, colour in zip(KINDS, COLOURS, strict=True):
        named = "all of them" if kind == "all" else kind
        points = sorted((row for row in rows if row["fault"] == f"noise {kind}"), key=strength)
        laps = [100 * row["laps"] for row in points]
        style = {"color": colour, "marker": "o", "markersize": 4, "label": named, "lw": 2.2 if kind == "all" else 1.3}
        noise.plot([strength(row) for row in points], laps, **style)
        iou.plot([row["iou"] for row in points], laps, **style)
    for axes, fault, unit in ((latency, "latency", 0.1), (dropped, "dropped", 100.0)):
        points = sorted((row for row in rows if row["fault"] == fault), key=strength)
        axes.plot(
            [unit * strength(row) for row in points], [100 * row["laps"] for row in points], "o-", color="#0072B2"
        )
    noise.set_xlabel("strength of the noise in the mask")
    iou.set_xlabel("IoU of the mask while driving")
    iou.invert_xaxis()
    latency.set_xlabel("latency of the view, s")
    dropped.set_xlabel("dropped frames, %")
    noise.legend(frameon=False, fontsize=8, title="kind of noise")
    for axes in (noise, iou, latency, dropped):
        axes.set_ylim(-3, 105)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    for axes in (noise, latency):
        axes.set_ylabel(f"laps finished of {circuits}, %")
    figure.savefig(path, dpi=160)
    print(f"drew {path}")


if __name__ == "__main__":
    main()

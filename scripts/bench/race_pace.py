"""How fast policies drive after minutes of training, on unseen procedural circuits and on real ones, over seeds.

    python scripts/bench/race_pace.py driving-5min --json scripts/bench/results/race_pace.json
    python scripts/pretrained/build.py road-car
    python scripts/bench/race_pace.py runs/pretrained/road-car --circuits FOLDER \
        --json scripts/bench/results/race_pace.json

A folder of runs s0, s1, ... is evaluated as it is; `scripts/pretrained/build.py` trains it. Ratios are lap time over
the reference time of the same circuit, means over the finished laps. Real circuits are the CSV files of a folder,
unseen in training; laps start at rest. Complete runs in `--folder` are not trained again.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from common.driven_laps import trained_minutes
from common.reporting import Row, Rows, quiet, whole

from rlkit.cli.options import read_seeds
from rlkit.experiments.records import read_run
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.run import resume, train

EPISODES = 200


ENVIRONMENT = "rlkit/Driving-v0"
STEPS = {"driving-1min": 160_000, "driving-5min": 800_000, "driving-20min": 3_200_000}  # on one core of two


def laps(run: Path, scenario: Path | None = None) -> dict[str, Any]:
    """Laps of a policy on unseen circuits, or on the circuits of a folder."""
    episodes = evaluate_policy(
        find_policy(run), episodes=EPISODES if scenario is None else 1, scenario=scenario
    ).episodes
    finished = [bool(episode["finished"]) for episode in episodes]
    ratios = [float(episode["ratio"]) for episode in episodes if episode["finished"]]
    row = {
        "episodes": len(episodes),
        "laps": float(np.mean(finished)),
        "clean": float(np.mean([episode["finished"] and not episode["collisions"] for episode in episodes])),
        "ratio": float(np.mean(ratios)) if ratios else None,
        "worst_ratio": max(ratios, default=None),
    }
    if scenario is not None:
        row["circuits"] = {
            episode["scenario"]: round(float(episode["ratio"]), 3) if episode["finished"] else episode["end"]
            for episode in episodes
        }
    return row


def learn(name: str, seed: int, folder: Path) -> None:
    """Train one policy, or continue an interrupted training."""
    if (folder / "config.json").exists():
        whole(resume(folder, reporter=quiet))
    else:
        whole(train(ENVIRONMENT, steps=STEPS[name], seed=seed, run_dir=folder, reporter=quiet))


def measure(name: str, seed: int, folder: Path, circuits: Path | None) -> Row:
    """Evaluate one policy."""
    row: Row = {"task": name, "seed": seed, "steps": read_run(folder).config.steps}
    row |= {"minutes": round(trained_minutes(folder), 2), "unseen": laps(folder)}
    if circuits is not None:
        row["real"] = laps(folder, circuits)
    for kind in ("unseen", "real"):
        if kind in row:
            found = row[kind]
            pace = "-" if found["ratio"] is None else f"{found['ratio']:.3f}"
            print(
                f"{name:14} seed {seed}  {row['minutes']:5.1f} min  {kind:6} {100 * found['laps']:5.1f} % of "
                f"{found['episodes']} laps, {100 * found['clean']:5.1f} % without contact, {pace} × reference",
                flush=True,
            )
    return row


def main() -> None:
    """Train and evaluate what is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="+", metavar="TASK", help=f"{', '.join(STEPS)}, or a folder of complete runs")
    parser.add_argument("--seeds", default="0..2", help="such as 0..2")
    parser.add_argument("--circuits", type=Path, help="folder of CSV files of real circuits")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-race-pace"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    rows = Rows(options.json, ("task", "seed"))
    for task in options.tasks:
        if task not in STEPS and not Path(task).is_dir():
            parser.error(f"{task}: expected one of {', '.join(STEPS)}, or a folder of runs s0, s1, ...")
        for seed in read_seeds(options.seeds):
            name = task if task in STEPS else Path(task).name
            if rows.has(task=name, seed=seed):
                continue
            run = Path(task) / f"s{seed}"
            if task in STEPS:
                run = options.folder / f"{task}-s{seed}"
                learn(task, seed, run)
            rows.add(measure(name, seed, run, options.circuits))


if __name__ == "__main__":
    main()

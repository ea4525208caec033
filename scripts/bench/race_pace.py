"""How fast policies drive after minutes of training, on unseen procedural circuits and on real ones, over seeds.

    python scripts/bench/race_pace.py driving-5min --json scripts/bench/results/race_pace.json
    python scripts/bench/race_pace.py road-car race-car --circuits FOLDER --json scripts/bench/results/race_pace.json

Ratios are lap time over the reference time of the same circuit, means over the finished laps. Real circuits are the CSV
files of a folder, none of which training uses; laps start at rest. Complete runs in `--folder` are not trained again.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from common.driven_laps import trained_minutes
from common.reporting import Rows, quiet, whole

from rlkit.cli.options import read_seeds
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.run import resume, train

EPISODES = 200


@dataclass(frozen=True)
class Task:
    """One training.

    Args:
        env: Environment.
        steps: Budget.
        env_kwargs: Arguments of the environment.
        settings: Hyperparameters beside those of the default preset.
    """

    env: str
    steps: int
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


RACING = {"batch_size": 128, "update_interval": 32, "gamma": 0.985}
TASKS = {
    "driving-1min": Task("rlkit/Driving-v0", 220_000),
    "driving-5min": Task("rlkit/Driving-v0", 1_100_000, settings=RACING),
    "driving-20min": Task("rlkit/Driving-v0", 4_400_000, settings=RACING),
    "road-car": Task("rlkit/DrivingRace-v0", 2_200_000, {"off_road_penalty": 10}, settings=RACING),
    "race-car": Task(
        "rlkit/DrivingRace-v0", 1_200_000, {"vehicle": "race_car", "off_road_penalty": 20}, settings=RACING
    ),
    "traffic": Task("rlkit/DrivingTraffic-v0", 1_000_000, settings=RACING),
}


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


def learn(name: str, seed: int, folder: Path, circuits: Path | None) -> dict[str, Any]:
    """Train one policy, or continue an interrupted training, and evaluate it."""
    task = TASKS[name]
    if (folder / "config.json").exists():
        whole(resume(folder, reporter=quiet))
    else:
        whole(
            train(
                task.env,
                steps=task.steps,
                seed=seed,
                env_kwargs=task.env_kwargs,
                settings=task.settings,
                run_dir=folder,
                reporter=quiet,
            )
        )
    row = {"task": name, "seed": seed, "steps": task.steps, "minutes": round(trained_minutes(folder), 2)}
    row |= {"unseen": laps(folder)}
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
    parser.add_argument("tasks", nargs="+", choices=TASKS, metavar="TASK", help=f"one of {', '.join(TASKS)}")
    parser.add_argument("--seeds", default="0..2", help="such as 0..2")
    parser.add_argument("--circuits", type=Path, help="folder of CSV files of real circuits")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-race-pace"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    rows = Rows(options.json, ("task", "seed"))
    for name in options.tasks:
        for seed in read_seeds(options.seeds):
            if not rows.has(task=name, seed=seed):
                rows.add(learn(name, seed, options.folder / f"{name}-s{seed}", options.circuits))


if __name__ == "__main__":
    main()

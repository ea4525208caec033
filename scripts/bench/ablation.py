"""Ablation of the preset `fast` on driving: one ingredient of the DQN family at a time, over seeds.

    python scripts/bench/ablation.py --json scripts/bench/results/ablation.json

Each row changes one thing about the preset `fast`, trains on `rlkit/Driving-v0` for the same number of steps, and
drives 200 unseen circuits, the same for all. The budget is just enough for `fast`: with twice as many steps nearly all
rows finish all laps. The rows are not tuned; learning rate and epsilon reach their final values at the last step. Runs
go side by side, each on one thread, if possible on a core of its own. Takes about 30 s per row and seed (IQN five
minutes); an interrupted benchmark resumes from its JSON file, and `--only` with more `--seeds` extends some rows.
"""

import argparse
import itertools
import math
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from statistics import mean
from typing import Any

from common.reporting import Rows, quiet, whole

FIGURES = ("lap_rate", "ratio", "mean_reward")


def ingredients(steps: int) -> dict[str, dict[str, str]]:
    """Hyperparameters of each row that differ from `fast`: first without its ingredients, then with others."""
    return {
        "fast": {},
        "no Munchausen": {"munchausen": "false"},
        "double instead of Munchausen": {"munchausen": "false", "double": "true"},
        "no quantiles": {"distribution": "none", "loss": "squared"},
        "no quantiles, double": {"distribution": "none", "loss": "squared", "munchausen": "false", "double": "true"},
        "32 quantiles": {"num_quantiles": "32"},
        "implicit (IQN)": {"distribution": "implicit", "num_target_quantiles": "8"},
        "no dueling": {"dueling": "false"},
        "no layer norm": {"layer_norm": "false"},
        "no averaging": {"ema_decay": "0"},
        "no mirror": {"mirror": "false"},
        "no normalization": {"normalize_observations": "false"},
        "no convolution": {"encoder": "flat"},
        "1-step returns": {"n_step": "1"},
        "6-step returns": {"n_step": "6"},
        "gamma 0.975": {"gamma": "0.975"},
        "batches of 256, every 64 steps": {"batch_size": "256", "update_interval": "64"},
        "target network every 4,000 steps": {"target_update_interval": "4000"},
        "no repeated random actions": {"exploration_repeat": "1"},
        "prioritised": {"per_alpha": "0.6", "per_beta_steps": str(steps)},
        "random shift": {"random_shift": "1"},
        "dropout": {"dropout": "0.1"},
    }


def drive(name: str, seed: int, steps: int, circuits: int) -> dict[str, Any]:
    """Train and evaluate one policy, in a process of its own."""
    from rlkit.policy import evaluate_policy, find_policy
    from rlkit.training.logger import read_metrics
    from rlkit.training.run import train

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        settings = ingredients(steps)[name]
        trained = train(
            "rlkit/Driving-v0",
            seed=seed,
            steps=steps,
            settings=settings,
            save_freq=0,
            run_dir=run,
            reporter=quiet,
        )
        whole(trained)
        seconds = read_metrics(run)[-1]["seconds"]
        figures = evaluate_policy(find_policy(run), episodes=circuits).to_json()
    return {"ingredient": name, "seed": seed, "seconds": seconds} | {key: figures.get(key) for key in FIGURES}


def pin_to_core(taken: "Synchronized[int]") -> None:
    """Pin a process to a core of its own, if the system supports it."""
    with taken.get_lock():
        number = taken.value
        taken.value += 1
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})


def print_table(rows: list[dict[str, Any]], names: list[str]) -> None:
    """One line per ingredient: means over seeds, worst seed, and difference from `fast` with the same seeds."""
    heads = (
        f"{'':32} {'seeds':>5} {'laps':>7} {'worst':>7} {'ratio':>6} {'reward':>7} {'against fast':>13} {'seconds':>8}"
    )
    print(f"\n{heads}")
    fast = {row["seed"]: row["mean_reward"] for row in rows if row["ingredient"] == "fast"}
    for name in names:
        own = [row for row in rows if row["ingredient"] == name]
        if own:
            laps = [row["lap_rate"] for row in own]
            ratios = [row["ratio"] for row in own if row["ratio"] is not None]
            apart = [row["mean_reward"] - fast[row["seed"]] for row in own if row["seed"] in fast]
            print(
                f"{name:32} {len(own):5} {mean(laps):7.1%} {min(laps):7.1%} "
                f"{mean(ratios) if ratios else math.nan:6.2f} {mean(row['mean_reward'] for row in own):7.2f} "
                f"{mean(apart) if apart else math.nan:+13.2f} {mean(row['seconds'] for row in own):8.1f}"
            )


def main() -> None:
    """Run what the file lacks, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=65_000, help="of a single environment, per run")
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--circuits", type=int, default=200, help="unseen ones to measure on")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="these rows instead of all")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--json", type=Path, help="file for the figures, to resume from")
    options = parser.parse_args()

    known = list(ingredients(options.steps))
    names = options.only or known
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no row {unknown[0]!r}; there are: {', '.join(known)}")
    rows = Rows(options.json, ("ingredient", "seed"), options={"steps": options.steps, "circuits": options.circuits})
    os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when a process imports it
    spawn = multiprocessing.get_context("spawn")
    taken = spawn.Value("i", 0)
    # Seed by seed, so that an interrupted benchmark has every row once.
    missing = [
        (name, seed)
        for seed, name in itertools.product(range(options.seeds), names)
        if not rows.has(ingredient=name, seed=seed)
    ]
    with ProcessPoolExecutor(options.jobs, spawn, initializer=pin_to_core, initargs=(taken,)) as pool:
        pending = [pool.submit(drive, name, seed, options.steps, options.circuits) for name, seed in missing]
        for done in as_completed(pending):
            row = done.result()
            rows.add(row)
            print(
                f"{row['ingredient']:32} seed {row['seed']}  laps {row['lap_rate']:6.1%}  "
                f"ratio {row['ratio'] or math.nan:5.2f}  {row['seconds']:5.1f} s",
                flush=True,
            )
    print_table(rows.rows, known)


if __name__ == "__main__":
    main()

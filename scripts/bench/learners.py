"""Speed of training by one and by several learners (`--learners`), in turn.

    python scripts/bench/learners.py --json scripts/bench/results/learners.json

Each learner computes on one thread, so that a core more is all that a second one gains. Bricks at 84×84 pixels, default
preset: environment steps and updates per second. Segmentation: SegNet-basic on random pictures of a folder, in pictures
and updates per second. All hyperparameters, the batch among them, are the same for any number of learners. The first
quarter of each run does not count. Efficiency is the speed-up divided by the number of learners: 1 where a second core
is as good as the first.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

WARM_UP = 0.25  # share of a run that does not count
TASKS = {"Bricks, 84×84": "steps", "SegNet-basic, 120×160": "pictures"}  # with what is counted


def rates(folder: Path, updates: str | None, each: int) -> dict[str, float]:
    """Steps and updates per second of a run after the warm-up, from its log."""
    from rlkit.training.logger import read_metrics

    rows = [row for row in read_metrics(folder) if any(tag.startswith("time/") for tag in row)]
    last = rows[-1]
    first = next(row for row in rows if row["steps"] >= WARM_UP * last["steps"] and (updates is None or updates in row))
    seconds = last["seconds"] - first["seconds"]
    steps = last["steps"] - first["steps"]
    taken = steps if updates is None else last[updates] - first[updates]
    return {"per_second": each * steps / seconds, "updates_per_second": taken / seconds}


def bricks(folder: Path, learners: int, budget: int) -> dict[str, float]:
    """Train DQN."""
    from common.reporting import quiet

    from rlkit.training.run import train

    train(
        "rlkit/Bricks-v0",
        steps=budget,
        learners=learners,
        settings={"learning_starts": str(budget // 10)},
        eval_freq=0,
        save_freq=0,
        device="cpu",
        run_dir=folder / "run",
        reporter=quiet,
    )
    return rates(folder / "run", "train/n_updates", 1)


def segmentation(folder: Path, learners: int, budget: int) -> dict[str, float]:
    """Train SegNet-basic."""
    from common.reporting import quiet
    from common.synthetic_pictures import write_pictures

    from rlkit.segmentation import train

    batch = 8
    train(
        write_pictures(folder / "data", 32, (120, 160)),
        network="segnet-basic",
        steps=max(8, budget // 200),
        learners=learners,
        settings={"batch_size": str(batch), "bn_samples": "0", "precision": "float32"},
        val_freq=10**9,
        save_freq=0,
        device="cpu",
        run_dir=folder / "run",
        reporter=quiet,
    )
    return rates(folder / "run", None, batch)


def measured(task: str, learners: int, budget: int) -> dict[str, float]:
    """Run one task in a process of its own, whose threads are one for each learner."""
    command = [sys.executable, __file__, "--task", task, "--learners", str(learners), "--budget", str(budget)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if answer.returncode != 0:
        raise SystemExit(f"{task} with {learners} learners failed:\n{answer.stderr[-2000:]}")
    found: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 2], help="numbers of learners to compare")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=12_000, help="steps of DQN; a 200th of it of segmentation")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--task", choices=tuple(TASKS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task is not None:
        with tempfile.TemporaryDirectory() as folder:
            run = bricks if options.task.startswith("Bricks") else segmentation
            print(json.dumps(run(Path(folder), options.learners[0], options.budget)))
        return
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(options.rounds):
        for task in TASKS:
            for learners in options.learners:
                found.setdefault((task, learners), []).append(measured(task, learners, options.budget))
    rows: list[dict[str, Any]] = []
    for (task, learners), results in found.items():
        row: dict[str, Any] = {"task": task, "counted": TASKS[task], "learners": learners}
        row |= {name: round(median(result[name] for result in results), 2) for name in results[0]}
        row["all_rounds"] = [round(result["per_second"], 2) for result in results]
        one = next(row for row in [*rows, row] if row["task"] == task)
        row["speed_up"] = round(row["per_second"] / one["per_second"], 3)
        row["efficiency"] = round(row["speed_up"] * one["learners"] / learners, 3)
        rows.append(row)
        print(
            f"{task:22} {learners} learners {row['per_second']:9.1f} {TASKS[task]}/s "
            f"{row['updates_per_second']:8.2f} updates/s   × {row['speed_up']:.2f}, efficiency {row['efficiency']:.2f}"
        )
    if options.json is not None:
        from common.reporting import machine

        options.json.write_text(
            json.dumps({"machine": machine(), "budget": options.budget, "rows": rows}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()

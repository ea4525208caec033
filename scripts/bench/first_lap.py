"""Training time until an untrained policy finishes laps on unseen circuits, over seeds.

    python scripts/bench/first_lap.py --json scripts/bench/results/first_lap.json

Trains with the default preset, stops after 30 s, measures on 200 unseen circuits, goes on to 60 s and measures again:
seconds of training include evaluation and checkpoints, but not start-up. A convolutional network and a plain dense one
run one after the other. Takes about 70 s per seed and encoder; an interrupted benchmark goes on with its JSON file.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from common.reporting import Rows, quiet

from rlkit.cli.options import read_seeds
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.run import resume, train


def learn(folder: Path, encoder: str, seed: int, seconds: list[float], circuits: int) -> list[dict[str, Any]]:
    """Train one policy and evaluate it after each of `seconds`."""
    rows = []
    spent = 0.0
    for limit in seconds:
        if spent == 0.0:
            run = train(
                "rlkit/Driving-v0",
                seed=seed,
                settings={"encoder": encoder},
                run_dir=folder,
                time_limit=limit,
                reporter=quiet,
            )
        elif run.stopped is not None:
            run = resume(folder, time_limit=limit - spent, reporter=quiet)
        spent = limit
        result = evaluate_policy(find_policy(folder), episodes=circuits)
        figures = result.to_json()
        row = {"encoder": encoder, "seed": seed, "seconds": limit, "steps": run.steps, "circuits": circuits}
        row |= {key: figures.get(key) for key in ("lap_rate", "lap_time", "ratio", "mean_reward")}
        print(
            f"{encoder:8} seed {seed}  {limit:3.0f} s  {run.steps:>8,} steps  "
            f"laps {100 * row['lap_rate']:5.1f} %  lap {row['lap_time'] or float('nan'):5.1f} s  "
            f"{row['ratio'] or float('nan'):.2f} × reference",
            flush=True,
        )
        rows.append(row)
    return rows


def main() -> None:
    """Run all seeds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0..2", help="such as 0..2")
    parser.add_argument("--seconds", type=float, nargs="+", default=[30.0, 60.0], help="of training")
    parser.add_argument("--encoders", nargs="+", default=["compact", "flat"], help="flat: no convolution")
    parser.add_argument("--circuits", type=int, default=200, help="unseen ones to measure on")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    shared = {"seconds": sorted(options.seconds), "circuits": options.circuits}
    rows = Rows(options.json, ("encoder", "seed"), options=shared)
    for encoder in options.encoders:
        for seed in read_seeds(options.seeds):
            if rows.has(encoder=encoder, seed=seed):
                continue
            with tempfile.TemporaryDirectory() as folder:
                found = learn(Path(folder) / "run", encoder, seed, sorted(options.seconds), options.circuits)
            rows.add(*found)


if __name__ == "__main__":
    main()

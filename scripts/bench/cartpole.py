"""How soon CartPole-v1 is solved from its name alone, over seeds.

    python scripts/bench/cartpole.py --json scripts/bench/cartpole.json

Trains with the default preset and reports when the mean of 20 evaluation episodes first reached 475, the environment's
own threshold, and what the best checkpoint comes to on 100 other episodes. Takes about a minute per seed.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import torch

from rlkit import runs
from rlkit.cli.options import read_seeds
from rlkit.measuring import measure
from rlkit.training.metrics import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.who import find

SOLVED = 475.0


def quiet(total: int) -> PlainReporter:
    """Say nothing: a progress display would take time from training."""
    return PlainReporter(total, quiet=True)


def learn(folder: Path, seed: int) -> dict[str, Any]:
    """Train one agent for at most a minute."""
    run = runs.train("CartPole-v1", seed=seed, run_dir=folder, time_limit=60, reporter=quiet)
    evaluations = [row for row in read_metrics(folder) if "eval/mean_reward" in row]
    solved = next((row for row in evaluations if row["eval/mean_reward"] >= SOLVED), {})
    result = measure(find(folder), episodes=100)
    row = {
        "seed": seed,
        "solved_after_seconds": solved.get("seconds"),
        "solved_after_steps": solved.get("steps"),
        "seconds": evaluations[-1]["seconds"],
        "steps": run.steps,
        "mean_reward": result.mean_reward,
        "std_reward": result.to_json()["std_reward"],
    }
    print(
        f"seed {seed}  {SOLVED:.0f} after {row['solved_after_seconds']} s, {row['solved_after_steps']} steps  "
        f"best checkpoint {row['mean_reward']:.1f} ± {row['std_reward']:.1f} over 100 other episodes",
        flush=True,
    )
    return row


def main() -> None:
    """Run all seeds and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0..4", help="such as 0..4")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    rows = []
    for seed in read_seeds(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            rows.append(learn(Path(folder) / "run", seed))
    if options.json is not None:
        machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        options.json.write_text(json.dumps({"machine": machine | versions, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()

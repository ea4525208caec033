"""Environments of many kinds, each trained with default settings, and compared with random play.

    pip install -c constraints.txt -e '.[bench]'
    OMP_NUM_THREADS=1 python scripts/bench/any_environment.py --json scripts/bench/results/any_environment.json

Each is trained as by `rlkit train ID --steps N`: default agent, default preset, no environment arguments (CarRacing-v3
with its continuous and with its discrete actions), but without evaluations during training. Each run has one thread.
The last weights are evaluated on unseen episodes. Runs are in `--folder`, where an interrupted one is resumed; rows in
the JSON file are not run again.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from common.learning_runs import Task, learn_all
from common.reporting import Row, Rows

from rlkit.cli.options import read_seeds
from rlkit.env.registry import find_spec
from rlkit.policy import evaluate_policy, find_policy

OWN = "own_environment.py:Orchard"  # beside this file
# Steps, with which each shows that it learns and not the best that it can do, and episodes of the measurement.
BUDGETS = {
    "CartPole-v1": (40_000, 100),
    "Acrobot-v1": (60_000, 100),
    "LunarLander-v3": (120_000, 100),
    "FrozenLake-v1": (40_000, 500),
    "CarRacing-v3 continuous": (100_000, 10),
    "CarRacing-v3 discrete": (30_000, 10),
    "ALE/Freeway-v5": (100_000, 10),
    "MinAtar/Breakout-v1": (200_000, 100),
    "MiniGrid-Empty-8x8-v0": (60_000, 100),
    "highway-fast-v0": (10_000, 30),
    OWN: (100_000, 100),
}
VARIANTS: dict[str, dict[str, bool]] = {"": {}, "continuous": {}, "discrete": {"continuous": False}}  # its own default


def tasks() -> dict[str, Task]:
    """What is trained, by name: an id and, where there are several, its kind."""
    found = {}
    for name, (steps, episodes) in BUDGETS.items():
        env, _, kind = name.partition(" ")
        found[name] = Task(
            str(Path(__file__).resolve().parent / OWN) if env == OWN else env,
            steps,
            env_kwargs=VARIANTS[kind],
            num_envs=None,
            eval_freq=0,
            episodes=episodes,
            deterministic=True,
        )
    return found


def played_at_random(task: Task) -> float:
    """Mean reward of random play, on the same episodes."""
    policy = find_policy("random", env=task.env, env_kwargs=task.env_kwargs)
    return evaluate_policy(policy, episodes=task.episodes).mean_reward


def table(rows: Sequence[Row]) -> str:
    """Markdown: a line per environment."""
    lines = [
        "| `rlkit train …` | steps | minutes | random | trained: mean of seeds (lowest, highest) | counts as solved |",
        "|---|---|---|---|---|---|",
    ]
    for name in dict.fromkeys(row["name"] for row in rows):
        found = [row for row in rows if row["name"] == name]
        last = [row["last"] for row in found]
        solved = find_spec(tasks()[name].env).reward_threshold
        lines.append(
            f"| {name} | {found[0]['steps']:,} | {statistics.mean(row['minutes'] for row in found):.0f} "
            f"| {found[0]['random']:.2f} | **{statistics.mean(last):.2f}** ({min(last):.2f}, {max(last):.2f}) "
            f"| {'' if solved is None else f'{solved:g}'} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="ID", help="some of them; CarRacing-v3 is both of its kinds")
    parser.add_argument("--seeds", default="0..2", help="such as 0..4")
    parser.add_argument("--steps", type=int, help="of each, instead of its own budget")
    parser.add_argument("--episodes", type=int, help="of each measurement, instead of its own number")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-any"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    instead = {name: value for name in ("steps", "episodes") if (value := getattr(options, name)) is not None}
    chosen = {
        name: replace(task, **instead)
        for name, task in tasks().items()
        if options.only is None or name in options.only or name.partition(" ")[0] in options.only
    }
    if not chosen:
        parser.error(f"--only: none of them is one of: {', '.join(tasks())}")
    rows = Rows(options.json, ("run",), ["ale-py", "box2d", "minatar", "minigrid", "highway-env"])
    for name, task in chosen.items():
        seeds = [seed for seed in read_seeds(options.seeds) if not rows.has(run=task.name(seed))]
        if seeds:
            learn_all(task, seeds, options.folder, rows, name=name, random=played_at_random(task))
    print(table(rows.rows))


if __name__ == "__main__":
    main()

"""Learning of the arcade games with the default preset, over seeds, beside policies that do not learn.

    python scripts/bench/arcade_learning.py --json scripts/bench/results/arcade_learning.json \
        --picture scripts/bench/results/arcade_learning.png

Every game is trained with the default preset and the same number of steps, each run on one thread; the last weights are
evaluated on unseen episodes. Baselines are random play, the scripted player, and the best constant action. Runs are in
`--folder`, where an interrupted one is resumed. `--games` and `--seeds` allow to share the work between processes; a
last call with all of them collects the figures in one file without training again.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common.learning_runs import Task, learn_all
from common.reporting import Row, Rows

from rlkit.cli.options import read_pairs, read_seeds
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.seeding import episode_seed
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.evaluation import evaluate

GAMES = "Duel", "Bricks", "Waves", "Crossing", "Undersea", "Maze"
COLOUR = "#0072B2"


class Constant:
    """A policy with a constant action.

    Args:
        action: The action.
    """

    def __init__(self, action: int):
        self._action = action

    def bind(self, environments: Any) -> None:
        """Do nothing: the policy needs no environment."""

    def act(self, observations: Any, explore: bool) -> Any:
        """The action, for each of N observations."""
        return np.full(len(next(iter(observations.values()))), self._action, dtype=np.int64)


def yardsticks(env: str, episodes: int) -> dict[str, float]:
    """Mean rewards of random play, of the scripted player, and of the best constant action."""
    constants = []
    with make_vec_env(EnvConfig(env), episodes) as environments:
        seeds = [episode_seed(0, 0, number, "evaluation") for number in range(episodes)]
        for action in range(environments.spaces.num_actions):
            agent: Any = Constant(action)
            constants.append(evaluate(agent, "constant", environments, seeds).mean_reward)
    named = {
        name: evaluate_policy(find_policy(name, env=env), episodes=episodes).mean_reward
        for name in ("random", "expert")
    }
    return {**named, "constant": max(constants)}


def table(rows: Sequence[Row], others: dict[str, dict[str, float]]) -> str:
    """Markdown: one line per game."""
    lines = [
        "| game | random | best constant action | DQN: mean of seeds (lowest, highest) | scripted player | minutes |",
        "|---|---|---|---|---|---|",
    ]
    for env, by in others.items():
        found = [row for row in rows if row["env"] == env]
        if found:
            last = [row["last"] for row in found]
            lines.append(
                f"| {env} | {by['random']:.1f} | {by['constant']:.1f} | **{statistics.mean(last):.1f}** "
                f"({min(last):.1f}, {max(last):.1f}) | {by['expert']:.1f} "
                f"| {statistics.mean(row['minutes'] for row in found):.0f} |"
            )
    return "\n".join(lines)


def draw(rows: Sequence[Row], others: dict[str, dict[str, float]], path: Path) -> None:
    """Draw each game's score over steps: a line per seed, and what the others reach."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter

    figure = Figure(figsize=(10.0, 5.6), layout="constrained")
    for axes, (env, by) in zip(figure.subplots(2, 3, sharex=True).flat, others.items(), strict=False):
        for row in (row for row in rows if row["env"] == env):
            steps, _, scores = zip(*row["curve"], strict=True)
            axes.plot(steps, scores, color=COLOUR, lw=1.4, alpha=0.85)
        axes.axhline(by["random"], color="#555555", ls=":", lw=1.0)
        # A line far above would compress the curves.
        where = {"transform": axes.transAxes, "ha": "left", "va": "top", "fontsize": 9, "color": "#555555"}
        axes.text(0.03, 0.97, f"scripted player: {by['expert']:.0f}", **where)
        axes.margins(y=0.18)
        axes.set_title(env.partition("/")[2].partition("-")[0], loc="left", fontsize=11)
        axes.xaxis.set_major_formatter(EngFormatter())
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.supxlabel("steps", fontsize=10)
    figure.supylabel("score of an evaluation", fontsize=10)
    handles = [
        figure.axes[0].plot([], [], color=COLOUR, label="DQN, one line per seed")[0],
        figure.axes[0].plot([], [], color="#555555", ls=":", lw=1.0, label="random play")[0],
    ]
    figure.legend(handles=handles, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=160)
    print(f"drew {path}")


def main() -> None:
    """Train, measure, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", nargs="+", default=list(GAMES), choices=GAMES)
    parser.add_argument("--seeds", default="0..2", help="such as 0..4")
    parser.add_argument("--steps", type=int, default=300_000, help="of training, in decisions")
    parser.add_argument("--episodes", type=int, default=30, help="of each measurement at the end")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-arcade"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    parser.add_argument("--picture", type=Path, help="draw the curves as PNG")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.json, ("run",), options={"steps": options.steps, "episodes": options.episodes})
    others: dict[str, dict[str, float]] = {}
    for game in options.games:
        env = f"rlkit/{game}-v0"
        task = Task(
            env,
            options.steps,
            settings=read_pairs("--set", [options.set]),
            num_envs=32,
            eval_freq=options.steps // 10,
            eval_episodes=10,
            episodes=options.episodes,
        )
        learn_all(task, read_seeds(options.seeds), options.folder, rows)
        others[env] = yardsticks(env, options.episodes)
        rows.write(others=others)
    print(table(rows.rows, others))
    if options.picture is not None:
        draw(rows.rows, others, options.picture)


if __name__ == "__main__":
    main()

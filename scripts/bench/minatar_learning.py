"""MinAtar (Young & Tian 2019) against Stable-Baselines3's DQN, and beside the published curves.

    pip install -c constraints.txt -e '.[bench]'
    python scripts/bench/minatar_learning.py --json scripts/bench/results/minatar.json
    python scripts/bench/minatar_learning.py --published --json scripts/bench/results/minatar_published.json

The race: both learn the same game at the same time, each on a core of its own with one thread, for `--seconds` each;
cores are exchanged at odd seeds. The time includes the construction of environments and networks and the filling of the
replay buffer, not the evaluation: weights are kept at intervals, and evaluated afterwards on `--episodes` greedy games
each, in the same environments. Scores are raw, normalised by MinAtar's DQN after 5 million steps (1) and random play
(0). The comparison at equal seconds uses the final score, that at equal steps the score after as many steps as the
slower one took.

The peer has the network, replay buffer, exploration and learning rate of MinAtar's own DQN, and one update every 4
steps. That DQN itself, `examples/dqn.py` of its repository, is not part of the package and is not run here.

With `--published`, ours learns alone for `--steps` steps of each of the five games. Seaquest's published figures are of
a version with an error in its oxygen bar, and all are with six actions rather than those that a game uses.

Rows in the JSON file are not run again. The race takes 53 minutes, and a few more for the evaluation.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common.reporting import Rows

from rlkit.cli.options import read_seeds
from rlkit.experiments.statistics import interval

RACE = ("Breakout", "Asterix", "SpaceInvaders", "Freeway")
FIVE = (*RACE, "Seaquest")
# Read off the authors' learning curves (30 seeds): mean reward of their DQN after so many million steps.
PUBLISHED = {
    "Breakout": {0.5: 8, 1: 9, 2: 9.7, 5: 10},
    "Asterix": {0.5: 1, 1: 6, 2: 14.5, 5: 16.5},
    "Freeway": {0.5: 30, 1: 48, 2: 51, 5: 50},
    "SpaceInvaders": {0.5: 26, 1: 33, 2: 41, 5: 44},
    "Seaquest": {0.5: 0.8, 1: 1, 2: 5, 5: 20},
}
SIDES = ("ours", "sb3")
SHARED = ("steps", "points", "episodes", "preset", "set", "num_envs")  # what figures depend on
PLAYERS = Path(__file__).with_name("minatar_players.py")


class Side:
    """The process of one learner (`minatar_players.py`).

    Args:
        side: Name of the learner.
        game: Name of the game.
        seed: Random seed.
        core: CPU core; None for any.
        arguments: Further arguments.
    """

    def __init__(self, side: str, game: str, seed: int, core: int | None, arguments: Sequence[str]):
        command = [sys.executable, str(PLAYERS), side, game, "--seed", str(seed), *arguments]
        command += [] if core is None else ["--core", str(core)]
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | one_thread
        )

    def wait_until_ready(self) -> None:
        """Wait until its imports are done."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.strip() == "ready":
                return
        raise SystemExit("a player ended before it was ready; see its error above")

    def go(self) -> None:
        """Start learning."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def curve(self) -> list[list[float]]:
        """Wait for its curve: seconds, steps and score of each point."""
        assert self._process.stdout is not None
        lines = self._process.stdout.read().splitlines()
        if self._process.wait() != 0 or not lines:
            raise SystemExit("a player failed; see its error above")
        return list(json.loads(lines[-1]))


def play(sides: Sequence[str], game: str, seed: int, cores: Sequence[int | None], arguments: Sequence[str]) -> Any:
    """Run the learners on one game at the same time, each on its core; returns their curves by name."""
    players = [Side(side, game, seed, core, arguments) for side, core in zip(sides, cores, strict=True)]
    for player in players:
        player.wait_until_ready()
    for player in players:
        player.go()
    return {side: player.curve() for side, player in zip(sides, players, strict=True)}


def score_at_steps(curve: Sequence[Sequence[float]], steps: float, nothing: float) -> float:
    """The score after so many steps, on the straight line between two points of a curve that begins at random."""
    return float(np.interp(steps, [0, *(point[1] for point in curve)], [nothing, *(point[2] for point in curve)]))


def curve_of(rows: Rows, game: str, seed: int, side: str) -> list[list[float]]:
    """Seconds, steps and score of each point."""
    row = rows.get(game=game, seed=seed, side=side)
    assert row is not None
    return list(row["curve"])


def tables(rows: Rows, games: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[str, list[list[float]]]]:
    """Normalised scores (seeds, games) of both sides: at equal seconds, at equal steps, and the mean over the time."""
    scores: dict[str, dict[str, list[list[float]]]] = {
        axis: {side: [] for side in SIDES} for axis in ("equal seconds", "equal steps", "mean over time")
    }
    for seed in seeds:
        for by_side in scores.values():
            for table in by_side.values():
                table.append([])
        for game in games:
            nothing = curve_of(rows, game, 0, "random")[0][2]
            curves = {side: curve_of(rows, game, seed, side) for side in SIDES}
            common = min(curve[-1][1] for curve in curves.values())
            for side, curve in curves.items():
                for axis, score in (
                    ("equal seconds", curve[-1][2]),
                    ("equal steps", score_at_steps(curve, common, nothing)),
                    ("mean over time", float(np.mean([point[2] for point in curve]))),
                ):
                    share = (score - nothing) / (PUBLISHED[game][5] - nothing)
                    scores[axis][side][-1].append(share)
    return scores


def report_race(rows: Rows, games: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Print the race's outcome, and return its figures."""
    print(f"\n{'':14} {'random':>7} {'ours':>7} {'SB3':>7}   steps ours / SB3")
    for game in games:
        ends = {side: np.mean([curve_of(rows, game, seed, side)[-1] for seed in seeds], axis=0) for side in SIDES}
        print(
            f"{game:14} {curve_of(rows, game, 0, 'random')[0][2]:7.2f} {ends['ours'][2]:7.2f} {ends['sb3'][2]:7.2f}   "
            f"{ends['ours'][1]:,.0f} / {ends['sb3'][1]:,.0f}"
        )
    print(f"\nshares of MinAtar's DQN after 5 million steps; interquartile mean [95 % interval], {len(seeds)} seeds")
    outcome = {}
    for axis, by_side in tables(rows, games, seeds).items():
        ours, theirs = interval(by_side["ours"]), interval(by_side["sb3"])
        ratio = ours.value / theirs.value if theirs.value > 0 else None
        factor = "" if ratio is None else f": {ratio:.2f} times"
        apart = "apart" if ours.low > theirs.high else "not apart"
        print(f"{axis:15} ours {ours}, SB3 {theirs}{factor}, intervals {apart}")
        outcome[axis] = {
            "ours": dataclasses.asdict(ours),
            "sb3": dataclasses.asdict(theirs),
            "ratio": ratio,
        }
    return outcome


def report_published(rows: Rows, games: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Print our figures beside the published curves, and return them."""
    print(f"\n{'':14} {'ours':>7} {'steps':>10} {'minutes':>8}   MinAtar's DQN after 0.5, 1, 2, 5 million steps")
    outcome = {}
    for game in games:
        seconds, steps, score = np.mean([curve_of(rows, game, seed, "ours")[-1] for seed in seeds], axis=0)
        published = ", ".join(map(str, PUBLISHED[game].values()))
        print(f"{game:14} {score:7.2f} {steps:10,.0f} {seconds / 60:8.1f}   {published}")
        outcome[game] = {"score": score, "steps": steps, "seconds": seconds, "published": PUBLISHED[game]}
    return outcome


def main() -> None:
    """Run what the file lacks, and print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="ours alone, beside the published curves")
    parser.add_argument("--games", nargs="+", choices=FIVE)
    parser.add_argument("--seeds", default="0..3", help="such as 0..3")
    parser.add_argument("--seconds", type=float, default=200.0, help="of learning, in the race")
    parser.add_argument("--steps", type=int, default=1_000_000, help="budget of ours, by which its schedules go")
    parser.add_argument("--points", type=int, default=8, help="of each curve")
    parser.add_argument("--episodes", type=int, default=20, help="per point")
    parser.add_argument("--preset", help="of ours")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters of ours")
    parser.add_argument("--num-envs", type=int, default=16, help="of ours")
    parser.add_argument("--peer", default="{}", help="arguments of the peer's DQN, such as '{\"n_steps\": 3}'")
    parser.add_argument("--json", type=Path, help="file for the figures, to resume from")
    options = parser.parse_args()
    seeds = read_seeds(options.seeds)
    games = options.games or (FIVE if options.published else RACE)
    shared = {name: getattr(options, name) for name in SHARED}
    shared |= {} if options.published else {"seconds": options.seconds, "peer": json.loads(options.peer)}
    rows = Rows(options.json, ("game", "seed", "side"), ("minatar", "stable-baselines3"), shared)
    given = ["--steps", str(options.steps), "--points", str(options.points), "--episodes", str(options.episodes)]
    given += ["--num-envs", str(options.num_envs), "--peer", options.peer]
    given += ["--preset", options.preset] if options.preset else []
    given += ["--set", *options.set] if options.set else []

    def missing(sides: Sequence[str], game: str, seed: int) -> bool:
        return not all(rows.has(game=game, seed=seed, side=side) for side in sides)

    def add(game: str, seed: int, curves: dict[str, Any]) -> None:
        rows.add(*({"game": game, "seed": seed, "side": side, "curve": curve} for side, curve in curves.items()))
        scores = (f"{side} {curve[-1][2]:.2f} after {curve[-1][1]:,} steps" for side, curve in curves.items())
        print(f"{game}, seed {seed}: {', '.join(scores)}", flush=True)

    if options.published:
        for game in games:
            for seed in seeds:
                if missing(["ours"], game, seed):
                    add(game, seed, play(["ours"], game, seed, [None], given))
        rows.write(outcome=report_published(rows, games, seeds))
        return
    for game in games:
        if missing(["random"], game, 0):
            add(game, 0, play(["random"], game, 0, [None], ["--episodes", "200"]))
    for seed in seeds:
        for game in games:
            if missing(SIDES, game, seed):
                cores: list[int | None] = [seed % 2, 1 - seed % 2] if (os.cpu_count() or 1) > 1 else [None, None]
                add(game, seed, play(SIDES, game, seed, cores, [*given, "--seconds", str(options.seconds)]))
    rows.write(outcome=report_race(rows, games, seeds))


if __name__ == "__main__":
    main()

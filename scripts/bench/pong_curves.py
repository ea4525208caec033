"""Learning curves on ALE Pong: rlkit's DQN and Stable-Baselines3's with the same hyperparameters.

    pip install -c constraints.txt -e '.[atari,bench]'
    python scripts/bench/pong_curves.py --json scripts/bench/results/pong_curves.json

`learner.py` compares steps per second; this compares scores at equal steps. Both have the network of Mnih et
al. 2015 and the hyperparameters in `learner.py`, with a memory of 100,000 transitions, the first update after 10,000
steps, and one random action in a hundred after 50,000 steps. No sticky actions. One after the other, each with one
thread in its own environment, plays `--episodes` whole games every `--every` steps without exploring; scores are raw.
The peer takes two hours and a half for 600,000 steps beside other work, although its weights are laid out channels last
here as ours are (a fifth faster), and cannot go on where it was interrupted; what is in the file is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from common.learning_runs import Task, learn
from common.reporting import Rows
from learner import SETTINGS, peer, peer_games

from rlkit.cli.options import read_seeds

STARTS = 10_000
MEMORY = 100_000
EXPLORATION_STEPS = 50_000
NUM_ENVS = 8
SIDES = ("ours", "stable-baselines3")

Curve = list[list[float]]  # steps, seconds (ours with its measurements, the peer without), mean score


def learn_ours(steps: int, seed: int, every: int, episodes: int, folder: Path) -> Curve:
    """Train as `rlkit train` does, in a run folder, where an interrupted run goes on."""
    task = Task(
        "ALE/Pong-v5",
        steps,
        env_kwargs={"protocol": "dqn"},
        settings=SETTINGS
        | {
            "buffer_size": str(MEMORY),
            "learning_starts": str(STARTS),
            "exploration_steps": str(EXPLORATION_STEPS),
        },
        num_envs=NUM_ENVS,
        eval_freq=every,
        eval_episodes=episodes,
        episodes=episodes,
    )
    return list(learn(task, seed, folder)["curve"])


def learn_peer(steps: int, seed: int, every: int, episodes: int) -> Curve:
    """Train Stable-Baselines3's DQN, measured now and then by its own function."""
    import torch
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.evaluation import evaluate_policy

    curve: Curve = []
    measured = peer_games(min(NUM_ENVS, episodes), seed + 1_000)

    class Watch(BaseCallback):
        began = time.perf_counter()

        def _on_step(self) -> bool:
            if self.num_timesteps >= every * (len(curve) + 1):
                paused = time.perf_counter()
                score, _ = evaluate_policy(self.model, measured, n_eval_episodes=episodes)
                curve.append([self.num_timesteps, round(paused - self.began, 1), float(score)])
                print(f"  {self.num_timesteps:9,} steps {paused - self.began:8.0f} s {score:6.1f}", file=sys.stderr)
                self.began += time.perf_counter() - paused
            return True

    exploration = min(1.0, EXPLORATION_STEPS / steps)
    model = peer(NUM_ENVS, seed, buffer_size=MEMORY, learning_starts=STARTS, exploration=exploration)
    model.policy.to(memory_format=torch.channels_last)
    model.learn(steps, callback=Watch())
    return curve


def learn_alone(side: str, seed: int) -> Curve:
    """Learn in a process of its own, since both register Pong under the same name; one thread each."""
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--alone", side, str(seed)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ | one_thread)
    if answer.returncode != 0:
        raise SystemExit(f"{side}, seed {seed}, failed; see its error above")
    return list(json.loads(answer.stdout.splitlines()[-1]))


def print_table(rows: Rows, seeds: list[int]) -> None:
    """Scores of each seed, a line per point of the curves."""
    found = {(side, seed): rows.get(side=side, seed=seed) for side in SIDES for seed in seeds}
    print(f"\n{'steps':>9}  " + "  ".join(f"{side}, seed {seed}" for side, seed in found))
    curves: dict[Any, Curve] = {place: row["curve"] if row else [] for place, row in found.items()}
    for point in range(max(map(len, curves.values()))):
        cells = []
        for (side, seed), curve in curves.items():
            width = len(f"{side}, seed {seed}")
            cells.append(f"{curve[point][2]:{width}.1f}" if point < len(curve) else " " * width)
        steps = next(curve[point][0] for curve in curves.values() if point < len(curve))
        print(f"{steps:9,.0f}  " + "  ".join(cells))


def main() -> None:
    """Learn what is not in the file yet, and print all of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600_000)
    parser.add_argument("--every", type=int, default=50_000, help="steps between measurements")
    parser.add_argument("--episodes", type=int, default=10, help="of each")
    parser.add_argument("--seeds", default="0", help="such as 0..2")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=SIDES)
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-pong-curves"), help="where our runs lie")
    parser.add_argument("--json", type=Path, help="file for the figures, to resume from")
    parser.add_argument("--alone", nargs=2, metavar=("SIDE", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone is not None:
        side, seed = options.alone[0], int(options.alone[1])
        plan = options.steps, seed, options.every, options.episodes
        print(json.dumps(learn_ours(*plan, options.folder) if side == "ours" else learn_peer(*plan)))
        return
    rows = Rows(
        options.json,
        ("side", "seed"),
        packages=["ale-py", "stable-baselines3"],
        options={name: getattr(options, name) for name in ("steps", "every", "episodes")},
    )
    seeds = read_seeds(options.seeds)
    for seed in seeds:
        for side in options.sides:
            if not rows.has(side=side, seed=seed):
                print(f"{side}, seed {seed}", flush=True)
                rows.add({"side": side, "seed": seed, "curve": learn_alone(side, seed)})
    print_table(rows, list(seeds))


if __name__ == "__main__":
    main()

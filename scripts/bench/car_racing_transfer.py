"""Train here, drive there: a DQN trained in `rlkit/CarRacing-v0` only, measured in Gymnasium's CarRacing-v3.

    pip install -c constraints.txt -e '.[bench]'
    python scripts/bench/car_racing_transfer.py --seeds 0..2 --json scripts/bench/results/car_racing_transfer.json

Both take the same arguments: five discrete actions, each for four frames; pictures grey, 32×32, four behind each other.
Nothing is adapted, and CarRacing-v3 is seen for the first time in the measurement: the checkpoint is the one with the
best evaluation in `rlkit/CarRacing-v0`. 400,000 steps (1,600,000 frames) take ten minutes of one core, the
100 tracks of CarRacing-v3 six. Runs lie in `--folder` and go on there.
"""

import argparse
from pathlib import Path

from common.learning_runs import Task, learn
from common.reporting import Rows

from rlkit.cli.options import read_pairs, read_seeds
from rlkit.policy import evaluate_policy, find_policy

ORIGINAL = "CarRacing-v3"
SHARED = {"continuous": False, "frame_skip": 4, "grayscale": True, "resize": 32, "frame_stack": 4}
TRAINING = {"mirror_actions": "0,2,1,3,4", "unrewarded_limit": 25}
# Those with which the figures were measured; the preset for small images was changed since.
SETTINGS = {
    "reward_scale": "0.1",
    "gamma": "0.975",
    "n_step": "6",
    "double": "true",
    "munchausen": "false",
    "distribution": "none",
    "loss": "squared",
    "normalize_observations": "false",
    "batch_size": "256",
    "update_interval": "64",
    "target_update_interval": "16000",
    "exploration_final_epsilon": "0.05",
    "exploration_repeat": "1",
}


def main() -> None:
    """Train with each seed here, and measure here and there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=400_000, help="of training, of four frames each")
    parser.add_argument("--tracks", type=int, default=100, help="of each measurement")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters beside these")
    parser.add_argument("--seeds", default="0", help="such as 0..2")
    parser.add_argument("--num-envs", type=int, default=32)
    parser.add_argument(
        "--folder", type=Path, default=Path("runs/bench-car-racing-transfer"), help="where the runs lie"
    )
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    task = Task(
        "rlkit/CarRacing-v0",
        options.steps,
        env_kwargs=SHARED | TRAINING,
        settings=SETTINGS | read_pairs("--set", [options.set]),
        num_envs=options.num_envs,
        eval_freq=max(1, options.steps // 8),
        eval_episodes=20,
        milestones=[600, 850],
        episodes=options.tracks,
    )
    rows = Rows(options.json, ("run",), packages=["box2d"])
    for seed in read_seeds(options.seeds):
        if rows.has(run=task.name(seed)):
            continue
        row = learn(task, seed, options.folder)
        there = evaluate_policy(
            find_policy(options.folder / task.name(seed), env=ORIGINAL, env_kwargs=SHARED), episodes=options.tracks
        )
        figures = there.to_json()
        row |= {
            "there": there.mean_reward,
            "there_std": figures["std_reward"],
            "there_rewards": [round(float(episode["reward"]), 1) for episode in there.episodes],
        }
        rows.add(row)
        print(
            f"seed {seed}, {options.tracks} tracks each: {row['best']:.1f} ± {row['best_std']:.1f} in "
            f"rlkit/CarRacing-v0, {row['there']:.1f} ± {row['there_std']:.1f} in {ORIGINAL} "
            f"({row['minutes']:.1f} minutes of training)",
            flush=True,
        )


if __name__ == "__main__":
    main()

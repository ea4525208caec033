"""How well Gymnasium's CarRacing-v3 is driven with five discrete actions, after how many frames.

    pip install -c constraints.txt -e '.[bench]'
    python scripts/bench/car_racing_learning.py --seeds 0..2 --json scripts/bench/results/car_racing_learning.json
    python scripts/bench/car_racing_learning.py --frames 1000000 --json scripts/bench/results/car_racing_learning.json

A frame is a step of the simulator, of which every decision takes `--frame-skip`; pictures become grey, 64×64, four
behind each other. Rewards are learned as a tenth of what they are, because returns go into the hundreds and a value
grows by a little with every update. In training alone, a round is over once 25 decisions in a row came upon no new
piece of road: a car that has spun and drives back the way it came learns nothing by it. Half of each batch is learned
in a mirror. The last and the best weights are measured on 20 tracks that are always the same, and that neither training
nor the evaluations meanwhile had. 900 counts as solved; Ha and Schmidhuber (2018) quote 343 for DQN. 120,000 frames
take about 11 minutes on one core, 1,000,000 about 90. Runs lie in `--folder` and go on there.
"""

import argparse
from pathlib import Path

from common.learning_runs import Task, learn_all
from common.reporting import Rows

from rlkit.cli.options import read_pairs, read_seeds

TRACKS = 20
SETTINGS = {
    "dqn": {"gamma": "0.97", "reward_scale": "0.1", "update_interval": "1", "target_update_interval": "2000"},
}


def main() -> None:
    """Train and measure with each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120_000, help="of training")
    parser.add_argument("--frame-skip", type=int, default=4)
    parser.add_argument("--size", type=int, default=64, help="pixels")
    parser.add_argument("--algo", default="dqn")
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters beside these")
    parser.add_argument("--seeds", default="0", help="such as 0..4")
    parser.add_argument("--num-envs", type=int, default=4)
    parser.add_argument("--evaluations", type=int, default=5, help="during training, of 5 tracks each")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-car-racing"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    steps = options.frames // options.frame_skip
    task = Task(
        "CarRacing-v3",
        steps,
        env_kwargs={
            "continuous": False,
            "frame_skip": options.frame_skip,
            "grayscale": True,
            "resize": options.size,
            "frame_stack": 4,
            "mirror_actions": "0,2,1,3,4",
            "unrewarded_limit": 25,
        },
        algo=options.algo,
        preset=options.preset,
        settings=SETTINGS.get(options.algo, {}) | read_pairs("--set", [options.set]),
        num_envs=options.num_envs,
        eval_freq=max(1, steps // options.evaluations),
        eval_episodes=5,
        milestones=[343, 600, 850, 900],
        episodes=TRACKS,
    )
    rows = Rows(options.json, ("run",), packages=["box2d"])
    learn_all(task, read_seeds(options.seeds), options.folder, rows, frames=options.frames)


if __name__ == "__main__":
    main()

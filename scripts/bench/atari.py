"""How soon and how well Atari's games are learned, beside published figures.

    pip install -c constraints.txt -e '.[atari]'
    python scripts/bench/atari.py --protocol dqn --steps 600000 --async-envs --set update_interval=8 --json OUT.json
    python scripts/bench/atari.py --async-envs --set update_interval=8 --env-kwargs full_action_space=false
    python scripts/bench/atari.py --games Boxing Freeway --steps 100000 --json scripts/bench/results/atari.json

Trains an agent, evaluates it now and then over 30 episodes of raw scores, and measures the last and the best weights on
30 others. With `--milestones 0 18` (the default in Pong) it says after how many minutes and steps an evaluation first
came to these; minutes include evaluations and checkpoints. Runs lie in `--folder`: what was interrupted goes on there,
and what the JSON file has is not done again.
"""

import argparse
from pathlib import Path

from common.learning_runs import Task, learn_all
from common.reporting import Rows

from rlkit.cli.options import read_kwargs, read_pairs, read_seeds

# Agent steps (4 frames each) to scores of others, from Agarwal et al. 2021, D'Oro et al. 2023 and Dopamine's logs.
PUBLISHED = {
    ("Boxing", 100_000): "DER -0.3, DrQ(eps) 9.0",
    ("Freeway", 100_000): "DER 20.9, DrQ(eps) 20.3",
    ("Pong", 100_000): "DER -9.7, DrQ(eps) -9.1",
    ("Breakout", 100_000): "DER 9.2, DrQ(eps) 19.8",
    ("Pong", 1_250_000): "Dopamine, sticky actions: IQN -2.8, QR-DQN 9.6",
    ("Breakout", 1_250_000): "Dopamine, sticky actions: IQN 27, QR-DQN 34",
    ("Freeway", 1_250_000): "Dopamine, sticky actions: IQN 29, QR-DQN 25",
    ("SpaceInvaders", 1_250_000): "Dopamine, sticky actions: IQN 593, QR-DQN 562",
    ("Seaquest", 1_250_000): "Dopamine, sticky actions: IQN 1047, QR-DQN 758",
    ("Qbert", 1_250_000): "Dopamine, sticky actions: IQN 2069, QR-DQN 2491",
}


def main() -> None:
    """Train and measure each game with each seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--games", nargs="+", default=["Pong"], help="as in ALE/Pong-v5")
    parser.add_argument("--protocol", choices=["machado", "dqn"], default="machado")
    parser.add_argument("--env-kwargs", nargs="*", default=[], metavar="KEY=VALUE", help="single departures from it")
    parser.add_argument("--algo", default="dqn")
    parser.add_argument("--preset")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="hyperparameters")
    parser.add_argument("--steps", type=int, default=1_250_000, help="of 4 frames each")
    parser.add_argument("--seeds", default="0", help="such as 0..4")
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--async-envs", action="store_true", help="step games in a thread of their own meanwhile")
    parser.add_argument("--eval-freq", type=int, help="steps; a tenth of all unless given")
    parser.add_argument("--eval-episodes", type=int, default=30)
    parser.add_argument("--milestones", type=float, nargs="*", help="scores whose first time counts")
    parser.add_argument("--folder", type=Path, default=Path("runs/bench-atari"), help="where the runs lie")
    parser.add_argument("--json", type=Path, help="add the figures to this file")
    options = parser.parse_args()
    rows = Rows(options.json, ("run",), packages=["ale-py"])
    for game in options.games:
        if (game, options.steps) in PUBLISHED:
            print(f"{game} after {options.steps:,} steps, published: {PUBLISHED[game, options.steps]}", flush=True)
        task = Task(
            f"ALE/{game}-v5",
            options.steps,
            env_kwargs={"protocol": options.protocol, **read_kwargs("--env-kwargs", [options.env_kwargs])},
            algo=options.algo,
            preset=options.preset,
            settings=read_pairs("--set", [options.set]),
            num_envs=options.num_envs,
            async_envs=options.async_envs,
            eval_freq=options.eval_freq or max(1, options.steps // 10),
            eval_episodes=options.eval_episodes,
            milestones=options.milestones if options.milestones is not None else [0, 18] if game == "Pong" else [],
        )
        learn_all(task, read_seeds(options.seeds), options.folder, rows)


if __name__ == "__main__":
    main()

"""Train the agents that ship in `rlkit/pretrained/`, choose the best seed of each, measure it and write its file.

    python scripts/pretrained/build.py --list
    python scripts/pretrained/build.py cartpole duel

For each name of `RECIPES`:

1. `rlkit train` with the arguments in the table and `--seeds` trains one run per seed in `--folder`. Complete runs are
   left as they are and interrupted ones are resumed: the same command continues.
2. The best checkpoint of each run, as its file would hold it, plays `SELECTION` episodes that are neither training
   ones nor those of step 3. The seed with the highest mean reward is chosen; among those within a thousandth,
   the one with the lowest of the metric that the environment minimises (driving: lap time), then the lowest seed.
3. Its file plays 200 episodes: `rlkit evaluate pretrained:NAME --episodes 200`. Its card holds the figures, with both
   commands.

A file that exists is left as it is unless `--again` is given. LunarLander and CarRacing need `pip install box2d`.
"""

import argparse
import dataclasses
import shlex
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlkit.cli import main as rlkit
from rlkit.cli.options import print_line, read_seeds
from rlkit.experiments.records import read_run
from rlkit.perception.config import PRETRAINED
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.evaluation import Evaluation
from rlkit.training.pretrained import FOLDER, AgentCard, Figures, Selection, write_agent_file
from rlkit.training.trained_agent import find_trained
from rlkit.utils.io import load_weights
from rlkit.utils.terminal import printable

SELECTION = 200  # episodes of each seed
SELECTION_SEED = 1_000_000  # of those episodes; runs draw theirs from their own seeds
MEASURED = 200  # episodes of the final evaluation
LARGE = 1_000_000  # bytes of weights, from which matrices are rounded to float16
EQUAL = 1e-3  # relative difference of mean rewards that counts as none


@dataclass(frozen=True)
class Recipe:
    """How one agent is trained.

    Args:
        about: What it does, in one sentence, for its card.
        train: Arguments of `rlkit train`.
    """

    about: str
    train: str


# Budgets of games and classic control are those of scripts/bench/README.md. The wheel has at most 10 MB of all files.
GAME = "--steps 300000"
RACE = "rlkit/DrivingRace-v0"
RACING = "--set batch_size=128 update_interval=32 gamma=0.985 munchausen=true double=false"
RECIPES = {
    "road-car": Recipe(
        "Drives the road car on any road: procedural ones and real circuits that it never saw.",
        f"{RACE} --steps 2000000 {RACING}",
    ),
    "race-car": Recipe(
        "Drives the race car on any road: procedural ones and real circuits that it never saw.",
        f"{RACE} --env-kwargs vehicle=race_car --steps 2000000 {RACING}",
    ),
    "traffic": Recipe(
        "Drives among other cars and obstacles, and overtakes.", "rlkit/DrivingTraffic-v0 --steps 1000000"
    ),
    "camera-segnet": Recipe(
        "Drives by the drivable area that SegNet finds in the camera image.",
        "rlkit/DrivingCamera-v0 --perception pretrained:segnet-compact --perception-kwargs precision=bfloat16 "
        "--steps 130000",
    ),
    "camera": Recipe(
        "Drives by the camera image alone.", "rlkit/DrivingCamera-v0 --env-kwargs resize=48,64 --steps 130000"
    ),
    "duel": Recipe("Plays Duel, a paddle game against an opponent.", f"rlkit/Duel-v0 {GAME}"),
    "bricks": Recipe("Plays Bricks, a game of breaking walls.", f"rlkit/Bricks-v0 {GAME}"),
    "waves": Recipe("Plays Waves, a game of shooting invaders.", f"rlkit/Waves-v0 {GAME}"),
    "crossing": Recipe("Plays Crossing, a game of crossing roads.", f"rlkit/Crossing-v0 {GAME}"),
    "undersea": Recipe("Plays Undersea, a game of rescuing divers.", f"rlkit/Undersea-v0 {GAME}"),
    "maze": Recipe("Plays Maze, a game of collecting and fleeing.", f"rlkit/Maze-v0 {GAME}"),
    "cartpole": Recipe("Balances the pole of CartPole.", "CartPole-v1"),
    "lunarlander": Recipe("Lands the lander of LunarLander.", "LunarLander-v3 --steps 120000"),
    "carracing": Recipe(
        "Drives in our own CarRacing, and unchanged in Gymnasium's CarRacing-v3.",
        "rlkit/CarRacing-v0 --steps 400000 --num-envs 32 --eval-freq 50000 --eval-episodes 20 --set reward_scale=0.1 "
        "gamma=0.975 n_step=6 double=true munchausen=false distribution=none loss=squared normalize_observations=false "
        "batch_size=256 update_interval=64 target_update_interval=16000 exploration_final_epsilon=0.05 "
        "exploration_repeat=1 "
        "--env-kwargs continuous=false frame_skip=4 grayscale=true resize=32 frame_stack=4 mirror_actions=0,2,1,3,4 "
        "unrewarded_limit=25",
    ),
}


def command(name: str, seeds: str, folder: Path) -> list[str]:
    """The arguments of `rlkit` that train all seeds of an agent."""
    return ["train", *shlex.split(RECIPES[name].train), "--seeds", seeds, "--run-dir", str(folder / name)]


def train(name: str, seeds: str, folder: Path) -> None:
    """Train all seeds; exit where that fails or is stopped."""
    arguments = command(name, seeds, folder)
    print_line(f"rlkit {shlex.join(arguments)}")
    rlkit(arguments)
    for seed in read_seeds(seeds):
        if not read_run(folder / name / f"s{seed}").complete:
            sys.exit(f"{name}: seed {seed} was stopped; the same command continues")


def pack(name: str, seeds: str, folder: Path, seed: int, scratch: Path) -> tuple[Path, AgentCard]:
    """Write the file of a seed, without figures, and return it with its card."""
    run = folder / name / f"s{seed}"
    trained = find_trained(run)
    card = AgentCard(
        name=name,
        about=RECIPES[name].about,
        config=trained.config,
        spaces=trained.spaces,
        steps=trained.steps,
        minutes=round(read_run(run).seconds / 60, 2),
        command=f"rlkit {shlex.join(command(name, seeds, Path('runs/pretrained')))}",
        selection=Selection({seed: 0.0}, seed, ""),
        figures=Figures("", 0, "", {}),
    )
    file = scratch / f"{name}-s{seed}.safetensors"
    weights = trained.weights()
    if sum(value.nbytes for value in weights.values()) > LARGE:
        # Matrices are nearly all of the size; vectors, among them the statistics of observations, stay exact.
        weights = {key: value.half() if value.ndim > 1 else value for key, value in weights.items()}
    write_agent_file(file, card, weights)
    return file, card


def choose(name: str, files: Mapping[int, Path]) -> Selection:
    """Evaluate the file of every seed on selection episodes, and choose one."""
    results: dict[int, Evaluation] = {}
    for seed, file in files.items():
        results[seed] = evaluate_policy(find_policy(file), episodes=SELECTION, seed=SELECTION_SEED, stream="selection")
        print_line(f"{name}, seed {seed}, selection: {summary(results[seed])}")
    best = max(result.mean_reward for result in results.values())
    alike = [seed for seed, result in results.items() if result.mean_reward >= best - EQUAL * abs(best)]
    chosen = min(alike, key=lambda seed: (results[seed].tie_breaker, seed))
    tie = next((metric.name for metric in results[chosen].metrics.values() if metric.minimize), "")
    by = f"mean reward of {SELECTION} selection episodes{f', among equal ones the lowest {tie}' if tie else ''}"
    return Selection({seed: result.mean_reward for seed, result in results.items()}, chosen, by)


def build(name: str, seeds: str, folder: Path, target: Path) -> None:
    """Choose a seed, measure it, and write its file with the figures in its card."""
    with tempfile.TemporaryDirectory() as scratch:
        packed = {seed: pack(name, seeds, folder, seed, Path(scratch)) for seed in read_seeds(seeds)}
        selection = choose(name, {seed: file for seed, (file, _) in packed.items()})
        file, card = packed[selection.chosen]
        result = evaluate_policy(find_policy(file), episodes=MEASURED)
        measured = {
            key: value for key, value in result.to_json().items() if isinstance(value, float) and key != "seconds"
        }
        again = f"rlkit evaluate {PRETRAINED}{name} --episodes {MEASURED}"
        figures = Figures(again, MEASURED, summary(result), measured)
        write_agent_file(target, dataclasses.replace(card, selection=selection, figures=figures), load_weights(file))
    print_line(f"{target} ({target.stat().st_size / 1e6:.2f} MB): {summary(result)}")


def summary(result: Evaluation) -> str:
    """The main figures, without the number of episodes."""
    return result.summary(("share", "ratio")).partition(": ")[2]


def main() -> None:
    """Build the agents that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="agents; all of them if none is named")
    parser.add_argument("--list", action="store_true", help="print the table of recipes and exit")
    parser.add_argument("--seeds", default="0..2", help="such as 0..4")
    parser.add_argument("--folder", type=Path, default=Path("runs/pretrained"), help="where the runs lie")
    parser.add_argument("--out", type=Path, default=FOLDER, help="where the files are written")
    parser.add_argument("--again", action="store_true", help="choose and measure again where the file exists")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in RECIPES]
    if unknown:
        sys.exit(f"there is no recipe for {', '.join(map(printable, unknown))}; known: {', '.join(RECIPES)}")
    for name in options.names or RECIPES:
        target = options.out / f"{name}.safetensors"
        if options.list:
            shipped = f"{target.stat().st_size / 1e6:.2f} MB" if target.exists() else "-"
            print_line(f"{name:14} {shipped:>8}  rlkit train {RECIPES[name].train}")
        elif target.exists() and not options.again:
            print_line(f"{target} exists and is left as it is; --again builds it anew")
        else:
            train(name, options.seeds, options.folder)
            build(name, options.seeds, options.folder, target)


if __name__ == "__main__":
    main()

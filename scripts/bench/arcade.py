"""How many steps per second the games of the arcade make, beside MinAtar and Atari in the same run.

    python scripts/bench/arcade.py --json arcade.json

Every contender gets random actions, and is reset when an episode ends, which is included in the time. Contenders take
turns over several rounds, so that drifts of the machine's speed affect all; the median of the rounds counts. Ours and
ale-py's games are stepped by their own vector environments on all cores, MinAtar's one after the other, as that package
has no vector environment; a package that is not installed is skipped. All but MinAtar have grey 84×84 images; a step of
Atari's is four frames of the console.
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from common.reporting import Row, Rows
from rlkit_envs.arcade import GAMES

ATARI = ("pong", "breakout", "space_invaders")
MINATAR = ("breakout", "space_invaders", "freeway", "seaquest", "asterix")


@dataclass(frozen=True)
class Contender:
    """An environment, or a batch of them, that is stepped.

    Args:
        name: In the table.
        together: Number of environments stepped together.
        first: Seconds of construction, first reset and first step, which include compilation.
        run: Steps for about the given number of seconds and returns steps per second.
    """

    name: str
    together: int
    first: float
    run: Callable[[float], float]


def batched(name: str, make: Callable[[], Any], num_envs: int) -> Contender:
    """A vector environment with explicit resets."""
    start = time.perf_counter()
    env = make()
    count = int(env.single_action_space.n)
    actions = np.random.default_rng(0).integers(0, count, size=(64, num_envs))
    env.reset(seed=0)
    env.step(actions[0])
    first = time.perf_counter() - start

    def run(seconds: float) -> float:
        rounds = 0
        start = time.perf_counter()
        env.reset()
        while (taken := time.perf_counter() - start) < seconds:
            _, _, terminated, truncated, _ = env.step(actions[rounds % 64])
            rounds += 1
            if (ended := terminated | truncated).any():
                env.reset(options={"reset_mask": ended})
        return rounds * num_envs / taken

    return Contender(name, num_envs, first, run)


def single(name: str, env: gymnasium.Env[Any, Any]) -> Contender:
    """One environment, stepped alone."""
    start = time.perf_counter()
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(4096)]
    env.reset(seed=0)
    first = time.perf_counter() - start

    def run(seconds: float) -> float:
        steps = 0
        start = time.perf_counter()
        env.reset()
        while (taken := time.perf_counter() - start) < seconds:
            _, _, terminated, truncated, _ = env.step(actions[steps % 4096])
            steps += 1
            if terminated or truncated:
                env.reset()
        return steps / taken

    return Contender(name, 1, first, run)


def ours(num_envs: int) -> list[Contender]:
    """The six games."""
    from rlkit_envs.arcade.vector_env import ArcadeVectorEnv

    def make(game: str) -> Callable[[], Any]:
        return lambda: ArcadeVectorEnv(game.lower(), num_envs)

    return [batched(f"rlkit/{game}-v0", make(game), num_envs) for game in GAMES]


def atari(num_envs: int) -> list[Contender]:
    """The console's games that are nearest to ours, if ale-py is there."""
    if importlib.util.find_spec("ale_py") is None:
        print("ale-py is not installed: Atari is left out (pip install ale-py)")
        return []
    from rlkit_envs.atari.vector_env import AtariVectorEnv

    def make(game: str) -> Callable[[], Any]:
        return lambda: AtariVectorEnv(game, num_envs)

    return [batched(f"ALE {game}", make(game), num_envs) for game in ATARI]


def minatar() -> list[Contender]:
    """MinAtar's games, if it is there."""
    if importlib.util.find_spec("minatar") is None:
        print("minatar is not installed: it is left out (pip install minatar)")
        return []
    from rlkit_envs.minatar import MinAtarEnv

    return [single(f"MinAtar {game}", MinAtarEnv(game)) for game in MINATAR]


def main() -> None:
    """Read the command line, measure, and print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=256, help="of our games that are stepped together")
    parser.add_argument("--atari-envs", type=int, default=8, help="of Atari games that are stepped together")
    parser.add_argument("--seconds", type=float, default=1.0, help="per contender and round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    arguments = parser.parse_args()

    field = ours(arguments.num_envs) + atari(arguments.atari_envs) + minatar()
    for contender in field:
        contender.run(0.2)
    rates: list[list[float]] = [[] for _ in field]
    for _ in range(arguments.rounds):
        for contender, of_contender in zip(field, rates, strict=True):
            of_contender.append(contender.run(arguments.seconds))

    options = {"seconds": arguments.seconds, "rounds": arguments.rounds}
    table = Rows(arguments.json, ("name",), ("gymnasium", "numpy", "numba"), options)
    print(f"{'':26} {'together':>9} {'steps/s':>11} {'lowest':>11} {'highest':>11} {'first, s':>9}")
    rows: list[Row] = []
    for contender, of_contender in zip(field, rates, strict=True):
        median = statistics.median(of_contender)
        print(
            f"{contender.name:26} {contender.together:>9} {median:>11,.0f} {min(of_contender):>11,.0f} "
            f"{max(of_contender):>11,.0f} {contender.first:>9.1f}"
        )
        rows.append(
            {
                "name": contender.name,
                "together": contender.together,
                "steps_per_second": median,
                "rounds": of_contender,
                "first_seconds": contender.first,
            }
        )
    table.rows = []
    table.add(*rows)


if __name__ == "__main__":
    main()

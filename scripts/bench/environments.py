"""How many rendered steps per second the driving environment makes, beside Gymnasium's CarRacing-v3 in the same run.

    python scripts/bench/environments.py --json environments.json

Every contender gets random actions and is reset when an episode ends; the time of resets counts. Contenders take turns,
several rounds long, so that a machine whose speed drifts is unfair to none; the median of the rounds is reported. What
is compared is the same for all: one new picture per step, seen from above, as an agent would get it.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import rlkit_envs  # noqa: F401  (registers rlkit/Driving-v0)

PEER = "CarRacing-v3"
INSTALL = "python -m pip install box2d==2.3.10"


@dataclass
class Contender:
    """Something that steps.

    Args:
        name: What it is called in the table.
        picture: Height, width and channels of its picture.
        run: Steps for about the given number of seconds and returns how many steps it made and how long that took.
    """

    name: str
    picture: tuple[int, ...]
    run: Callable[[float], tuple[int, float]]


def single(name: str, environment: str, **kwargs: Any) -> Contender:
    """One environment from ``gymnasium.make``, as most programs use it."""
    env = gymnasium.make(environment, **kwargs)
    random = np.random.default_rng(0)
    count = int(env.action_space.n)  # type: ignore[attr-defined]
    actions = random.integers(0, count, size=4096).tolist()
    env.reset(seed=0)

    def run(seconds: float) -> tuple[int, float]:
        steps = 0
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            for _ in range(20):
                _, _, terminated, truncated, _ = env.step(actions[steps % 4096])
                steps += 1
                if terminated or truncated:
                    env.reset()
        return steps, taken

    return Contender(name, _picture(env.observation_space), run)


def batched(num_envs: int, **kwargs: Any) -> Contender:
    """Many cars from ``gymnasium.make_vec``, stepped together."""
    env = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=num_envs, vectorization_mode="vector_entry_point", num_circuits=64, **kwargs
    )
    actions = np.random.default_rng(0).integers(0, 15, size=(64, num_envs))
    env.reset(seed=0)

    def run(seconds: float) -> tuple[int, float]:
        rounds = 0
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            _, _, terminated, truncated, _ = env.step(actions[rounds % 64])
            rounds += 1
            if (ended := terminated | truncated).any():
                env.reset(options={"reset_mask": ended})
        return rounds * num_envs, taken

    picture = _picture(env.single_observation_space)
    return Contender(f"rlkit/Driving-v0, {num_envs} together", picture, run)


def _picture(space: gymnasium.Space[Any]) -> tuple[int, ...]:
    shown = space["birdview"] if isinstance(space, gymnasium.spaces.Dict) else space
    return tuple(shown.shape or ())


def contenders(batches: list[int]) -> list[Contender]:
    """Ours at the size that learning uses and at CarRacing's, and CarRacing where it is installed."""
    same_size = {"view_size": 96, "metres_per_pixel": (0.5, 1.0, 2.0)}
    ours = [
        single("rlkit/Driving-v0, gymnasium.make", "rlkit/Driving-v0", num_circuits=64),
        *(batched(count) for count in batches),
        single("rlkit/Driving-v0, gymnasium.make", "rlkit/Driving-v0", num_circuits=64, **same_size),
        *(batched(count, **same_size) for count in batches),
    ]
    try:
        ours.append(single(f"{PEER}, gymnasium.make", PEER, continuous=False))
    except gymnasium.error.DependencyNotInstalled:
        print(f"{PEER} is left out, because Box2D is not installed. To have it beside ours: {INSTALL}")
    return ours


def main() -> None:
    """Measure, print a table, and write it as JSON where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per contender and round (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[32, 256, 1024], help="sizes of batches")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    if arguments.seconds <= 0 or arguments.rounds < 1 or min(arguments.num_envs) < 1:
        parser.error("--seconds, --rounds and --num-envs have to be positive")

    field = contenders(arguments.num_envs)
    for contender in field:  # compiled, circuits made, caches warm
        contender.run(min(1.0, arguments.seconds))
    rates: list[list[float]] = [[] for _ in field]
    for _ in range(arguments.rounds):
        for contender, of_contender in zip(field, rates, strict=True):
            steps, taken = contender.run(arguments.seconds)
            of_contender.append(steps / taken)

    medians = [statistics.median(of_contender) for of_contender in rates]
    peer = next((m for m, c in zip(medians, field, strict=True) if c.name.startswith(PEER)), None)
    print(f"{'':38} {'picture':>10} {'steps/s':>10} {'lowest':>10} {'highest':>10} {'× ' + PEER:>15}")
    results = []
    for contender, of_contender, median in zip(field, rates, medians, strict=True):
        ratio = None if peer is None else median / peer
        picture = "×".join(map(str, contender.picture))
        shown = "" if ratio is None else f"{ratio:,.1f}"
        print(
            f"{contender.name:38} {picture:>10} {median:>10,.0f} {min(of_contender):>10,.0f} "
            f"{max(of_contender):>10,.0f} {shown:>15}"
        )
        results.append(
            {
                "name": contender.name,
                "picture": list(contender.picture),
                "steps_per_second": median,
                "rounds": of_contender,
                "ratio_to_peer": ratio,
            }
        )
    if arguments.json is not None:
        report = {
            "benchmark": "environments",
            "peer": PEER,
            "seconds_per_round": arguments.seconds,
            "machine": {"processor": _processor(), "cores": os.cpu_count()},
            "versions": {
                "python": platform.python_version(),
                "gymnasium": gymnasium.__version__,
                "numpy": np.__version__,
            },
            "results": results,
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()

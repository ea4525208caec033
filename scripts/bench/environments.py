"""How many steps per second the driving environments make, beside other simulators in the same run.

    python scripts/bench/environments.py --json environments.json

Every contender gets random actions and is reset when an episode ends, which is included in the time. Contenders take
turns over several rounds, so that drifts of the machine's speed affect all; the median of the rounds is reported. Only
figures with equal observations are comparable. The peers are Gymnasium's CarRacing-v3, EnvPool's, highway-env and
MetaDrive; each runs in a process of its own, and is skipped if it is not installed (see ``common/peers.py``).

The last rows time the copying of images into new arrays, the lower bound of any step with such an observation.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import rlkit_envs  # noqa: F401  (registers rlkit/Driving-v0 and its relatives)
from common.peers import PEERS

CIRCUITS = 32  # procedural circuits that are driven; few enough that all are made before the clock runs
COLOUR = {"view_size": 96, "birdview": "colour", "metres_per_pixel": 0.5}
# What is measured of ours: name in the table, environment, arguments, and whether one alone is measured too.
OURS: tuple[tuple[str, str, dict[str, Any], bool], ...] = (
    ("Driving, as it is learnt", "rlkit/Driving-v0", {}, True),
    ("Driving, bird's view", "rlkit/Driving-v0", {"view_size": 64, "metres_per_pixel": 1.0}, True),
    ("Driving, bird's view in colour", "rlkit/Driving-v0", COLOUR, True),
    ("CarRacing-v0, ours", "rlkit/CarRacing-v0", {"continuous": False}, True),
    ("DrivingCamera, with segmentation", "rlkit/DrivingCamera-v0", {}, True),
    ("DrivingTraffic", "rlkit/DrivingTraffic-v0", {}, False),
    ("Driving, lidar of 19 beams", "rlkit/Driving-v0", {"sensors": ("lidar", "state")}, False),
    ("Driving, road ahead in numbers", "rlkit/Driving-v0", {"sensors": ("preview", "state")}, False),
)
COPIED = {"96×96×3": (96, 96, 3), "96×128×3 + 96×128": (96, 128, 4)}


@dataclass
class Contender:
    """An environment, or a batch of them, that is stepped.

    Args:
        name: In the table.
        observation: Sizes of the leaves of its observation, as text.
        size: Bytes of one observation.
        run: Steps for about the given number of seconds and returns how many steps it made and how long that took.
    """

    name: str
    observation: str
    size: int
    run: Callable[[float], tuple[int, float]]


def single(name: str, environment: str, **kwargs: Any) -> Contender:
    """One environment from ``gymnasium.make``, as most programs use it."""
    env = gymnasium.make(environment, num_circuits=CIRCUITS, **kwargs)
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(4096)]
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

    return Contender(f"{name}, gymnasium.make", *seen(env.observation_space), run)


def batched(name: str, environment: str, num_envs: int, **kwargs: Any) -> Contender:
    """A vector environment from ``gymnasium.make_vec``."""
    env = gymnasium.make_vec(
        environment, num_envs=num_envs, vectorization_mode="vector_entry_point", num_circuits=CIRCUITS, **kwargs
    )
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(64)]
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

    return Contender(f"{name}, {num_envs} together", *seen(env.single_observation_space), run)


def peer(key: str, python: str) -> Contender | str:
    """A peer in a process of its own, or why it is not available."""
    arguments = [python, str(Path(__file__).parent / "common/peers.py"), key]
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    asked, answered = process.stdin, process.stdout
    assert asked is not None
    assert answered is not None

    def answer() -> dict[str, Any]:
        line = answered.readline()
        return json.loads(line) if line else {"missing": f"its process ended with code {process.wait()}"}

    first = answer()
    if "missing" in first:
        return str(first["missing"])

    def run(seconds: float) -> tuple[int, float]:
        print(seconds, file=asked, flush=True)
        figures = answer()
        return figures["steps"], figures["taken"]

    shape = tuple(first["picture"])
    return Contender(PEERS[key][0], "×".join(map(str, shape)), int(np.prod(shape)), run)


def copying(name: str, shape: tuple[int, ...], count: int) -> Contender:
    """Nothing but copies of a batch of ready pictures into new arrays."""
    ready = np.random.default_rng(0).integers(0, 256, size=(count, *shape), dtype=np.uint8)

    def run(seconds: float) -> tuple[int, float]:
        rounds = 0
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            ready.copy()
            rounds += 1
        return rounds * count, taken

    return Contender(f"copying {count} ready pictures", name, int(np.prod(shape)), run)


def seen(space: gymnasium.Space[Any]) -> tuple[str, int]:
    """An observation in words, and its bytes."""
    leaves = list(space.values()) if isinstance(space, gymnasium.spaces.Dict) else [space]
    words = " + ".join("×".join(map(str, leaf.shape)) for leaf in leaves)
    return words, sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)


def contenders(batches: list[int], python: str) -> list[Contender]:
    """Ours, then the peers that are there, then bare copies."""
    field: list[Contender] = []
    for name, environment, kwargs, alone in OURS:
        if alone:
            field.append(single(name, environment, **kwargs))
        field.extend(batched(name, environment, count, **kwargs) for count in batches)
    for key, (name, _) in PEERS.items():
        found = peer(key, python)
        if isinstance(found, str):
            print(f"{name} is left out ({found}); peers.py says how to install it")
        else:
            field.append(found)
    field.extend(copying(name, shape, max(batches)) for name, shape in COPIED.items())
    return field


def main() -> None:
    """Measure, print a table, and write it as JSON where that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per contender and round (default: 2)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--num-envs", type=int, nargs="+", default=[32, 1024], help="sizes of batches")
    parser.add_argument("--peers-python", default=sys.executable, help="the Python that has the peers installed")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    if arguments.seconds <= 0 or arguments.rounds < 1 or min(arguments.num_envs) < 1:
        parser.error("--seconds, --rounds and --num-envs have to be positive")

    field = contenders(arguments.num_envs, arguments.peers_python)
    for contender in field:  # compiled, circuits made, caches warm
        contender.run(min(2.0, arguments.seconds))
    rates: list[list[float]] = [[] for _ in field]
    for _ in range(arguments.rounds):
        for contender, of_contender in zip(field, rates, strict=True):
            steps, taken = contender.run(arguments.seconds)
            of_contender.append(steps / taken)

    medians = [statistics.median(of_contender) for of_contender in rates]
    yardsticks = {
        label: max((m for m, c in zip(medians, field, strict=True) if c.name.startswith(start)), default=None)
        for label, start in (("CarRacing-v3", "CarRacing-v3"), ("EnvPool", "EnvPool"))
    }
    print(
        f"{'':52} {'observation':>22} {'steps/s':>11} {'lowest':>11} {'highest':>11} {'MB/s':>7}"
        + "".join(f" {'× ' + label:>14}" for label in yardsticks)
    )
    results = []
    for contender, of_contender, median in zip(field, rates, medians, strict=True):
        ratios = {label: median / rate for label, rate in yardsticks.items() if rate is not None}
        print(
            f"{contender.name:52} {contender.observation:>22} {median:>11,.0f} {min(of_contender):>11,.0f} "
            f"{max(of_contender):>11,.0f} {median * contender.size / 1e6:>7,.0f}"
            + "".join(f" {ratios[label]:>14,.1f}" if label in ratios else " " * 15 for label in yardsticks)
        )
        results.append(
            {
                "name": contender.name,
                "observation": contender.observation,
                "bytes": contender.size,
                "steps_per_second": median,
                "rounds": of_contender,
                "ratios": ratios,
            }
        )
    if arguments.json is not None:
        report = {
            "benchmark": "environments",
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

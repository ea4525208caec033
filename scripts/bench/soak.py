"""Soak test: millions of random steps in every mode of the driving environments.

    python scripts/bench/soak.py --steps 10000000 --json soak.json

Fails if a reward, an observation or a vehicle's state is not finite, an observation is outside of its space, an
exception is raised, or memory grows from round to round. Each round constructs the environments of all modes again.
"""

import argparse
import gc
import json
import os
import time
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import rlkit_envs  # noqa: F401  (registers the environments)

ROUNDS = 8
GROWTH = 1.05  # maximum growth of memory from the second round to the last
DRIVING = "rlkit/Driving-v0"
SLIDING = {"off_road": "slow", "collision": "bounce", "max_episode_steps": 400}

# Name, environment and arguments of each mode, and the share of all steps that it gets.
MODES: tuple[tuple[str, str, dict[str, Any], float], ...] = (
    ("as it is learnt", DRIVING, {}, 0.2),
    ("as it is learnt, off the road", DRIVING, {"off_road": "slow", "max_episode_steps": 400}, 0.1),
    ("one picture", DRIVING, {"observation": "picture"}, 0.05),
    ("bird's view in colour", DRIVING, {"birdview": "colour", "view_size": 48}, 0.05),
    ("bird's view in classes", DRIVING, {"birdview": "classes", "view_size": 48, "weather": "all"}, 0.05),
    ("camera", "rlkit/DrivingCamera-v0", {"camera_size": (48, 64), "weather": "all", "grip": None}, 0.1),
    ("lidar and road ahead", DRIVING, {"sensors": ("lidar", "preview", "state")}, 0.1),
    ("lidar off the road", DRIVING, {"sensors": ("lidar", "preview", "state"), **SLIDING}, 0.05),
    ("traffic", "rlkit/DrivingTraffic-v0", {}, 0.1),
    ("traffic that bounces", "rlkit/DrivingTraffic-v0", {"traffic": 16, "obstacles": 8, **SLIDING}, 0.05),
    ("continuous actions", "rlkit/DrivingContinuous-v0", {}, 0.05),
    ("CarRacing", "rlkit/CarRacing-v0", {}, 0.05),
    ("race car on ice", DRIVING, {"vehicle": "race_car", "grip": 0.15, "actions": "continuous", **SLIDING}, 0.05),
)


def check(space: gymnasium.Space[Any], observation: Any, where: str) -> None:
    """Raise ValueError if a leaf of a batch of observations is outside of its space or not finite."""
    if isinstance(space, gymnasium.spaces.Dict):
        for name, leaf in space.items():
            check(leaf, observation[name], f"{where}, {name}")
        return
    if observation.dtype != space.dtype or observation.shape != space.shape:
        raise ValueError(f"{where}: {observation.dtype} {observation.shape} instead of {space.dtype} {space.shape}")
    if observation.dtype.kind == "f" and not np.isfinite(observation).all():
        raise ValueError(f"{where}: has a value that is not finite")
    if (observation < space.low).any() or (observation > space.high).any():  # type: ignore[attr-defined]
        raise ValueError(f"{where}: from {observation.min()} to {observation.max()}, outside of its space")


def drive(name: str, environment: str, kwargs: dict[str, Any], steps: int, num_envs: int, seed: int) -> int:
    """Step one mode with random actions and return the number of episodes that ended."""
    env = gymnasium.make_vec(
        environment, num_envs=num_envs, vectorization_mode="vector_entry_point", num_circuits=64, **kwargs
    )
    cars = env.unwrapped.episodes.simulator.cars  # type: ignore[attr-defined]
    numbers = [field for field in cars.dtype.names if cars.dtype[field].kind == "f"]
    env.action_space.seed(seed)
    env.reset(seed=seed)
    ended = 0
    held = env.action_space.sample()
    for step in range(-(-steps // num_envs)):
        if step % 3 == 0:  # repeated actions lead further from the middle of the road
            held = env.action_space.sample()
        observations, rewards, terminated, truncated, _ = env.step(held)
        where = f"{name}, step {step} of seed {seed}"
        if not np.isfinite(rewards).all():
            raise ValueError(f"{where}: a reward is not finite")
        if step % 16 == 0:
            check(env.observation_space, observations, where)
        for field in numbers:
            if not np.isfinite(cars[field]).all():
                raise ValueError(f"{where}: a car's {field} is not finite")
        if (over := terminated | truncated).any():
            ended += int(over.sum())
            env.reset(options={"reset_mask": over})
    env.close()
    return ended


def resident() -> float:
    """Memory of this process that is in use, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Drive all modes round by round; exit with 1 where memory has grown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000_000, help="steps in all (default: 10 million)")
    parser.add_argument("--num-envs", type=int, default=256, help="cars that drive together (default: 256)")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    arguments = parser.parse_args()
    if arguments.steps < 1 or arguments.num_envs < 1:
        parser.error("--steps and --num-envs have to be positive")

    memory: list[float] = []
    episodes = 0
    start = time.perf_counter()
    for number in range(ROUNDS):
        for mode, (name, environment, kwargs, share) in enumerate(MODES):
            steps = int(arguments.steps * share / ROUNDS) + 1
            episodes += drive(name, environment, kwargs, steps, arguments.num_envs, 1000 * mode + number)
        gc.collect()
        memory.append(resident())
        print(f"round {number + 1} of {ROUNDS}: {episodes:,} episodes so far, {memory[-1]:,.0f} MB", flush=True)
    grown = memory[-1] / memory[1]
    print(f"{arguments.steps:,} steps in {time.perf_counter() - start:,.0f} s; memory × {grown:.3f} since round 2")
    if arguments.json is not None:
        report = {
            "benchmark": "soak",
            "steps": arguments.steps,
            "modes": [name for name, *_ in MODES],
            "episodes": episodes,
            "seconds": time.perf_counter() - start,
            "memory_mb": memory,
        }
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    if grown > GROWTH:
        raise SystemExit(f"memory has grown from {memory[1]:,.0f} to {memory[-1]:,.0f} MB")


if __name__ == "__main__":
    main()

"""One peer of ``environments.py``, in a process of its own and, where versions clash with ours, in a Python of its own.

highway-env brings pygame-ce, which overwrites pygame; peers are therefore best kept apart:

    python -m venv peers && peers/bin/python -m pip install envpool highway-env metadrive-simulator box2d==2.3.10
    python scripts/bench/environments.py --peers-python peers/bin/python

The process answers on its standard output with one line of JSON each time: first with the size of its picture or the
reason why it cannot take part, then, for every number of seconds that it reads, with the steps it made and the time
they took. F1TENTH's simulator is not here: it is on no package index.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

Run = Callable[[float], tuple[int, float]]


def car_racing() -> tuple[tuple[int, ...], Run]:
    """Gymnasium's CarRacing-v3, one environment with discrete actions."""
    import gymnasium

    env = gymnasium.make("CarRacing-v3", continuous=False)
    return tuple(env.observation_space.shape or ()), stepping(env)


def highway() -> tuple[tuple[int, ...], Run]:
    """highway-env's racetrack, seen as a grey picture of CarRacing's size."""
    import gymnasium
    import highway_env  # noqa: F401  (registers racetrack-v1)

    seen = {
        "type": "GrayscaleObservation",
        "observation_shape": (96, 96),
        "stack_size": 1,
        "weights": [0.2989, 0.5870, 0.1140],
        "scaling": 1.75,
    }
    env = gymnasium.make("racetrack-v1", config={"observation": seen})
    channels, height, width = env.observation_space.shape or ()
    return (height, width, channels), stepping(env)


def metadrive() -> tuple[tuple[int, ...], Run]:
    """MetaDrive's view from above, without traffic; it fetches its models from the internet when it first runs."""
    import logging

    from metadrive.envs.top_down_env import TopDownMetaDrive

    env = TopDownMetaDrive({"num_scenarios": 64, "traffic_density": 0.0, "log_level": logging.ERROR})
    return tuple(env.observation_space.shape), stepping(env)


def envpool(count: int) -> tuple[tuple[int, ...], Run]:
    """EnvPool's CarRacing in C++, with as many threads as there are cores; it resets by itself."""
    import envpool as library
    import numpy as np

    cores = os.cpu_count() or 1
    env = library.make_gymnasium("CarRacing-v3", num_envs=count, num_threads=min(count, cores), seed=0)
    low, high = env.action_space.low, env.action_space.high
    actions = np.random.default_rng(0).uniform(low, high, (64, count, len(low))).astype(np.float32)
    env.reset()

    def run(seconds: float) -> tuple[int, float]:
        rounds = 0
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            env.step(actions[rounds % 64])
            rounds += 1
        return rounds * count, taken

    return tuple(env.observation_space.shape), run


def stepping(env: Any) -> Run:
    """Random actions for one environment, which is reset when an episode ends."""
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(1024)]
    env.reset()

    def run(seconds: float) -> tuple[int, float]:
        steps = 0
        start = time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds:
            for _ in range(5):
                _, _, terminated, truncated, _ = env.step(actions[steps % 1024])
                steps += 1
                if terminated or truncated:
                    env.reset()
        return steps, taken

    return run


# Name in the table, what makes it.
PEERS: dict[str, tuple[str, Callable[[], tuple[tuple[int, ...], Run]]]] = {
    "car_racing": ("CarRacing-v3, gymnasium.make", car_racing),
    "envpool": ("EnvPool CarRacing-v3, one", lambda: envpool(1)),
    "envpool_batch": ("EnvPool CarRacing-v3, 16 together", lambda: envpool(16)),
    "highway": ("highway-env racetrack-v1", highway),
    "metadrive": ("MetaDrive from above", metadrive),
}


def main() -> None:
    """Make the peer that is named, and step it as often as asked on standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PEERS)
    name = parser.parse_args().name
    warnings.simplefilter("ignore")
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What the peer itself prints is no answer

    def answer(**what: Any) -> None:
        print(json.dumps(what), file=answers, flush=True)

    try:
        picture, run = PEERS[name][1]()
    except Exception as error:  # Whatever a peer lacks, the others go on
        answer(missing=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}")
        return
    answer(picture=picture)
    for line in sys.stdin:
        steps, taken = run(float(line))
        answer(steps=steps, taken=taken)


if __name__ == "__main__":
    main()

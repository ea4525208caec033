"""Trains one run that is killed many times: `python kill_server.py FOLDER KILLS SEED`.

Imports once; every attempt is a fork that is killed by SIGKILL, in turn after a random time and before or inside of a
random call that changes the disk. Prints how many of each there were. FOLDER/whole is the same run without kills.
"""

import os
import pathlib
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import gymnasium.envs.classic_control  # noqa: F401 - preloaded
import rlkit_agents.dqn  # noqa: F401
import torch.utils.tensorboard  # noqa: F401

from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter

STEPS = 4000
SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "480", "update_interval": "16"}
OPTIONS = {"steps": STEPS, "settings": SETTINGS, "save_freq": 48, "eval_freq": 500, "eval_episodes": 2}


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_call(number):
    """Kill this process at the N-th call that changes the disk; a write is cut in half."""
    left = [number]

    def due():
        left[0] -= 1
        return left[0] == 0

    def before(function):
        def call(*args, **kwargs):
            if due():
                die()
            return function(*args, **kwargs)

        return call

    def write_bytes(path, data):
        with path.open("wb") as file:
            if due():
                file.write(data[: len(data) // 2])
                file.flush()
                die()
            file.write(data)

    for name in ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir"):
        setattr(os, name, before(getattr(os, name)))
    shutil.rmtree = before(shutil.rmtree)
    pathlib.Path.write_bytes = write_bytes


def go(folder):
    def reporter(total):
        return PlainReporter(total, quiet=True)

    if (folder / "config.json").exists():
        training_run.resume(folder, reporter=reporter)
    else:
        training_run.train("CartPole-v1", run_dir=folder, deterministic=True, reporter=reporter, **OPTIONS)


def fork(folder, call=0, seconds=None):
    """Train in another process; return whether it came to its end."""
    child = os.fork()
    if child == 0:
        if call:
            die_at_call(call)
        go(folder)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit(f"training failed with status {os.WEXITSTATUS(status)}")
    return os.WIFEXITED(status)


def main():
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    draw = random.Random(seed)
    began = time.monotonic()
    fork(folder / "whole")
    whole = time.monotonic() - began
    counts = Counter()
    for attempt in range(kills):
        if attempt % 2:
            ended = fork(folder / "parts", call=draw.randint(1, 60))
        else:
            ended = fork(folder / "parts", seconds=draw.uniform(0.0, 0.2 * whole))
        counts["ended" if ended else ("call", "time")[attempt % 2 == 0]] += 1
        if ended:
            break
    while not fork(folder / "parts"):
        pass
    print(dict(counts))


main()

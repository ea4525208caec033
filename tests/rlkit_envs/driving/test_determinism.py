"""The same seeds and actions give the same bytes, however the work is shared out."""

import hashlib
import subprocess
import sys

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401

CARS = 300  # more than two tasks of 128, so that threads share them
STEPS = 6
KWARGS = {
    "sensors": "birdview,camera,segmentation,lidar,state,preview",
    "camera_size": (48, 64),
    "traffic": 2,
    "obstacles": 2,
    "num_circuits": 4,
    "weather": "all",
    "grip": None,
}


def digest_of_drive(first: int, count: int, threads: int) -> list[str]:
    """A hash per car of everything that it saw and was paid."""
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=count, vectorization_mode="vector_entry_point", num_threads=threads, **KWARGS
    )
    hashes = [hashlib.sha256() for _ in range(count)]
    seen, _ = vector.reset(seed=list(range(first, first + count)))
    rewards, mask = np.zeros(count, np.float32), np.ones(count, np.bool_)
    for step in range(STEPS + 1):
        for i, car in enumerate(hashes):
            for rows in seen.values():
                car.update(np.ascontiguousarray(rows[i]).tobytes())
            car.update(rewards[i].tobytes())
        if step == STEPS:
            break
        actions = (np.arange(first, first + count) * 7 + step * 5) % 15
        seen, rewards, terminated, truncated, _ = vector.step(actions)
        mask = terminated | truncated
        if mask.any():
            seen, _ = vector.reset(options={"reset_mask": mask})
    vector.close()
    return [car.hexdigest() for car in hashes]


@pytest.fixture(scope="module")
def alone():
    return digest_of_drive(0, CARS, 1)


def test_threads_do_not_change_a_byte(alone):
    assert len(set(alone)) == CARS
    assert digest_of_drive(0, CARS, 2) == alone
    assert digest_of_drive(0, CARS, 3) == alone


def test_the_size_of_the_batch_does_not_change_a_byte(alone):
    assert digest_of_drive(40, 1, 1) == alone[40:41]
    assert digest_of_drive(40, 17, 2) == alone[40:57]


def test_another_process_sees_the_same_bytes(alone):
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('drive', {__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(*module.digest_of_drive(7, 5, 1))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == alone[7:12]

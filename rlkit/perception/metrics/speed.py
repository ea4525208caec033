"""How long a segmentation model takes."""

import platform
import time

import numpy as np
import torch

from rlkit.perception.metrics.result import Speed
from rlkit.perception.model import SegmentationModel
from rlkit.perception.pictures import Pixels

_TIMED, _WARM_UP, BATCH = 100, 5, 32  # pictures timed one by one, before that, and at once
_ROUNDS = 3  # of batches, at least


def measure_speed(model: SegmentationModel, images: Pixels) -> Speed:
    """Time a model on pictures, one at a time and in batches of 32.

    Args:
        model: Which.
        images: (N, H, W, 3) uint8, taken in turn.
    """
    times = []
    for number in range(_WARM_UP + _TIMED):
        one = images[number % len(images)][None]
        start = time.perf_counter()
        model.labels(one)
        times.append(time.perf_counter() - start)
    times = times[_WARM_UP:]
    batch = images[np.arange(BATCH) % len(images)]
    model.labels(batch)
    rounds: list[float] = []
    while len(rounds) < _ROUNDS or sum(rounds) < 0.5:
        start = time.perf_counter()
        model.labels(batch)
        rounds.append(time.perf_counter() - start)
    p50, p99 = np.percentile(times, [50, 99])
    # The median: what else the machine did meanwhile is not the model's.
    return Speed(1.0 / float(p50), 1e3 * float(p50), 1e3 * float(p99), BATCH / float(np.median(rounds)), _device(model))


def _device(model: SegmentationModel) -> str:
    if str(model.device).startswith("cuda"):
        return torch.cuda.get_device_name(model.device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"

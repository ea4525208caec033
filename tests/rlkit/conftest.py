import contextlib
import ctypes
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.spaces import Classes

ROAD_CAMERA = f"{Path(__file__).parent / 'perception/road_camera.py'}:RoadCamera"


class ByColour(torch.nn.Module):
    """Knows sky, grass and road of `road_camera` by their colours; `sureness` is the scale of its scores."""

    def __init__(self, num_classes: int):
        super().__init__()
        # Nearest colour: -|x - c|² = 2 c·x - |c|² and what is the same for all.
        colours = torch.tensor([(90, 120, 200), (40, 90, 30), (80, 80, 84)], dtype=torch.float32) / 255
        self.score = torch.nn.Conv2d(3, num_classes, 1)
        self.sureness = torch.nn.Parameter(torch.tensor(100.0))
        with torch.no_grad():
            self.score.weight.copy_(2 * colours[:, :, None, None])
            self.score.bias.copy_(-(colours**2).sum(1))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.sureness * self.score(pictures)


@pytest.fixture
def soon():
    """A block that has to end within twenty seconds, since otherwise it would never do."""

    @contextlib.contextmanager
    def block():
        before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits"))
        signal.alarm(20)
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return block


@pytest.fixture
def road_camera() -> str:
    return ROAD_CAMERA


@pytest.fixture
def by_colour() -> SegmentationModel:
    network = ByColour(3)
    return SegmentationModel(network, ModelCard("by-colour", Classes(("sky", "grass", "road"), ("road",)), (24, 32)))


@pytest.fixture
def model_file(tmp_path, by_colour, monkeypatch) -> Path:
    """A model on disk whose network is known by name."""
    from rlkit.perception.networks import NETWORKS

    monkeypatch.setitem(NETWORKS, "by-colour", ByColour)
    file = tmp_path / "by-colour.safetensors"
    by_colour.save(file)
    return file


@pytest.fixture
def small_files():
    """A block in which no file grows beyond some bytes, as on a full disk; the error is "File too large"."""
    resource = pytest.importorskip("resource", reason="limits of a process are those of Unix")

    @contextlib.contextmanager
    def block(size: int):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return block


@pytest.fixture
def locked_path():
    """Take all permissions from a file or folder, for the superuser too, until the test ends."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions are those of Unix")
    locked: list[Path] = []

    def lock(path: Path) -> None:
        path.chmod(0)
        locked.append(path)

    with _without_override():
        yield lock
    for path in locked:
        if path.exists():
            path.chmod(0o755)


@contextlib.contextmanager
def _without_override():
    """A block in which the superuser keeps to permissions: without two capabilities of Linux in the effective set."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    header, before, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    if not hasattr(libc, "capget") or libc.capget(header, before) or libc.capget(header, data):
        pytest.skip("the superuser ignores permissions here")
    data[0] &= ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
    assert libc.capset(header, data) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


@pytest.fixture
def in_threads(monkeypatch):
    """Learners other than the first are threads instead of processes, since these take seconds to start."""
    from torch.distributed import HashStore, ProcessGroupGloo

    from rlkit.nn import distributed
    from rlkit.nn.distributed import ALONE, LearnerGroup, LearnerLost

    @contextlib.contextmanager
    def started(count, device, how_to_continue, function, *arguments):
        if count == 1:
            yield ALONE
            return
        store, failed, others = HashStore(), threading.Event(), []

        def group(rank):
            return LearnerGroup(rank, count, ProcessGroupGloo(store, rank, count, timedelta(seconds=60)), check)

        def check():
            if failed.is_set() or any(other.done() and other.exception() for other in others):
                raise LearnerLost("a learner ended")

        with ThreadPoolExecutor(count) as pool:
            others.extend(pool.submit(lambda rank: function(group(rank), *arguments), rank) for rank in range(1, count))
            try:
                yield group(0)
            except BaseException:
                failed.set()
                raise
            for other in others:
                other.result()

    monkeypatch.setattr(distributed, "WAIT", timedelta(milliseconds=100))
    monkeypatch.setattr("rlkit.training.run.started_learners", started)
    monkeypatch.setattr("rlkit.segmentation.run.started_learners", started)

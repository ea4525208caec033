import errno

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.replay import storage
from rlkit.spaces import Leaf

LEAVES = {"picture": Leaf("picture", (6, 5, 4), "uint8", 4), "vector": Leaf("vector", (3,), "float32")}


def test_frames_on_disk_are_in_unnamed_files(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(storage.tempfile, "tempdir", None)
    stored = storage.frames_on_disk(LEAVES, 100)
    assert list(tmp_path.iterdir()) == []
    assert stored["picture"].shape == (100, 6, 5, 1)
    assert stored["vector"].dtype == np.float32
    assert not stored["vector"].any()
    stored["vector"][7] = 3
    assert stored["vector"].sum() == 9


def test_a_disk_that_is_too_small_is_refused_before_writing():
    with pytest.raises(UserError, match=r"would take 30\d{3}\.\d GiB of disk in .*TMPDIR") as refused:
        storage.frames_on_disk({"a": Leaf("a", (1024, 1024, 1), "uint8")}, 31 * 10**6)
    assert "buffer_size" in str(refused.value)


def test_a_disk_that_fills_up_meanwhile_is_refused(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.os, "posix_fallocate", full)
    with pytest.raises(UserError, match="less than that is free"):
        storage.frames_on_disk(LEAVES, 100)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("stack", [1, 2, 4])
def test_gather_concatenates_frames_on_the_last_axis(stack, channels, dtype):
    random = np.random.default_rng(0)
    stored = random.integers(0, 256, (20, 6, 5, channels)).astype(dtype)
    indices = random.integers(20, size=(3, stack))
    gathered = storage.gather(stored, indices)
    assert gathered.dtype == stored.dtype
    assert gathered.flags.c_contiguous
    for row, shown in enumerate(indices):
        np.testing.assert_array_equal(gathered[row], np.concatenate(stored[shown], axis=-1))

import errno
from types import SimpleNamespace

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
    with pytest.raises(UserError, match="less than that is free") as refused:
        storage.frames_on_disk(LEAVES, 100)
    assert refused.value.exit_code == 1


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(storage, "scratch_folder", lambda: tmp_path)
    monkeypatch.setattr(storage.os, "posix_fallocate", refused)
    with pytest.raises(UserError, match=f"Cannot keep the replay buffer in {tmp_path}: Permission denied"):
        storage.frames_on_disk(LEAVES, 100)


@pytest.mark.parametrize("missing", [0, 1])
def test_frames_may_take_all_that_is_free(missing, monkeypatch):
    free = storage.frames_bytes(LEAVES, 100) - missing
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    if missing:
        with pytest.raises(UserError, match="GiB are free"):
            storage.frames_on_disk(LEAVES, 100)
    else:
        assert len(storage.frames_on_disk(LEAVES, 100)["picture"]) == 100


def test_frames_are_kept_where_space_cannot_be_reserved(monkeypatch):
    """macOS has no posix_fallocate."""
    monkeypatch.delattr(storage.os, "posix_fallocate", raising=False)
    stored = storage.frames_on_disk(LEAVES, 100)
    stored["vector"][99] = 2
    assert stored["vector"].sum() == 6


@pytest.mark.parametrize(
    ("chosen", "writable", "folder"), [(True, True, "mine"), (False, True, "/var/tmp"), (False, False, "other")]
)
def test_large_files_are_put_where_the_user_wants_or_where_no_memory_is_taken(
    chosen, writable, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(storage.tempfile, "tempdir", None if chosen else str(tmp_path / "other"))
    monkeypatch.setattr(storage.os, "access", lambda path, mode: writable)
    if chosen:
        (tmp_path / "mine").mkdir()
        monkeypatch.setenv("TMPDIR", str(tmp_path / "mine"))
    else:
        monkeypatch.delenv("TMPDIR", raising=False)
    assert storage.scratch_folder() == tmp_path / folder


def test_bytes_are_counted_per_frame_and_row():
    assert storage.frames_bytes(LEAVES, 100) == 100 * (6 * 5 + 3 * 4)  # of four stacked frames one is stored


def test_the_first_frame_of_an_episode_is_repeated_and_rows_that_were_overwritten_are_not_followed():
    back = np.array([0, 1, 1, 0, 1, 1], dtype=np.int32)  # two episodes of three rows
    rows = np.array([2, 3, 5])
    assert storage.stack_rows(rows, 4, 0, back).tolist() == [[0, 0, 1, 2], [3, 3, 3, 3], [3, 3, 4, 5]]
    assert storage.stack_rows(np.array([5]), 3, 5, back)[0].tolist() == [4, 4, 5]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3])
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

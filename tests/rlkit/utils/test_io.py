import errno
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlkit.errors import UserError
from rlkit.utils import io

trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda key: key != io.ARRAY), inner, max_size=4
    ),
    max_leaves=12,
).filter(lambda tree: isinstance(tree, dict))


@settings(max_examples=50)
@given(tree=trees)
def test_a_tree_of_plain_values_comes_back_as_it_was(tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tree")
    io.save_tree(folder, "state", tree)
    assert io.load_tree(folder, "state") == tree


def test_arrays_and_random_generators_come_back_as_they_were(tmp_path):
    generator = np.random.default_rng(7)
    tree = {"a": {"weights": torch.randn(3, 4), "counts": np.arange(5)}, "generator": generator.bit_generator.state}
    io.save_tree(tmp_path, "state", tree)
    loaded = io.load_tree(tmp_path, "state")
    assert torch.equal(loaded["a"]["weights"], tree["a"]["weights"])
    assert loaded["a"]["counts"].tolist() == [0, 1, 2, 3, 4]
    restored = np.random.default_rng(0)
    restored.bit_generator.state = loaded["generator"]
    assert restored.integers(10**9) == generator.integers(10**9)


def test_a_folder_that_could_not_be_filled_is_not_there(tmp_path):
    def fill():
        with io.new_folder(tmp_path / "run") as scratch:
            (scratch / "config.json").write_text("{}")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_could_not_be_written_is_still_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    io.write_json(path, {"old": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="the disk is full") as caught, io.disk_errors("the run"):
        io.write_json(path, {"new": 2})
    assert caught.value.exit_code == 1
    assert json.loads(path.read_text()) == {"old": 1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, a disk that is always full, is Linux's own")
def test_weights_on_a_full_disk_are_a_clear_sentence():
    with pytest.raises(UserError, match="the disk is full"), io.disk_errors("the run"):
        io.save_tensors(Path("/dev/full"), {"weights": torch.zeros(10_000)})


class Danger:
    def __reduce__(self):
        return (pytest.fail, ("code from a file was run",))


READERS = {
    "weights.safetensors": io.load_tensors,
    "rows.npy": lambda path: np.load(path, allow_pickle=False),
    "state.json": io.read_json,
}


@pytest.mark.parametrize("name", READERS)
def test_a_pickle_in_disguise_is_refused(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Danger()))
    with pytest.raises((UserError, ValueError)):
        READERS[name](path)


def test_a_temporary_folder_is_removed_once_its_process_has_ended(tmp_path):
    code = (
        "import os, sys, pathlib\nfrom rlkit.utils.io import new_folder\n"
        "with new_folder(pathlib.Path(sys.argv[1])) as scratch:\n"
        "    (scratch / 'a').write_text('x')\n    print(scratch.name, flush=True)\n    sys.stdin.read()\n"
    )
    made = []
    for name in ("run", "run-20261130-120000", "other"):
        command = [sys.executable, "-P", "-c", code, str(tmp_path / name)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        made.append((process, tmp_path / process.stdout.readline().strip()))
    with io.new_folder(tmp_path / "run-20261130-130000"):
        assert all(folder.exists() for _, folder in made), "their processes run"
    for process, _ in made:
        process.kill()
        process.communicate()
    with io.new_folder(tmp_path / "run") as scratch:
        assert [folder.exists() for _, folder in made] == [False, False, True]
        assert scratch.exists()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"run", "run-20261130-130000", made[2][1].name}


def test_a_link_in_place_of_a_temporary_folder_is_not_followed(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    (tmp_path / f"{io.SCRATCH}run-abcdefgh").symlink_to(tmp_path / "mine")
    with io.new_folder(tmp_path / "run"):
        pass
    assert (tmp_path / "mine/thesis.txt").exists()

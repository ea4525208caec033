"""A run folder that is sent while it is written: its copy can be resumed at any time."""

import json
import shutil

import pytest

from rlkit.errors import UserError
from rlkit.experiments import run_files
from rlkit.experiments.run_files import FolderReceiver, FolderSender


def save(folder, steps, segments):
    """Write a checkpoint that needs some segments, as training does, and delete the others."""
    for name in segments:
        (folder / "replay").mkdir(exist_ok=True)
        (folder / "replay" / name).write_bytes(name.encode() * 100)
    checkpoint = folder / "checkpoints" / f"{steps:09d}"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights.safetensors").write_bytes(b"w" * 50)
    (checkpoint / "manifest.json").write_text(json.dumps({"files": {"weights.safetensors": ""}, "replay": segments}))
    for older in sorted(checkpoint.parent.iterdir())[:-2]:
        shutil.rmtree(older)
    kept = [json.loads((path / "manifest.json").read_text())["replay"] for path in checkpoint.parent.iterdir()]
    for old in (folder / "replay").glob("*"):
        if all(old.name not in names for names in kept):
            old.unlink()


def log(folder, steps):
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"steps": steps, "seconds": 0.0}) + "\n")


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_resumable(copy):
    """Every checkpoint is complete, and the log is not ahead of the first one."""
    checkpoints = [path for path in (copy / "checkpoints").glob("*") if path.name.isdecimal()]
    for checkpoint in checkpoints:
        needed = json.loads((checkpoint / "manifest.json").read_text())["replay"]
        assert all((copy / "replay" / name).stat().st_size == 100 * len(name) for name in needed)
        assert (checkpoint / "weights.safetensors").stat().st_size == 50
    lines = (copy / "metrics.jsonl").read_text().splitlines() if (copy / "metrics.jsonl").exists() else []
    assert checkpoints or len(lines) <= 10


def check_log(copy):
    """The log reaches to the newest checkpoint: training that goes on from there writes only what follows."""
    steps = [int(path.name) for path in (copy / "checkpoints").glob("*") if path.name.isdecimal()]
    log = copy / "metrics.jsonl"
    logged = [json.loads(line)["steps"] for line in log.read_text().splitlines()] if log.exists() else []
    assert set(range(1, max(steps, default=0) + 1)) <= set(logged)


def parts(pieces):
    return [part for piece in pieces for part in piece.get("pieces", [piece])]


@pytest.fixture
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(run_files, "CHUNK", 64)  # many pieces
    run, copy = tmp_path / "run", tmp_path / "copy" / "run"
    for folder in (run, copy):
        folder.mkdir(parents=True)
    (run / "config.json").write_text("{}")
    return run, copy


def test_a_copy_is_resumable_after_each_piece_and_equal_in_the_end(folders):
    run, copy = folders
    sender, receiver = FolderSender(run), FolderReceiver(copy)
    for number in range(1, 5):
        for steps in range(10 * number - 9, 10 * number + 1):
            log(run, steps)
        for piece in sender.log() if number % 2 else ():
            receiver.take(piece)
            check_resumable(copy)
        save(run, 10 * number, [f"segment-{part}.npy" for part in range(max(0, number - 2), number)])
        log(run, 10 * number + 0.5)  # which is ahead of the checkpoint
        pieces = sender.log() if number % 2 else sender.everything()
        for piece in pieces:
            receiver.take(piece)
            check_resumable(copy)
            check_log(copy)
        assert contents(copy) == contents(run)
    assert not list(sender.log())
    assert not list(run.parent.glob(".unfinished-*"))


def test_what_was_received_is_not_sent_back(folders):
    run, copy = folders
    save(run, 10, ["segment-0.npy"])
    log(run, 10)
    for piece in FolderSender(run).everything():
        FolderReceiver(copy).take(piece)
    back = FolderSender(copy)
    back.mark_sent()
    log(copy, 11)
    files = [piece["file"] for piece in parts(back.everything()) if "file" in piece]
    assert set(files) == {"metrics.jsonl"}


def test_a_log_that_was_rewritten_is_sent_anew(folders):
    run, copy = folders
    sender, receiver = FolderSender(run), FolderReceiver(copy)
    for steps in range(9):
        log(run, steps)
    for piece in sender.log():
        receiver.take(piece)
    (run / "new").write_text('{"steps": 1, "seconds": 0.0}\n')
    (run / "new").replace(run / "metrics.jsonl")  # a resumed run drops what it repeats
    log(run, 2)
    for piece in sender.log():
        receiver.take(piece)
    assert contents(copy)["metrics.jsonl"] == contents(run)["metrics.jsonl"]


def test_a_checkpoint_that_is_deleted_while_it_is_sent_arrives(folders):
    run, copy = folders
    save(run, 10, ["segment-1.npy"])
    pieces = FolderSender(run).everything()
    FolderReceiver(copy).take(next(pieces))
    for number in (2, 3):
        save(run, 10 * number, [f"segment-{number}.npy"])
    for piece in pieces:
        FolderReceiver(copy).take(piece)
    check_resumable(copy)
    assert (copy / "checkpoints" / "000000010").is_dir()


@pytest.mark.parametrize("name", ["../config.json", "/tmp/config.json", "replay/../../x", "link/x"])
def test_nothing_is_written_outside_of_the_copy(folders, name):
    _, copy = folders
    (copy / "link").symlink_to(copy.parent)
    with pytest.raises(UserError, match=r"expected a .*path|symbolic link"):
        FolderReceiver(copy).take({"file": name, "offset": 0, "data": b"x", "last": True, "added": False})

"""A disk that is full, and a run folder that is removed, end a run with a sentence; what was saved can be resumed."""

import shutil

import pytest

from rlkit.errors import DiskError, UserError
from rlkit.training import run as training_run
from rlkit.training.checkpoint import Checkpoints
from rlkit.training.events import AppendedFile
from rlkit.training.logger import Logger, read_metrics
from rlkit.training.progress import PlainReporter

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240", "update_interval": "16"}


class Listener(PlainReporter):
    """Calls a function once after a number of steps."""

    def __init__(self, total, steps=0, call=None):
        super().__init__(total, quiet=True)
        self.steps, self.call = steps, call

    def progress(self, steps, figures):
        if self.call is not None and steps >= self.steps:
            call, self.call = self.call, None
            call()


def train(folder, reporter=Listener):
    options = {"eval_freq": 200, "eval_episodes": 2, "save_freq": 100, "num_envs": 1, "steps": 400}
    return training_run.train("CartPole-v1", run_dir=folder, settings=SETTINGS, reporter=reporter, **options)


def test_a_configuration_that_cannot_be_written_leaves_no_folder(tmp_path, small_files):
    with small_files(300), pytest.raises(DiskError, match="the limit on the size of a file is reached"):
        train(tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


# Bytes at which, in turn, events at the start, metrics, a checkpoint, and events after it can no longer be written.
@pytest.mark.parametrize("size", [4_000, 7_000, 12_000, 17_000])
def test_a_full_disk_is_one_sentence_and_the_run_goes_on_later(size, tmp_path, small_files, recwarn):
    folder = tmp_path / "run"
    with small_files(size), pytest.raises(DiskError) as caught:
        train(folder)
    sentence = str(caught.value)
    assert sentence.startswith(f"cannot write {folder}")
    assert "the limit on the size of a file is reached" in sentence
    assert "--resume" in sentence
    assert caught.value.exit_code == 1
    assert not [warning for warning in recwarn if "Thread" in type(warning.message).__name__]
    assert not [path for path in folder.rglob("*") if "unfinished" in path.name]
    assert training_run.resume(folder, reporter=Listener).steps == 400
    assert [row["steps"] for row in read_metrics(folder) if "eval/mean_reward" in row] == [200, 400]


def test_a_record_that_does_not_fit_is_taken_back(tmp_path, small_files):
    file = AppendedFile(tmp_path / "metrics.jsonl")
    file.append(b"12345678\n")
    with small_files(12), pytest.raises(OSError, match="too large"):
        file.append(b"12345678\n")
    assert (tmp_path / "metrics.jsonl").read_bytes() == b"12345678\n"
    file.close()


@pytest.mark.parametrize("what", [".", "config.json", "metrics.jsonl"])
def test_a_run_folder_that_is_removed_ends_the_run(what, tmp_path):
    folder = tmp_path / "run"

    def remove():
        path = folder / what
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(UserError, match=r"removed .*while the run was under way") as caught:
        train(folder, lambda total: Listener(total, 150, remove))
    assert caught.value.exit_code == 1
    assert folder.exists() == (what != ".")


def test_a_removed_replay_buffer_is_written_again(tmp_path):
    folder = tmp_path / "run"
    train(folder, lambda total: Listener(total, 150, lambda: shutil.rmtree(folder / "replay")))
    assert Checkpoints(folder).newest(pytest.fail).steps == 400


def test_tensorboard_reads_the_events_of_a_resumed_run_once(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with Logger(tmp_path) as log:
        log.write_text("configuration", "{}")
        for steps in (10, 20, 30):
            log.write(steps, 1.0, {"train/loss": steps / 10, "nan": float("nan")})
    with Logger(tmp_path, resume_at=20) as log:
        log.write(30, 1.0, {"train/loss": 4.0})
    events = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    found = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert found == [(10, 1.0), (20, 2.0), (30, 4.0)]
    assert "configuration/text_summary" in events.Tags()["tensors"]

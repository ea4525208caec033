"""Files and folders that may not be read: each command says so in a sentence, and takes none of them for damaged."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

TRAIN = [
    "train",
    "CartPole-v1",
    "--steps",
    "200",
    "--num-envs",
    "1",
    "--eval-freq",
    "100",
    "--eval-episodes",
    "1",
    "-q",
]


@pytest.fixture(scope="module")
def trained(rlkit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    settings = ["learning_starts=50", "batch_size=16", "hidden=16", "buffer_size=200"]
    assert rlkit(*TRAIN, "--save-freq", "100", "--run-dir", folder, "--set", *settings) == 0
    for name in ("model.safetensors", "env.py", "lap.csv"):
        (folder / name).touch()
    return folder


EVALUATE = ["evaluate", "RUN", "--episodes", "1"]
RESUME = ["train", "--resume", "RUN", "-q"]
CASES = [
    ("", EVALUATE),
    ("config.json", EVALUATE),
    ("spaces.json", EVALUATE),
    ("best", EVALUATE),
    ("best/*", EVALUATE),
    ("best/*/manifest.json", EVALUATE),
    ("best/*/weights.safetensors", EVALUATE),
    ("checkpoints", RESUME),
    ("checkpoints/000000200/training.json", RESUME),
    ("checkpoints/000000200", RESUME),
    ("replay", RESUME),
    ("replay/segment-*", RESUME),
    (".lock", RESUME),
    ("metrics.jsonl", ["report", "RUN"]),
    ("", ["report", "RUN"]),
    ("config.json", ["train", "--config", "RUN/config.json"]),
    ("", ["plot", "RUN", "--out", "RUN.png"]),
    ("", ["watch", "random", "--env", "CartPole-v1", "--record", "RUN/film.mp4"]),
    ("config.json", ["evaluate", "random", "--env", "CartPole-v1", "--episodes", "1", "--json", "RUN/config.json"]),
    ("model.safetensors", ["perception", "evaluate", "RUN/model.safetensors"]),
    ("model.safetensors", ["perception", "predict", "RUN/model.safetensors"]),
    ("model.safetensors", ["perception", "export", "RUN/model.safetensors"]),
    ("env.py", ["evaluate", "random", "--env", "RUN/env.py:Env"]),
    ("lap.csv", ["evaluate", "random", "--env", "rlkit/Driving-v0", "--scenario", "RUN/lap.csv"]),
]


@pytest.mark.parametrize(("what", "arguments"), CASES)
def test_what_may_not_be_read_is_a_sentence(rlkit, trained, tmp_path, locked_path, capfd, what, arguments):
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = sorted(run.rglob("*"))
    for path in list(run.glob(what)) if what else [run]:
        locked_path(path)
    assert rlkit(*(argument.replace("RUN", str(run)) for argument in arguments)) == 1
    said = capfd.readouterr().err
    assert "permission is denied" in said.lower() or "permission denied" in said.lower()
    assert "Traceback" not in said
    assert "damaged" not in said
    run.chmod(0o755)
    for path in run.rglob("*"):
        path.chmod(0o755)
    assert sorted(run.rglob("*")) == before


@pytest.mark.parametrize(
    "what", ["", "images", "masks", "images/train", "masks/val", "images/train/1.png", "classes.json"]
)
def test_a_data_set_that_may_not_be_read_is_a_sentence(rlkit, tmp_path, locked_path, capfd, what):
    data = tmp_path / "data"
    for number, split in enumerate(("train", "train", "val")):
        for kind, shape in (("images", (32, 48, 3)), ("masks", (32, 48))):
            (data / kind / split).mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 2, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(data / kind / split / f"{number}.png")
    (data / "classes.json").write_text(json.dumps({"names": ["other", "road"], "drivable": ["road"]}))
    locked_path(data / what)
    assert rlkit("perception", "train", "--data", data, "--steps", 1, "--run-dir", tmp_path / "run", "-q") == 1
    said = capfd.readouterr().err.lower()
    assert "permission is denied" in said or "permission denied" in said
    assert "traceback" not in said

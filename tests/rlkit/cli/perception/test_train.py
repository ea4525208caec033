"""`rlkit perception train` as a stranger meets it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rlkit.perception.model import find_model
from rlkit.perception.model_card import read_model_card

SMALL = ["--set", "batch_size=2", "bn_samples=2", "threads=1"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A data set of ours with six pictures to learn from, the road dark, the rest light."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        for number in range(count):
            labels = np.zeros((32, 48), dtype=np.uint8)
            labels[:, int(generator.integers(5, 30)) :] = 1
            image = np.where(labels, 60, 190)[..., None] + generator.integers(-20, 20, (32, 48, 3))
            Image.fromarray(image.astype(np.uint8)).save(folder / "images" / split / f"{number}.png")
            Image.fromarray(labels).save(folder / "masks" / split / f"{number}.png")
    (folder / "classes.json").write_text(json.dumps({"names": ["other", "road"], "drivable": ["road"]}))
    return folder


@pytest.fixture(scope="module")
def run(rlkit, pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert rlkit("perception", "train", "--data", pictures, "--epochs", 2, "--run-dir", folder, "-q", *SMALL) == 0
    return folder


def test_a_run_folder_holds_what_was_promised(run, pictures):
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "metrics.jsonl", "checkpoints", "best", "pictures"} <= names
    config = json.loads((run / "config.json").read_text())
    assert config["data"] == str(pictures)
    assert config["hyperparameters"]["batch_size"] == 2
    assert config["network"] == "segnet-compact"
    card = read_model_card(find_model(run))
    assert card.size == (32, 48)
    assert str(pictures.parent) not in json.dumps(card.to_json())  # nobody's paths travel with a model


def test_it_says_what_was_chosen_and_what_can_be_done_next(rlkit, pictures, tmp_path, capsys):
    run = tmp_path / "run"
    assert rlkit("perception", "train", "--data", pictures, "--steps", 2, "--run-dir", run, *SMALL) == 0
    told = capsys.readouterr().out
    for part in ("5 training pictures", "32×48", "segnet-compact", "2 steps", "drivable IoU", str(run), "show"):
        assert part in told


def test_training_goes_on_after_a_time_limit(rlkit, pictures, tmp_path, capsys):
    command = ["perception", "train", "--data", pictures, "--steps", 5_000, "--time-limit", 1, *SMALL]
    assert rlkit(*command, "--val-freq", 5_000, "--run-dir", tmp_path / "run") == 0
    told = capsys.readouterr().out
    assert f"--resume {tmp_path / 'run'}" in told
    steps = int(re.search(r"after ([\d,]+) steps", told)[1].replace(",", ""))
    assert rlkit("perception", "train", "--resume", tmp_path / "run", "--time-limit", 0.5) == 0
    assert f"resuming after {steps:,} of" in capsys.readouterr().out


def test_a_network_of_ones_own_is_trained_once_it_is_named(rlkit, pictures, tmp_path, monkeypatch, capsys):
    (tmp_path / "my_networks_for_a_test.py").write_text(
        "from torch import nn\n\n\nclass Plain(nn.Conv2d):\n"
        "    def __init__(self, classes):\n        super().__init__(3, classes, 3, padding=1)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name = "my_networks_for_a_test:Plain"
    command = ["perception", "train", "--data", pictures, "--steps", 3, "--run-dir", "run", "-q", *SMALL]
    assert rlkit(*command, "--network", name) == 0
    capsys.readouterr()
    assert rlkit("perception", "train", "--resume", "run") == 2
    assert name in capsys.readouterr().err
    assert rlkit("perception", "train", "--resume", "run", "--network", name) == 0
    assert "complete" in capsys.readouterr().out


def test_a_data_set_that_was_moved_is_named_again(rlkit, pictures, tmp_path, capsys):
    moved = tmp_path / "pictures"
    moved.symlink_to(pictures)
    run = tmp_path / "run"
    assert rlkit("perception", "train", "--data", moved, "--steps", 2, "--run-dir", run, "-q", *SMALL) == 0
    moved.unlink()
    assert rlkit("perception", "train", "--resume", run) == 2
    assert str(moved) in capsys.readouterr().err
    assert rlkit("perception", "train", "--resume", run, "--data", pictures) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--data", "env:CartPole-v1"], "camera"),
        (["--data", "env:rlkit/DrivingCamra-v0"], "rlkit/DrivingCamera-v0"),
        (["--network", "segnet-compct"], "Did you mean segnet-compact"),
        (["--network", "no_such_module:Net"], "no_such_module"),
        (["--set", "learning_rat=1"], "Did you mean learning_rate"),
        (["--set", "learning_rate"], "KEY=VALUE"),
        (["--batch-size", "0"], "batch_size"),
        (["--batch-size", "4", "--set", "batch_size=8"], "leave one out"),
        (["--steps", "0"], "--steps"),
        (["--steps", "2", "--epochs", "2"], "leave one out"),
        (["--size", "96"], "HEIGHTxWIDTH"),
        (["--size", "4x4"], "8 to 4096"),
        (["--seed", "-1"], "--seed"),
        (["--time-limit", "0"], "--time-limit"),
        (["--init", "pretrained:no-such"], "no-such"),
        (["--pretrained-vgg16", "no.safetensors", "--network", "segnet"], "no.safetensors"),
        (["--resume", "nowhere"], "nowhere"),
        (["--resume", "nowhere", "--seed", "5"], "leave it out"),
        (["--resume", "nowhere", "--learners", "2"], "leave it out"),
        (["--learners", "3"], "cannot be divided"),
        (["--learners", "0"], "at least 1"),
        (["--device", "tpu"], "tpu"),
    ],
)
def test_the_likeliest_mistakes_are_named_in_a_sentence(
    rlkit, arguments, sentence, pictures, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    given = arguments if {"--data", "--resume"} & set(arguments) else ["--data", str(pictures), *arguments]
    status = rlkit("perception", "train", *given)
    told = capsys.readouterr()
    assert status == 2
    # The parser wraps its sentences into a box.
    assert sentence.replace(" ", "") in re.sub(r"[\s│]", "", told.err + told.out)
    assert not (tmp_path / "runs").exists()


def test_the_recipe_is_listed(rlkit, capsys):
    assert rlkit("perception", "hyperparameters", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["learning_rate"]["meaning"]
    assert rows["class_weights"]["files"] == "median-frequency"
    assert rlkit("perception", "hyperparameters") == 0
    assert "learning_rate" in capsys.readouterr().out


def test_help_needs_neither_torch_nor_numba_nor_matplotlib():
    code = (
        "import sys\nfrom rlkit.cli import main\n"
        "try:\n    main(['perception', 'train', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'numba', 'matplotlib', 'pygame') if name in sys.modules])"
    )
    root = Path(__file__).parents[4]
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root).stdout
    assert output.splitlines()[-1] == "[]"
    assert "--pretrained-vgg16" in output

"""`--perception` as a stranger types it: what it does, and what is said where it cannot be."""

import json

import pytest

CAMERA = "rlkit/DrivingCamera-v0"
SMALL = ["--set", "batch_size=16", "hidden=16", "learning_starts=64", "--eval-freq", "0", "--num-envs", "4", "-q"]


@pytest.fixture(scope="module")
def run(rlkit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "driver"
    assert rlkit("train", CAMERA, "--perception", "truth", "--steps", 128, "--run-dir", folder, *SMALL) == 0
    return folder


def test_a_driver_by_perception_is_trained_and_measured(rlkit, run, tmp_path, capsys):
    config = json.loads((run / "config.json").read_text())
    assert config["environment"]["perception"]["what"] == "truth"
    assert config["evaluation"]["perception"] == config["environment"]["perception"]
    result = tmp_path / "result.json"
    assert rlkit("evaluate", run, "--episodes", 2, "--perception-kwargs", "noise=0.5", "--json", result) == 0
    assert "perception=truth" in capsys.readouterr().out
    assert len(json.loads(result.read_text())["episodes"]) == 2


def test_the_same_command_with_a_config_repeats_the_run(rlkit, run, tmp_path):
    assert rlkit("train", "--config", run / "config.json", "--run-dir", tmp_path / "again", "-q") == 0
    assert (tmp_path / "again/config.json").read_text() == (run / "config.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rlkit/Driving-v0", "--perception", "truth"), "has no ground-truth labels"),
        (("CartPole-v1", "--perception", "truth"), "CartPole-v1 has no ground-truth labels"),
        ((CAMERA, "--perception", "nowhere"), "neither a perception run nor a model at nowhere"),
        ((CAMERA, "--perception", "pretrained:nobody"), "No model called 'nobody'"),
        ((CAMERA, "--perception-kwargs", "noise=0.1"), "no effect without --perception"),
        ((CAMERA, "--perception", "truth", "--perception-kwargs", "nois=0.1"), "Did you mean noise"),
        ((CAMERA, "--perception", "truth", "--perception-kwargs", "noise=2"), "noise must be a number from 0 to 1"),
        ((CAMERA, "--perception", "truth", "--env-kwargs", "resize=24"), "do not go with --perception"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_and_leaves_no_folder(rlkit, arguments, said, tmp_path, capsys):
    assert rlkit("train", *arguments, "--run-dir", tmp_path / "run") in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_folder_is_no_pair_of_eyes(rlkit, run, capsys):
    assert rlkit("evaluate", run, "--perception", run) in (1, 2)
    assert "best/model.safetensors" in capsys.readouterr().err


def test_perception_is_taken_from_the_run_when_it_goes_on(rlkit, run, capsys):
    assert rlkit("train", "--resume", run, "--perception", "none") == 2
    assert "--perception from the run" in capsys.readouterr().err
    assert rlkit("train", "--resume", run, "--perception-kwargs", "noise=0.1") == 2
    assert "noise of perception from the run" in capsys.readouterr().err

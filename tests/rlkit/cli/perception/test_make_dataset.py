from pathlib import Path

import pytest

from rlkit.cli.perception.make_dataset import MakeDataset
from rlkit.errors import UserError
from rlkit.segmentation.datasets import open_dataset

SMALL = (("num_circuits=1", "camera_size=[16,32]", "circuit_length=[300,400]", "weather=rain"),)


def test_pictures_of_a_simulator_are_written_and_can_be_learnt_from(tmp_path, capsys):
    MakeDataset(tmp_path / "data", num_images=5, num_test_images=1, env_kwargs=SMALL).run()
    source = open_dataset(tmp_path / "data")
    assert source.training_pictures == 5
    assert source.size == (16, 32)
    assert "5 train" in capsys.readouterr().out


def test_a_folder_that_exists_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(UserError, match="exists already"):
        MakeDataset(tmp_path, num_images=5).run()
    with pytest.raises(UserError, match="at least 1"):
        MakeDataset(tmp_path / "x", num_images=0).run()


def test_how_an_environment_is_stepped_may_be_said_and_what_an_agent_is_shown_may_not(tmp_path, rlkit, capsys):
    road_camera = f"env:{Path(__file__).parents[2] / 'perception/road_camera.py'}:RoadCamera"
    command = (
        "perception",
        "make-dataset",
        tmp_path / "data",
        "--data",
        road_camera,
        "--num-images",
        3,
        "--num-test-images",
        2,
    )
    assert rlkit(*command, "--env-kwargs", "frame_skip=4") == 2
    assert "frame_skip has no effect" in capsys.readouterr().err
    assert rlkit(*command, "--env-kwargs", "workers=2", "step_timeout=30") == 0
    assert open_dataset(tmp_path / "data").training_pictures == 3

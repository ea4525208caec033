import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import LAYOUTS, is_simulator, open_dataset, read_dataset
from rlkit.segmentation.datasets.folder import FolderDataset
from rlkit.segmentation.datasets.simulator import SimulatorDataset

SMALL = {"num_circuits": 1, "camera_size": [16, 32]}


def test_sim_is_the_driving_simulator():
    source = open_dataset("sim", env_kwargs=SMALL)
    assert isinstance(source, SimulatorDataset)
    assert source.name == "rlkit/DrivingCamera-v0"
    assert source.training_pictures is None


def test_any_environment_is_named_after_env(road_camera):
    assert open_dataset(f"env:{road_camera}").size == (24, 32)


def test_a_folder_is_recognised_by_its_layout(make_camvid):
    source = open_dataset(make_camvid({("train", "a"): 5, ("val", "b"): 1}), size=(8, 12))
    assert isinstance(source, FolderDataset)
    assert source.size == (8, 12)
    assert source.training_pictures == 4


def test_simulators_are_recognised_by_name():
    assert [is_simulator(data) for data in ("sim", "env:x", "simulation", "/a/folder")] == [True, True, False, False]


def test_code_of_an_environment_is_imported_only_if_allowed(road_camera):
    with pytest.raises(UserError, match="not imported unless requested"):
        open_dataset(f"env:{road_camera}", allow_code=False)


def test_arguments_of_an_environment_do_not_fit_a_folder(make_camvid):
    with pytest.raises(UserError, match="--env-kwargs belong to a simulator"):
        open_dataset(make_camvid({("train", "a"): 2}), env_kwargs={"weather": "fog"})


@pytest.mark.parametrize("size", [(0, 10), (10, 5000)])
def test_an_impossible_size_is_refused(size):
    with pytest.raises(UserError, match="from 8 to 4096 pixels"):
        open_dataset("sim", size=size)


def test_an_argument_that_the_environment_does_not_take_is_named():
    with pytest.raises(UserError, match="whether"):
        open_dataset("sim", env_kwargs={"whether": "fog"})


def test_more_pictures_of_a_simulator_than_cars_can_drive_at_once_are_refused(road_camera):
    with pytest.raises(UserError, match="From 1 to 10,000 pictures can be measured, not 10001"):
        open_dataset(f"env:{road_camera}", pictures=10_001)


def test_a_batch_of_a_simulator_that_would_take_gigabytes_is_refused(road_camera):
    source = open_dataset(f"env:{road_camera}")
    with pytest.raises(UserError, match="A batch of 1,000,000,000 pictures"):
        next(source.training(10**9, np.random.default_rng(0)))


def test_a_folder_of_unknown_layout_is_refused_with_the_known_ones(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(UserError, match="holds no data set") as refused:
        read_dataset(tmp_path)
    assert all(layout.structure in str(refused.value) for layout in LAYOUTS)
    assert "holiday" in str(refused.value)


def test_an_empty_and_a_missing_folder_have_different_messages(tmp_path):
    with pytest.raises(UserError, match="it is empty"):
        read_dataset(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        read_dataset(tmp_path / "missing")

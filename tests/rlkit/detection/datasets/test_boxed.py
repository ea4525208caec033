import numpy as np
import pytest

from rlkit.detection.datasets import open_boxes
from rlkit.detection.datasets.boxed import BoxedDataset
from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.segmentation.datasets.simulator import SimulatorDataset
from rlkit.segmentation.datasets.writer import write_dataset

SMALL = {"num_circuits": 1, "camera_size": [48, 64], "circuit_length": [300.0, 400.0], "traffic": 20}


@pytest.fixture(scope="module")
def simulator():
    made = SimulatorDataset(EnvConfig("rlkit/DrivingTrafficCamera-v0", SMALL), selected=4, measured=4)
    yield made
    made.close()


def test_a_simulators_boxes_are_objects_with_distances(simulator):
    source = BoxedDataset(simulator)
    assert source.objects == ("car", "cone")
    assert source.has_distances
    assert source.classes == simulator.classes
    objects = [one for batch in source.selection() for one in batch.objects]
    assert [len(one) for one in objects] == [len(one) for batch in simulator.selection() for one in batch.boxes]
    cars = np.concatenate([one.boxes for one in objects])
    assert ((cars[:, 2:] > cars[:, :2]).all(), cars.max() <= 64) == (True, True)
    assert (np.concatenate([one.distances for one in objects]) > 0).all()


def test_a_batch_depends_on_the_generator_alone(simulator):
    source = BoxedDataset(simulator)
    one, other = (next(source.training(2, np.random.default_rng(3))) for _ in range(2))
    assert (one.images == other.images).all()
    assert all((a.boxes == b.boxes).all() for a, b in zip(one.objects, other.objects, strict=True))


def test_a_folder_that_make_dataset_wrote_has_boxes_and_masks(simulator, tmp_path):
    write_dataset(simulator, tmp_path / "data", 3)
    source = open_boxes(tmp_path / "data", size=(96, 128))
    assert (source.objects, source.classes, source.has_distances) == (("car", "cone"), simulator.classes, True)
    objects = [one for batch in source.selection() for one in batch.objects]
    originals = [one for batch in simulator.selection() for one in batch.boxes]
    for one, boxes in zip(objects, originals, strict=True):
        assert one.boxes == pytest.approx(2 * boxes.boxes, abs=1e-3)


def test_an_environment_without_boxes_is_refused():
    with pytest.raises(UserError, match=r"DrivingCamera-v0 have no boxes, .*DrivingTrafficCamera-v0"):
        open_boxes("env:rlkit/DrivingCamera-v0", env_kwargs={"num_circuits": 1, "circuit_length": [300.0, 400.0]})

import numpy as np
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.datasets.simulator import SimulatorDataset
from rlkit.segmentation.datasets.writer import check_target, write_dataset
from rlkit.spaces import Classes


@pytest.fixture
def simulator(road_camera):
    return SimulatorDataset(EnvConfig(road_camera), selected=3, measured=5)


def test_a_written_data_set_is_read_back_equal(simulator, tmp_path):
    counts = write_dataset(simulator, tmp_path / "data", 40, seed=3)
    assert counts == {"train": 40, "selection": 3, "test": 5}
    source = open_dataset(tmp_path / "data")
    assert source.classes == simulator.classes
    assert source.splits == ("test",)
    assert source.training_pictures == 40
    for split in ("selection", "test"):
        written, made = (
            list(source.measured(split)),
            list(simulator.selection() if split == "selection" else simulator.measured(split)),
        )
        for part in ("images", "labels"):
            expected = np.concatenate([getattr(batch, part) for batch in made])
            assert (np.concatenate([getattr(batch, part) for batch in written]) == expected).all()


def test_boxes_are_written_in_cocos_format_and_read_back(tmp_path):
    small = {"num_circuits": 1, "camera_size": [48, 64], "circuit_length": [300.0, 400.0], "traffic": 20}
    simulator = SimulatorDataset(EnvConfig("rlkit/DrivingTrafficCamera-v0", small), selected=4, measured=1)
    write_dataset(simulator, tmp_path / "data", 2)
    assert {path.name for path in (tmp_path / "data/boxes").iterdir()} >= {"train.json", "selection.json", "test.json"}
    source = open_dataset(tmp_path / "data", size=(24, 32))
    assert source.box_classes == ("car", "cone")
    made, read = ([one for batch in of.selection() for one in batch.boxes] for of in (simulator, source))
    assert sum(map(len, made)) > 0
    for one, other in zip(made, read, strict=True):
        assert np.array_equal(other.boxes, 0.5 * one.boxes)
        assert np.array_equal(other.labels, one.labels)
        for name, values in one.attributes.items():
            if len(one):
                assert other.attributes[name] == pytest.approx(values, abs=1e-3)
    simulator.close()


def test_the_same_seed_writes_the_same_pictures(simulator, tmp_path):
    for name in ("one", "other"):
        write_dataset(simulator, tmp_path / name, 5, seed=1)
    for path in (tmp_path / "one").rglob("*.png"):
        assert path.read_bytes() == (tmp_path / "other" / path.relative_to(tmp_path / "one")).read_bytes()


def test_conditions_are_kept(tmp_path):
    small = {"num_circuits": 1, "camera_size": [16, 32], "circuit_length": [300.0, 400.0], "weather": "dusk"}
    source = SimulatorDataset(EnvConfig("rlkit/DrivingCamera-v0", small), selected=1, measured=1)
    write_dataset(source, tmp_path / "data", 2)
    batch = next(open_dataset(tmp_path / "data").measured("held-out"))
    assert batch.conditions == ("dusk",)


def test_a_folder_that_exists_is_left_alone(simulator, tmp_path):
    with pytest.raises(UserError, match="exists already"):
        write_dataset(simulator, tmp_path, 2)


def test_nothing_is_left_behind_if_writing_fails(simulator, tmp_path):
    def stop(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(simulator, tmp_path / "data", 2, progress=stop)
    assert list(tmp_path.iterdir()) == []


class Planting:
    """Gives pictures, and puts something into the unfinished folder before the second batch of them."""

    name, classes, size, splits, training_pictures = "planting", Classes(("grass", "road"), ("road",)), (8, 8), (), None

    def __init__(self, parent, plant):
        self.parent, self.plant = parent, plant

    def training(self, batch_size, generator):
        for number in range(2):
            if number:
                (unfinished,) = self.parent.glob(".unfinished-*")
                self.plant(unfinished)
            images, labels = np.zeros((batch_size, 8, 8, 3), np.uint8), np.zeros((batch_size, 8, 8), np.uint8)
            yield LabelledImages(images, labels, ("",) * batch_size, ("rain",) * batch_size)

    def selection(self):
        return iter(())


@pytest.mark.parametrize(
    "link",
    ["images/train/train-000032.png", "masks/train/train-000063.png", "conditions.json", "images", "masks/train"],
)
def test_nothing_is_written_through_a_link_out_of_the_folder(link, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (outside / "train").mkdir()
    parent = tmp_path / "parent"
    parent.mkdir()

    def plant(folder):
        if (folder / link).is_dir():
            (folder / link).rename(folder / "away")
            (folder / link).symlink_to(outside)
        else:
            (folder / link).symlink_to(outside / "kept")

    with pytest.raises(UserError, match=r"File exists|symbolic link"):
        write_dataset(Planting(parent, plant), parent / "data", 64)
    assert (outside / "kept").read_text() == "kept"
    assert sorted(path.name for path in outside.rglob("*")) == ["kept", "train"]


def test_a_broken_link_is_refused_as_target(tmp_path):
    (tmp_path / "data").symlink_to("nowhere")
    with pytest.raises(UserError, match="exists already"):
        check_target(tmp_path / "data", 2)

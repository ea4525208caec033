import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.camvid import CLASSES
from rlkit.segmentation.datasets.io import read_labels


def test_road_is_class_3_and_drivable_and_11_is_void(make_camvid, save):
    dataset = read_dataset(make_camvid({("train", "a"): 1}))
    assert CLASSES.names[3] == "road"
    assert CLASSES.drivable == ("road",)
    assert len(CLASSES) == 11
    assert read_labels(save("x.png", [[3, 11, 0]]), dataset.decode).tolist() == [[3, 255, 0]]


def test_splits_are_those_that_are_there_in_order(make_camvid):
    dataset = read_dataset(make_camvid({("train", "a"): 2, ("test", "c"): 1}))
    assert list(dataset.splits) == ["train", "test"]
    assert dataset.kind == "CamVid"


def test_a_picture_without_labels_is_named(make_camvid, save, picture):
    folder = make_camvid({("train", "a"): 2})
    save("train/a_extra.png", picture())
    with pytest.raises(UserError, match=r"picture .*a_extra\.png has no labels"):
        read_dataset(folder)


def test_labels_without_a_picture_are_named(make_camvid, save):
    folder = make_camvid({("train", "a"): 2})
    save("trainannot/a_extra.png", np.zeros((4, 4)))
    with pytest.raises(UserError, match=r"label file .*a_extra\.png has no picture"):
        read_dataset(folder)


def test_an_empty_folder_is_named(make_camvid):
    folder = make_camvid({("train", "a"): 1})
    (folder / "val").mkdir()
    (folder / "valannot").mkdir()
    with pytest.raises(UserError, match=r"val holds no pictures"):
        read_dataset(folder)


def test_a_split_without_its_labels_is_named(make_camvid):
    folder = make_camvid({("train", "a"): 1})
    (folder / "test").mkdir()
    with pytest.raises(UserError, match=r"testannot is missing"):
        read_dataset(folder)


def test_the_real_data_set_has_367_and_101_pictures_of_three_sequences(camvid):
    dataset = read_dataset(camvid)
    assert {split: len(files) for split, files in dataset.splits.items()}.items() >= {"train": 367, "val": 101}.items()
    assert {files.condition for files in dataset.splits["train"]} == {"0001TP", "0006R0", "0016E5"}
    assert {files.condition for files in dataset.splits["val"]} == {"0016E5"}


def test_the_area_ahead_of_the_car_in_the_real_data_set_is_road(camvid):
    dataset = read_dataset(camvid)
    labels = [read_labels(files.labels, dataset.decode) for files in dataset.splits["val"][::20]]
    assert np.mean([(one[300:340, 200:280] == 3).mean() for one in labels]) > 0.9

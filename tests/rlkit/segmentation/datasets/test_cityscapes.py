import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.io import read_labels

PICTURE = "leftImg8bit/{0}/{1}/{1}_000000_0000{2}_leftImg8bit.png"
LABELS = "gtFine/{0}/{1}/{1}_000000_0000{2}_gtFine_{3}.png"


@pytest.fixture
def cityscapes(save, picture, tmp_path):
    for split, city, number in (("train", "aachen", 10), ("train", "bremen", 11), ("val", "munster", 12)):
        save(PICTURE.format(split, city, number), picture())
        save(LABELS.format(split, city, number, "labelIds"), np.full((12, 16), 7))
        save(LABELS.format(split, city, number, "instanceIds"), np.full((12, 16), 7))
        save(LABELS.format(split, city, number, "color"), picture())
    return tmp_path


def test_each_city_is_a_condition_and_only_label_ids_are_read(cityscapes):
    dataset = read_dataset(cityscapes)
    assert [one.condition for one in dataset.splits["train"]] == ["aachen", "bremen"]
    assert [one.labels.name for one in dataset.splits["val"]] == ["munster_000000_000012_gtFine_labelIds.png"]


def test_there_are_19_classes_of_which_road_is_drivable(cityscapes):
    dataset = read_dataset(cityscapes)
    assert len(dataset.classes) == 19
    assert dataset.classes.names[:3] == ("road", "sidewalk", "building")
    assert dataset.classes.drivable == ("road",)


def test_ids_are_mapped_to_classes_and_others_ignored(cityscapes, save):
    # road, sidewalk, ground, parking, unlabelled, bicycle, the licence plate of files made otherwise
    path = save("x.png", [[7, 8, 6, 9, 0, 33, 34, 255]])
    assert read_labels(path, read_dataset(cityscapes).decode).tolist() == [[0, 1, 255, 255, 255, 18, 255, 255]]


def test_a_picture_without_labels_and_a_missing_city_are_named(cityscapes, save, picture):
    save(PICTURE.format("train", "aachen", 99), picture())
    with pytest.raises(UserError, match=r"aachen_000000_000099_leftImg8bit\.png has no labels"):
        read_dataset(cityscapes)
    save(PICTURE.format("train", "aaa", 99), picture())
    with pytest.raises(UserError, match=r"aaa is missing"):
        read_dataset(cityscapes)


def test_train_ids_are_read_where_there_are_no_label_ids(tmp_path, save, picture):
    save(PICTURE.format("train", "aachen", 10), picture())
    save(LABELS.format("train", "aachen", 10, "labelTrainIds"), np.repeat([[10], [0], [255]], 4, axis=0).repeat(16, 1))
    dataset = read_dataset(tmp_path)
    labels = read_labels(dataset.splits["train"][0].labels, dataset.decode)
    assert labels[:, 0].tolist() == [10] * 4 + [0] * 4 + [255] * 4


def test_the_sample_of_train_ids_is_read(cases):
    dataset = read_dataset(cases / "city_trainids_only")
    assert {split: len(files) for split, files in dataset.splits.items()} == {"train": 8, "val": 8}


@pytest.mark.parametrize(
    ("name", "numbers", "sentence"),
    [
        ("labelIds", (10, 7, 0, 0), r"labelTrainIds, in which road is 0 instead of 7"),  # 7 is a traffic sign
        ("labelTrainIds", (11, 0, 7, 7), r"labelIds, in which road is 7 instead of 0"),
    ],
)
def test_numbers_of_the_other_kind_of_file_are_refused(tmp_path, save, picture, name, numbers, sentence):
    save(PICTURE.format("train", "aachen", 10), picture())
    save(LABELS.format("train", "aachen", 10, name), np.repeat(numbers, 3)[:, None].repeat(16, 1))
    with pytest.raises(UserError, match=sentence):
        read_dataset(tmp_path)

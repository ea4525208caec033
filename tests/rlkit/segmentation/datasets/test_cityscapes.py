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

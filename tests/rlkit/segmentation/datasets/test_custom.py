import json
import os

import numpy as np
import pytest

from rlkit.boxes import Boxes
from rlkit.errors import UserError
from rlkit.segmentation.datasets import open_dataset, read_dataset
from rlkit.segmentation.datasets.coco import CocoImage, coco_tree

CLASSES = {"names": ["grass", "road"], "drivable": ["road"]}


@pytest.fixture
def own(save, picture, tmp_path):
    def make(splits=("",), classes=CLASSES):
        for split in splits:
            for number in range(3):
                save(f"images/{split}/{split}{number}.jpg", picture())
                save(f"masks/{split}/{split}{number}.png", np.full((12, 16), number % 2))
        (tmp_path / "classes.json").write_text(json.dumps(classes))
        return tmp_path

    return make


def test_images_without_splits_are_training_images(own):
    dataset = read_dataset(own())
    assert dataset.classes.names == ("grass", "road")
    assert {split: len(files) for split, files in dataset.splits.items()} == {"train": 3}


def test_subfolders_are_splits_and_selection_is_for_validation(own):
    dataset = read_dataset(own(("rain", "selection", "train")))
    assert list(dataset.splits) == ["train", "rain"]
    assert len(dataset.selection) == 3


def test_conditions_are_read_by_the_names_of_pictures(own):
    folder = own()
    (folder / "conditions.json").write_text(json.dumps({"1": "fog"}))
    assert [one.condition for one in read_dataset(folder).splits["train"]] == ["", "fog", ""]


@pytest.fixture
def boxed(own):
    """A folder with boxes, of which the content can be changed."""

    def make(splits=("train",), size=(12, 16), **changes):
        folder = own(splits)
        (folder / "boxes").mkdir()
        for split in splits:
            names = changes.get("names", [f"{split}{number}.jpg" for number in range(3)])
            boxes = Boxes(np.array([[1, 2, 5, 6]], np.float32), np.array([0]))
            tree = coco_tree(("car",), {name: CocoImage(size, boxes) for name in names})
            (folder / f"boxes/{split}.json").write_text(json.dumps(tree))
        return folder

    return make


def test_boxes_belong_to_the_pictures_of_their_split(boxed):
    dataset = read_dataset(boxed(("train", "test")))
    assert dataset.box_classes == ("car",)
    assert len(dataset.boxes) == 6


def test_each_picture_of_a_batch_has_its_boxes_at_the_size_of_the_batch(boxed):
    source = open_dataset(boxed(("train", "test")), size=(24, 32))
    assert [boxes.boxes.tolist() for boxes in next(source.measured("test")).boxes] == [[[2, 4, 10, 12]]] * 3


def test_boxes_that_do_not_fit_their_pictures_are_refused(boxed):
    with pytest.raises(UserError, match=r"train0\.jpg is 16×12 pixels, but its boxes are for 32×24"):
        open_dataset(boxed(size=(24, 32)))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["train0.jpg"], "is not in this file"),
        ([f"train{n}.jpg" for n in range(4)], r"train3\.jpg is missing in images"),
    ],
)
def test_boxes_of_other_pictures_are_refused(boxed, names, said):
    with pytest.raises(UserError, match=said):
        read_dataset(boxed(names=names))


def test_a_file_of_boxes_without_its_split_or_a_split_without_its_file_is_refused(boxed):
    folder = boxed()
    (folder / "boxes/train.json").rename(folder / "boxes/rain.json")
    with pytest.raises(UserError, match=r"rain\.json belongs to none of the splits train"):
        read_dataset(folder)
    (folder / "boxes/rain.json").unlink()
    with pytest.raises(UserError, match=r"boxes/train\.json is missing"):
        read_dataset(folder)


@pytest.mark.parametrize("part", ["images", "masks", "classes.json"])
def test_the_part_that_is_missing_is_named(own, part):
    folder = own()
    (folder / part).rename(folder / "away")
    with pytest.raises(UserError, match=rf"{part} is missing"):
        read_dataset(folder)


@pytest.mark.parametrize("classes", [[], {"names": ["road"], "drivable": ["road"]}, {"names": ["a", "b"]}])
def test_classes_of_another_form_are_refused_with_the_name_of_the_file(own, classes):
    with pytest.raises(UserError, match=r"classes\.json"):
        read_dataset(own(classes=classes))


def test_a_picture_without_a_mask_is_named(own, save, picture):
    folder = own()
    save("images/more.jpg", picture())
    with pytest.raises(UserError, match=r"more\.jpg has no labels"):
        read_dataset(folder)


def test_two_pictures_of_one_name_are_refused(own, save, picture):
    folder = own()
    save("images/0.png", picture())
    with pytest.raises(UserError, match="have the same name"):
        read_dataset(folder)


@pytest.mark.parametrize("name", ["classes.json", "conditions.json"])
def test_a_pipe_is_refused_at_once(name, own, soon):
    folder = own()
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with soon(), pytest.raises(UserError, match=rf"{name} is not a regular file"):
        read_dataset(folder)


def test_a_broken_link_to_conditions_is_refused(own):
    folder = own()
    (folder / "conditions.json").symlink_to("nowhere")
    with pytest.raises(UserError, match=r"conditions\.json is missing"):
        read_dataset(folder)


@pytest.mark.parametrize("name", ["classes.json", "conditions.json"])
def test_a_text_file_that_is_far_too_large_is_refused_unread(name, own):
    folder = own()
    with (folder / name).open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(UserError, match=rf"{name} has .* MiB: expected at most"):
        read_dataset(folder)


@pytest.mark.parametrize("condition", ["x" * 101, "rain\n", "\ud800"])
def test_a_condition_with_unprintable_or_too_many_characters_is_refused(condition, own):
    folder = own()
    (folder / "conditions.json").write_text(json.dumps({"1": condition}))
    with pytest.raises(UserError, match=r"conditions\.json holds .* 100 printable characters"):
        read_dataset(folder)

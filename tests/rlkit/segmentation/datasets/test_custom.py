import json
import os

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset

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

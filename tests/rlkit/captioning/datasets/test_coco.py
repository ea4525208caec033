"""A folder of captions in COCO's layout, and what is wrong with one."""

import json
import shutil

import pytest

from rlkit.captioning.datasets import open_captions
from rlkit.errors import UserError

TRAINING = "annotations/captions_train2017.json"


@pytest.fixture
def folder(coco, tmp_path):
    return shutil.copytree(coco, tmp_path / "coco")


def changed(folder, change):
    """Change the file of the training captions."""
    tree = json.loads((folder / TRAINING).read_text())
    change(tree)
    (folder / TRAINING).write_text(json.dumps(tree, indent=1))


def test_pictures_have_their_captions(coco):
    source = open_captions(coco, held_out=0)
    assert (source.training_pictures, source.splits) == (8, ("val",))
    batch = next(source.measured("val"))
    assert batch.images.shape == (4, 1, 32, 64, 3)
    assert [len(captions) for captions in batch.captions] == [2, 2, 2, 2]


def test_the_only_split_is_for_training(folder):
    (folder / TRAINING).unlink()
    assert open_captions(folder, held_out=0).training_pictures == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree["images"][1].update(file_name="9.png"), r"line \d+: the picture .*9.png is missing"),
        (lambda tree: tree["images"][1].update(file_name=""), r"line \d+: 'file_name' must be the name"),
        (lambda tree: tree["images"][1].update(condition=3), r"line \d+: 'condition' must be a short text"),
        (lambda tree: tree["annotations"].__delitem__(slice(2)), r"line \d+: the image 0.png has no caption"),
        (lambda tree: tree["annotations"][0].update(image_id=99), r"line \d+: the caption is for the image 99"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_line(folder, change, message):
    changed(folder, change)
    with pytest.raises(UserError, match=rf"captions_train2017.json, {message}"):
        open_captions(folder)

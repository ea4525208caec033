import json
import os

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.io import read_labels

ROAD_OF_2021, ROAD_OF_2018 = (0, 2), (1, 0)  # numbers of the own lane and of the background
MASKS, MAPS = "labels/drivable/masks/{split}/{name}.png", "drivable_maps/labels/{split}/{name}_drivable_id.png"


@pytest.fixture
def bdd(save, picture, tmp_path):
    def make(where, numbers, splits=("train", "val")):
        direct, background = numbers
        for split in splits:
            for name in ("0000f77c-6257be58", "00054602-3bf57337"):
                labels = np.full((20, 30), background)
                labels[10:18, 8:22] = direct
                save(f"images/100k/{split}/{name}.jpg", picture(size=(20, 30)))
                save(where.format(split=split, name=name), labels)
        return tmp_path

    return make


@pytest.mark.parametrize(("where", "numbers", "year"), [(MASKS, ROAD_OF_2021, "2021"), (MAPS, ROAD_OF_2018, "2018")])
def test_both_releases_are_recognised_and_decoded_equally(bdd, where, numbers, year):
    dataset = read_dataset(bdd(where, numbers))
    labels = read_labels(dataset.splits["train"][0].labels, dataset.decode)
    assert dataset.kind == f"BDD100K ({year})"
    assert dataset.classes.names == ("background", "direct", "alternative")
    assert dataset.classes.names[labels[14, 15]] == "direct"
    assert dataset.classes.names[labels[0, 0]] == "background"
    assert [len(dataset.splits[split]) for split in ("train", "val")] == [2, 2]


def test_the_alternative_lane_is_a_class_of_its_own_in_both(save, bdd):
    new = read_dataset(bdd(MASKS, ROAD_OF_2021)).decode
    assert read_labels(save("x.png", [[0, 1, 2, 255]]), new).tolist() == [[1, 2, 0, 255]]


@pytest.mark.parametrize(("where", "numbers"), [(MASKS, ROAD_OF_2018), (MAPS, ROAD_OF_2021)])
def test_numbers_of_the_other_release_are_refused(bdd, where, numbers):
    with pytest.raises(UserError, match="the road would be background"):
        read_dataset(bdd(where, numbers))


def test_weather_is_read_where_the_boxes_are_there(bdd, tmp_path):
    folder = bdd(MASKS, ROAD_OF_2021)
    frames = [{"name": "0000f77c-6257be58.jpg", "attributes": {"weather": "rainy"}}]
    (folder / "labels/det_20").mkdir()
    (folder / "labels/det_20/det_val.json").write_text(json.dumps(frames))
    assert [one.condition for one in read_dataset(folder).splits["val"]] == ["rainy", ""]


def test_missing_pictures_are_named(bdd, save):
    folder = bdd(MASKS, ROAD_OF_2021)
    save("labels/drivable/masks/val/lonely.png", np.full((20, 30), 2))
    with pytest.raises(UserError, match=r"lonely\.png has no picture"):
        read_dataset(folder)


@pytest.fixture
def boxes(bdd):
    folder = bdd(MASKS, ROAD_OF_2021)
    (folder / "labels/det_20").mkdir()
    return folder / "labels/det_20/det_val.json"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[",
        "[1]",
        '[{"name": "0000f77c-6257be58.jpg"}]',
        '[{"name": "0000f77c-6257be58.jpg", "attributes": {"weather": "rainy"}}',
        '[{"name": "0000f77c-6257be58.jpg", "attributes": {"weather": 5}}]',
        '[{"name": "0000f77c-6257be58.jpg", "attributes": {"weather": "%s"}}]' % ("x" * 101),
        "[" * 10**5,
        "[" + json.dumps({"name": "x" * 2**20}) + "]",
        "[" + "[]," * 2**20,
    ],
)
def test_boxes_of_another_form_are_refused_in_a_short_sentence(text, boxes):
    boxes.write_text(text)
    with pytest.raises(UserError, match=r"det_val\.json cannot be read as BDD100K's list of boxes") as error:
        read_dataset(boxes.parents[2])
    assert len(str(error.value)) < 600


def test_boxes_that_are_far_too_many_are_refused_unread(boxes):
    with boxes.open("wb") as file:
        file.truncate(10**10)
    with pytest.raises(UserError, match=r"det_val\.json .* at most 256 MiB are read"):
        read_dataset(boxes.parents[2])


def test_a_pipe_of_boxes_is_refused_at_once(boxes, soon):
    os.mkfifo(boxes)
    with soon(), pytest.raises(UserError, match=r"det_val\.json is not a regular file"):
        read_dataset(boxes.parents[2])

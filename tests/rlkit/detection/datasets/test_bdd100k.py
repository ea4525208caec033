import json

import numpy as np
import pytest

from rlkit.detection.datasets import open_boxes
from rlkit.errors import UserError


def frame(name, *labels, weather="rainy"):
    made = [
        {
            "category": category,
            "attributes": {"crowd": crowd},
            "box2d": dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)),
        }
        for category, box, crowd in labels
    ]
    return {"name": name, "attributes": {"weather": weather}, "labels": made}


@pytest.fixture
def make(save, tmp_path):
    def make(*frames, file="labels/det_20/det_train.json", split="train"):
        for n in range(2):
            save(f"images/100k/{split}/{n}.jpg")
        save(file, "[" + ",\n".join(json.dumps(one) for one in frames) + "]")
        return tmp_path

    return make


CAR = ("car", (5, 6, 20, 16), False)


def test_boxes_crowds_and_weather_are_read(make):
    folder = make(
        frame("0.jpg", CAR, ("other vehicle", (1, 1, 9, 9), False), ("rider", (2, 2, 8, 8), True)), frame("1.jpg")
    )
    source = open_boxes(folder, held_out=0)
    batch = next(source.measured("train"))
    one, nothing = batch.objects
    assert one.boxes[0].tolist() == [5, 6, 20, 16]
    assert source.objects[one.labels[0]] == "car"
    assert one.ignored.tolist() == [False, True, True]
    assert len(nothing) == 0
    assert batch.conditions == ("rainy", "rainy")
    assert not source.has_distances


def test_the_release_of_2018_has_other_names_and_lanes_beside_boxes(make):
    made = frame("0.jpg", ("bike", (5, 6, 20, 16), False))
    made["labels"].append({"category": "lane", "poly2d": [[0, 0]]})
    folder = make(made, file="labels/bdd100k_labels_images_train.json")
    source = open_boxes(folder, held_out=0)
    assert source.objects[next(source.measured("train")).objects[0].labels[0]] == "bicycle"


def test_with_masks_of_the_drivable_area_both_heads_learn(make, save):
    folder = make(frame("0.jpg", CAR), frame("1.jpg", CAR))
    save("labels/drivable/masks/train/0.png", np.full((40, 60), 1))
    source = open_boxes(folder, held_out=0)
    assert source.classes.names == ("background", "direct", "alternative")
    assert (next(source.measured("train")).labels[0] == 2).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (frame("1.jpg", ("ufo", (1, 1, 2, 2), False)), "the category 'ufo' is unknown; known: pedestrian"),
        (frame("1.jpg", ("car", (5, 6, 5, 16), False)), "has no area"),
        (frame("1.jpg", ("car", (5, 6, 99, 16), False)), "lies outside of its picture"),
        (frame("9.jpg", CAR), r"the picture .*9\.jpg is missing"),
        ({"labels": []}, "the picture's entry lacks 'name'"),
        (3, "no entry of BDD100K's boxes"),
    ],
)
def test_a_wrong_entry_is_named_with_file_and_line(wrong, message, make):
    with pytest.raises(UserError, match=rf"det_train\.json, line 2: .*{message}"):
        open_boxes(make(frame("0.jpg", CAR), wrong))

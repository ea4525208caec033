import json
import math

import numpy as np
import pytest

from rlkit.detection.datasets import open_boxes
from rlkit.errors import UserError
from rlkit.spaces import IGNORED


def annotation(image=1, category=7, bbox=(5, 10, 20, 8), **more):
    return {"id": 1, "image_id": image, "category_id": category, "bbox": list(bbox), **more}


def text(annotations, **image):
    """A file whose annotations begin in line 3, one in each line."""
    images = json.dumps([{"id": n, "file_name": f"{n}.png", **image} for n in (1, 2, 3)])
    lines = ",\n".join(json.dumps(one) for one in annotations)
    return f'{{"images": {images},\n"annotations": [\n{lines}\n],\n"categories": [{CATEGORIES}]}}'


CATEGORIES = '{"id": 7, "name": "car"}, {"id": 9, "name": "cone"}'


@pytest.fixture
def make(save, tmp_path):
    def make(annotations, where="annotations/instances_train2017.json", home="train2017", **image):
        for n in (1, 2, 3):
            save(f"{home}/{n}.png", n)
        save(where, text(annotations, **image))
        return tmp_path

    return make


def first(source):
    return next(source.measured("train"))


def test_boxes_kinds_crowds_and_distances_are_read(make):
    folder = make(
        [annotation(distance=12.5), annotation(category=9, iscrowd=1), annotation(image=3, bbox=(0, 0, 60, 40))]
    )
    source = open_boxes(folder, held_out=0)
    assert source.objects == ("car", "cone")
    assert (source.size, source.classes, source.has_distances, source.training_pictures) == ((40, 60), None, True, 3)
    batch = first(source)
    one, none, whole = batch.objects
    assert one.boxes.tolist() == [[5, 10, 25, 18]] * 2
    assert one.labels.tolist() == [0, 1]
    assert one.ignored.tolist() == [False, True]
    assert one.distances[0] == 12.5
    assert math.isnan(one.distances[1])
    assert len(none) == 0
    assert whole.boxes.tolist() == [[0, 0, 60, 40]]
    assert batch.images[:, 0, 0, 0].tolist() == [1, 2, 3]
    assert (batch.labels == IGNORED).all()


@pytest.mark.parametrize(
    ("where", "home"),
    [
        ("annotations/train.json", "images/train"),
        ("annotations/instances_train2017.json", "images/train2017"),
        ("annotations/boxes.json", "images"),
        ("train/_annotations.coco.json", "train"),
    ],
)
def test_usual_places_of_files_are_known(where, home, make):
    assert open_boxes(make([annotation()], where, home), held_out=0).training_pictures == 3


def test_pictures_are_resized_with_their_boxes(make):
    batch = first(open_boxes(make([annotation()]), size=(80, 60), held_out=0))
    assert batch.images.shape == (3, 80, 60, 3)
    assert batch.objects[0].boxes.tolist() == [[5, 20, 25, 36]]


def test_masks_are_for_the_second_head_and_may_be_missing_of_some_pictures(make, save):
    folder = make([annotation()], "annotations/train.json", "images/train")
    save("classes.json", '{"names": ["grass", "road"], "drivable": ["road"]}')
    save("masks/train/2.png", np.ones((40, 60)))
    source = open_boxes(folder, held_out=0)
    assert source.classes.names == ("grass", "road")
    assert [set(np.unique(labels).tolist()) for labels in first(source).labels] == [{IGNORED}, {1}, {IGNORED}]
    assert any("1 of 3 pictures have masks" in note for note in source.notes)


def test_a_box_beyond_the_edge_by_rounding_is_clipped(make):
    batch = first(open_boxes(make([annotation(bbox=(-0.5, 30, 60.9, 10.8))]), held_out=0))
    assert batch.objects[0].boxes.tolist() == [[0, 30, 60, 40]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (annotation(bbox=(50, 10, 20, 8)), r"the box \(50, 10, 70, 18\) lies outside of its picture, which is 60×40"),
        (annotation(bbox=(5, 10, 0, 8)), r"the box \(5, 10, 5, 18\) has no area"),
        (annotation(bbox=(5, 10, 4, -8)), "has no area"),
        (annotation(bbox=(5, 10, 4)), "'bbox' must be four numbers"),
        (annotation(bbox=(5, 10, math.nan, 8)), "'bbox' must be four numbers"),
        (annotation(category=8), r"the category 8 is unknown; known: 7 \(car\), 9 \(cone\)"),
        (annotation(image=5), "for the image 5, which is not in 'images'"),
        (annotation(distance=-3), "'distance' must be a number of metres above 0"),
        ({"id": 3}, "the entry of 'annotations' lacks 'image_id'"),
        (7, "expected an object"),
    ],
)
def test_a_wrong_annotation_is_named_with_file_and_line(wrong, message, make):
    with pytest.raises(UserError, match=rf"instances_train2017\.json, line 4: .*{message}"):
        open_boxes(make([annotation(), wrong]))


def test_a_missing_picture_and_one_of_another_size_are_named(make):
    with pytest.raises(UserError, match=r"line 1: .*1\.png is 60×40 pixels .*, not 80×40 as the file says"):
        open_boxes(make([annotation()], width=80, height=40))
    folder = make([annotation()])
    (folder / "train2017/3.png").unlink()
    with pytest.raises(UserError, match=r"line 1: the picture .*3\.png is missing"):
        open_boxes(folder)


def test_a_picture_outside_of_the_folder_is_refused(make):
    with pytest.raises(UserError, match="within that folder"):
        open_boxes(make([annotation()], file_name="../1.png"))


def test_nothing_to_find_and_no_known_layout_are_refused(make, tmp_path):
    with pytest.raises(UserError, match="no object that is not ignored"):
        open_boxes(make([annotation(iscrowd=1)]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no boxes in a known layout: it is empty\. Known layouts:"):
        open_boxes(tmp_path / "empty")
    with pytest.raises(UserError, match="There is no folder"):
        open_boxes(tmp_path / "nothing")

import copy
import json

import numpy as np
import pytest

from rlkit.boxes import Boxes
from rlkit.errors import UserError
from rlkit.segmentation.datasets.coco import CocoImage, coco_tree, read_coco

TREE = {
    "images": [{"id": 7, "file_name": "a.png", "height": 24, "width": 32}],
    "annotations": [{"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 5, 6], "iscrowd": 0}],
    "categories": [{"id": 9, "name": "cone"}, {"id": 3, "name": "car"}],
}


def write(tmp_path, tree):
    path = tmp_path / "train.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def changed(**values):
    tree = copy.deepcopy(TREE)
    tree["annotations"][0] |= values
    return tree


def test_what_is_written_is_read_back(tmp_path):
    boxes = Boxes(
        np.array([[1, 2, 5.5, 9], [0, 0, 32, 24]], np.float32),
        np.array([1, 0]),
        {"distance": np.array([12.25, 3.5], np.float32)},
    )
    none = Boxes(np.empty((0, 4), np.float32), np.empty(0, np.int64))
    images = {"a.png": CocoImage((24, 32), boxes), "b.png": CocoImage((24, 32), none)}
    file = read_coco(write(tmp_path, coco_tree(("car", "cone"), images)))
    assert file.classes == ("car", "cone")
    assert list(file.images) == ["a.png", "b.png"]
    read = file.images["a.png"].boxes
    assert np.array_equal(read.boxes, boxes.boxes)
    assert np.array_equal(read.labels, boxes.labels)
    assert np.array_equal(read.attributes["distance"], boxes.attributes["distance"])
    assert len(file.images["b.png"].boxes) == 0
    assert file.images["b.png"].size == (24, 32)


def test_classes_are_numbered_in_the_order_of_ids_and_crowds_left_out(tmp_path):
    tree = copy.deepcopy(TREE)
    tree["annotations"].append({"image_id": 7, "category_id": 9, "bbox": [0, 0, 2, 2], "iscrowd": 1})
    file = read_coco(write(tmp_path, tree))
    assert file.classes == ("car", "cone")
    assert file.images["a.png"].boxes.labels.tolist() == [0]
    assert file.images["a.png"].boxes.boxes.tolist() == [[1, 2, 6, 8]]


def test_a_box_beyond_the_edge_by_rounding_is_cut(tmp_path):
    file = read_coco(write(tmp_path, changed(bbox=[-0.4, 2, 5, 22.6])))
    assert file.images["a.png"].boxes.boxes[0] == pytest.approx([0.0, 2.0, 4.6, 24.0])


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (changed(bbox=[1, 2, 0, 6]), r"annotation 1 \(picture a.png\) has the bbox"),
        (changed(bbox=[30, 2, 5, 6]), "within the picture of 32×24 pixels"),
        (changed(bbox=[float("nan"), 2, 5, 6]), "has the bbox"),
        (changed(bbox=[1, 2, 5]), "x, y, width, height"),
        (changed(bbox=None), "x, y, width, height"),
        (changed(category_id=4), "annotation 1 .* category_id 4, which no category has"),
        (changed(category_id=[3]), "which no category has"),
        (changed(image_id=8), "annotation 1 has the image_id 8"),
        (TREE | {"annotations": [1]}, "annotation 1 is 1"),
        (TREE | {"categories": []}, "expected categories"),
        ({"images": []}, "it has no 'categories'"),
        (TREE | {"images": [*TREE["images"], TREE["images"][0] | {"id": 8}]}, "same file_name"),
        ([], "cannot be read as COCO's boxes"),
        ("{", "cannot be read as COCO's boxes"),
    ],
)
def test_bad_files_are_a_sentence_with_their_name(tmp_path, tree, said):
    path = write(tmp_path, tree)
    with pytest.raises(UserError, match=said) as caught:
        read_coco(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"train\.json is missing"):
        read_coco(tmp_path / "train.json")

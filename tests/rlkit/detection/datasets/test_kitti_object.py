import math

import pytest

from rlkit.detection.datasets import open_boxes
from rlkit.errors import UserError

CAR = "Car 0.00 0 1.5 10.0 12.0 30.0 24.0 1.5 1.6 3.9 3.0 1.6 4.0 1.2"
DONTCARE = "DontCare -1 -1 -10 40 2 58 9 -1 -1 -1 -1000 -1000 -1000 -10"


@pytest.fixture
def make(save, tmp_path):
    def make(*labels):
        for number, label in enumerate(labels):
            save(f"training/image_2/{number:06}.png")
            save(f"training/label_2/{number:06}.txt", label)
        return tmp_path

    return make


def test_boxes_distances_and_ignored_areas_are_read(make):
    source = open_boxes(make(f"{CAR}\n{DONTCARE}\n{CAR.replace('Car', 'Person_sitting')}\n", ""), held_out=0)
    objects, nothing = next(source.measured("train")).objects
    assert objects.boxes[:2].tolist() == [[10, 12, 30, 24], [40, 2, 58, 9]]
    assert [source.objects[k] for k in objects.labels[[0, 2]]] == ["car", "person sitting"]
    assert objects.ignored.tolist() == [False, True, False]
    assert objects.distances[0] == pytest.approx(math.hypot(3, 4))
    assert len(nothing) == 0
    assert source.has_distances


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (CAR.replace("Car", "Spaceship"), "the type 'Spaceship' is unknown; known: car, van"),
        ("Car 0 0", "it has 3 columns; expected KITTI's 15"),
        (CAR.replace("12.0", "x"), "expected numbers"),
        (CAR.replace("30.0", "9.0"), "has no area"),
        (CAR.replace("30.0", "90.0"), r"\(10, 12, 90, 24\) lies outside of its picture"),
    ],
)
def test_a_wrong_label_is_named_with_file_and_line(line, message, make):
    with pytest.raises(UserError, match=rf"000001\.txt, line 2: .*{message}"):
        open_boxes(make(CAR, f"{CAR}\n{line}"))


@pytest.mark.parametrize("part", ["image_2/000001.png", "label_2/000001.txt"])
def test_a_missing_file_is_named(part, make):
    folder = make(CAR, CAR)
    (folder / "training" / part).unlink()
    with pytest.raises(UserError, match=r"000001\..* missing"):
        open_boxes(folder)

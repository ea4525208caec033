import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets import read_dataset
from rlkit.segmentation.datasets.io import read_labels

MAGENTA, RED, BLACK, GREEN = (255, 0, 255), (255, 0, 0), (0, 0, 0), (0, 255, 0)


@pytest.fixture
def kitti(save, picture, tmp_path):
    for name in ("um_000000", "umm_000003", "uu_000001"):
        kind, number = name.split("_")
        save(f"training/image_2/{name}.png", picture())
        save(f"training/gt_image_2/{kind}_road_{number}.png", np.full((12, 16, 3), RED))
    save("training/gt_image_2/um_lane_000000.png", np.full((12, 16, 3), RED))
    return tmp_path


def test_pictures_are_matched_with_the_truth_of_the_road_not_of_the_lane(kitti):
    files = read_dataset(kitti).splits["train"]
    assert [one.name for one in files] == ["um_000000", "umm_000003", "uu_000001"]
    assert [one.labels.name for one in files] == ["um_road_000000.png", "umm_road_000003.png", "uu_road_000001.png"]
    assert [one.condition for one in files] == ["um", "umm", "uu"]


def test_the_folder_training_itself_may_be_named(kitti):
    assert len(read_dataset(kitti / "training").splits["train"]) == 3


def test_magenta_is_road_red_is_background_and_black_is_ignored(kitti, save):
    path = save("colours.png", [[MAGENTA, RED, BLACK]])
    assert read_labels(path, read_dataset(kitti).decode).tolist() == [[1, 0, 255]]


def test_other_colours_and_grey_pictures_are_refused(kitti, save):
    decode = read_dataset(kitti).decode
    with pytest.raises(UserError, match=r"odd\.png has other colours"):
        read_labels(save("odd.png", [[MAGENTA, GREEN]]), decode)
    with pytest.raises(UserError, match=r"grey\.png is not in colour"):
        read_labels(save("grey.png", [[0, 1]]), decode)


def test_a_picture_without_truth_is_named(kitti, save, picture):
    save("training/image_2/um_000009.png", picture())
    with pytest.raises(UserError, match=r"um_000009\.png has no labels"):
        read_dataset(kitti)

import numpy as np
import pytest

from rlkit.boxes import Size
from rlkit.capabilities import CameraMounting
from rlkit.perception.bev import project_ground
from rlkit.perception.objects import empty_rows
from rlkit.perception.occupancy import BirdviewOccupancy, CameraOccupancy

CAMERA = CameraMounting(1.3, 0.06, 1.22, 0.4)
IMAGE = (96, 128)
CAR = Size(4.0, 2.0, 1.5)
CONE = Size(0.4, 0.4, 0.7)


def occupancy(size=(32, 32), metres=1.0):
    return BirdviewOccupancy(CAMERA, IMAGE, size, metres, [CAR, CONE])


def object_at(ahead, left, kind=0, width=2.0, known=True):
    """The row of an object whose near side is in the middle of (ahead, left) metres from the car."""
    row, column = (float(part) for part in project_ground(np.array(ahead), np.array(left), CAMERA, IMAGE))
    half = 0.5 * width * 0.5 * IMAGE[1] / np.tan(0.5 * CAMERA.field_of_view) / (ahead - CAMERA.ahead)
    rows = empty_rows(1, 1)
    distance = np.hypot(ahead - CAMERA.ahead, left)
    rows[0, 0] = (kind, column + 0.5 - half, row - 9.5, column + 0.5 + half, row + 0.5, distance if known else np.nan)
    return rows


def test_a_car_ahead_occupies_the_cells_that_it_stands_on():
    view = occupancy()(object_at(10.0, 0.0))[0]
    assert np.argwhere(view > 200).min(0).tolist() == [10, 15]  # from 14 to 10 m ahead, 1 m to both sides
    assert np.argwhere(view > 200).max(0).tolist() == [13, 16]
    assert view.sum() / 255 == pytest.approx(8.0, abs=0.3)  # m²


def test_cells_are_occupied_by_the_share_that_is_covered():
    assert occupancy()(object_at(10.5, 0.0))[0][:, 15].tolist()[9:14] == pytest.approx([127, 255, 255, 255, 127], abs=9)


@pytest.mark.parametrize("place", [(8.0, 0.0), (12.0, 3.0), (20.0, -4.0)])
def test_without_a_distance_an_object_stands_where_its_foot_meets_the_ground(place):
    by_foot, by_distance = (occupancy().footprints(object_at(*place, known=known)[0])[0] for known in (False, True))
    assert by_foot == pytest.approx(by_distance, abs=0.02)
    near = by_foot[:2] - 2.0 * np.array([np.cos(by_foot[2]), np.sin(by_foot[2])])
    assert near == pytest.approx(place, abs=0.05)


def test_an_object_above_the_horizon_without_a_distance_is_nowhere():
    rows = empty_rows(1, 1)
    rows[0, 0] = (0, 60, 10, 70, 20, np.nan)
    assert not occupancy()(rows).any()
    assert np.isnan(occupancy().footprints(rows[0])).all()


def test_objects_outside_of_the_view_are_dropped():
    assert not occupancy()(object_at(40.0, 0.0)).any()
    assert not occupancy(size=(32, 8))(object_at(20.0, 9.0)).any()


def test_a_cone_is_as_large_as_a_cell_and_as_bright_as_a_car():
    view = occupancy(metres=2.0)(object_at(13.0, 1.0, kind=1, width=0.4))[0]
    assert view.sum() / 255 == pytest.approx(1.0, abs=0.2)


def test_the_view_of_the_mirrored_scene_is_mirrored():
    left, right = (occupancy()(object_at(12.3, side))[0] for side in (2.6, -2.6))
    assert np.abs(left.astype(int) - right[:, ::-1]).max() <= 15


def test_objects_of_one_image_do_not_appear_in_another():
    rows = np.concatenate([object_at(9.0, 2.0), empty_rows(1, 1), object_at(9.0, -2.0)])
    views = occupancy()(rows)
    assert not views[1].any()
    assert views[0, :, :16].any()
    assert not views[0, :, 16:].any()
    assert views[2, :, 16:].any()
    assert not views[2, :, :16].any()


def test_in_the_camera_view_a_box_covers_its_cells():
    rows = empty_rows(1, 2)
    rows[0, 0] = (0, 8, 16, 18, 24, np.nan)
    view = CameraOccupancy(IMAGE, (24, 32))(rows)[0]
    assert view[4:6, 2:5].tolist() == [[255, 255, 128]] * 2
    assert view.sum() == 2 * (255 + 255 + 128)

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st

from rlkit import capabilities
from rlkit.capabilities import CameraMounting
from rlkit.perception.bev import birdview_map, project_ground, resize_map

CAMERA = CameraMounting(height_above_ground=1.3, pitch=0.06, field_of_view=1.22, ahead=0.4)
SIZE = (96, 128)

metres = st.floats(0.5, 60.0)
cameras = st.builds(
    CameraMounting,
    height_above_ground=st.floats(0.5, 4.0),
    pitch=st.floats(-0.2, 0.6),
    field_of_view=st.floats(0.4, 2.2),
    ahead=st.floats(-1.0, 2.0),
)


@given(cameras, metres, st.floats(-20.0, 20.0))
def test_project_ground_equals_a_rotated_pinhole_camera(camera, forward, left):
    """An independent way: turn the world by a rotation matrix, divide by depth."""
    turn = np.array(
        [
            [np.cos(camera.pitch), 0.0, -np.sin(camera.pitch)],
            [0.0, 1.0, 0.0],
            [np.sin(camera.pitch), 0.0, np.cos(camera.pitch)],
        ]
    )
    depth, aside, up = turn @ [forward, left, -camera.height_above_ground]
    row, column = project_ground(np.array(forward + camera.ahead), np.array(left), camera, SIZE)
    if depth <= 0.0:
        assert np.isnan(row)
        return
    focal = SIZE[1] / 2 / np.tan(camera.field_of_view / 2)
    assert row == pytest.approx(SIZE[0] / 2 - 0.5 - focal * up / depth, abs=1e-6, rel=1e-9)
    assert column == pytest.approx(SIZE[1] / 2 - 0.5 - focal * aside / depth, abs=1e-6, rel=1e-9)


def test_the_horizon_is_where_the_pitch_puts_it():
    row, _ = project_ground(np.array(1e9), np.array(0.0), CAMERA, SIZE)
    focal = SIZE[1] / 2 / np.tan(CAMERA.field_of_view / 2)
    assert row == pytest.approx(SIZE[0] / 2 - 0.5 - focal * np.tan(CAMERA.pitch), abs=1e-3)


def test_a_white_image_fills_the_visible_cells():
    view = birdview_map(CAMERA, SIZE, (24, 24), 2.0)
    shown = view(np.full((1, *SIZE), 255, np.uint8))[0]
    assert np.array_equal(shown, np.rint(view.visible * 255))
    assert view.visible.max() <= 1.0 + 1e-6
    assert not view.visible[18:].any()  # beside and behind the car
    assert view.visible[0, 2:-2].min() == pytest.approx(1.0)  # 35 m ahead
    assert np.allclose(view.visible, view.visible[:, ::-1], atol=1e-6)


def test_left_in_the_image_is_left_in_the_birdview():
    picture = np.zeros((1, *SIZE), np.uint8)
    picture[:, :, : SIZE[1] // 2] = 255
    view = birdview_map(CAMERA, SIZE, (24, 24), 2.0)
    seen = view.visible > 0.99
    assert (view(picture)[0][:, :12][seen[:, :12]] > 200).all()
    assert (view(picture)[0][:, 12:][seen[:, 12:]] < 55).all()


@pytest.mark.parametrize("distance", [9.0, 17.0, 25.0])
def test_a_line_across_the_road_keeps_its_distance(distance):
    rows = np.arange(SIZE[0])
    nearer, _ = project_ground(np.array(distance - 1.0), np.array(0.0), CAMERA, SIZE)
    further, _ = project_ground(np.array(distance + 1.0), np.array(0.0), CAMERA, SIZE)
    picture = np.zeros((1, *SIZE), np.uint8)
    picture[:, (rows >= further - 0.5) & (rows <= nearer + 0.5)] = 255
    column = birdview_map(CAMERA, SIZE, (24, 24), 2.0)(picture)[0][:, 12]
    assert int(column.argmax()) == int((0.75 * 24 * 2.0 - distance) / 2.0)


def test_the_warped_truth_is_the_birds_view_of_the_simulator():
    env = gymnasium.make_vec(
        "rlkit/DrivingCamera-v0",
        num_envs=4,
        vectorization_mode="vector_entry_point",
        sensors=("camera", "segmentation", "birdview"),
        weather="clear",
    )
    observation, _ = env.reset(seed=[1, 2, 3, 4])
    drivable = capabilities.segmentation_classes(env.metadata).drivable_mask
    view = birdview_map(capabilities.camera(env.metadata), SIZE, (24, 24), 2.0)
    visible = view.visible > 0.99
    both = either = 0
    for _ in range(20):
        mask = np.where(drivable[observation["segmentation"].reshape(4, *SIZE)], 255, 0).astype(np.uint8)
        found, true = view(mask) >= 128, observation["birdview"][..., 0] >= 128
        both += (found & true & visible).sum()
        either += ((found | true) & visible).sum()
        observation, *_ = env.step(np.array(env.call("expert_action")))
    assert both / either > 0.88  # trees hide some of it, and far rows of the picture show metres each


def test_a_smaller_view_is_the_mean_of_the_pixels_it_covers():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 96, 128), dtype=np.uint8)
    blocks = pictures.reshape(3, 24, 4, 32, 4).mean(axis=(2, 4))
    assert np.abs(resize_map(SIZE, (24, 32))(pictures) - blocks).max() <= 0.5 + 1e-3
    assert np.array_equal(resize_map(SIZE, SIZE)(pictures), pictures)


@given(st.integers(4, 40), st.integers(4, 40), st.integers(4, 40), st.integers(4, 40))
def test_a_view_of_any_size_keeps_the_mean_brightness(height, width, new_height, new_width):
    picture = np.random.default_rng(0).integers(0, 256, (1, height, width), dtype=np.uint8)
    view = resize_map((height, width), (new_height, new_width))
    assert np.allclose(view.visible, 1.0, atol=1e-5)
    assert view(picture).mean() == pytest.approx(picture.mean(), abs=0.6)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"expected images of \(96, 128\)"):
        resize_map(SIZE, (24, 32))(np.zeros((1, 48, 64), np.uint8))

import numpy as np
import pytest
from rlkit_envs.driving.sensors.camera import Camera
from rlkit_envs.driving.sensors.panels import draw_panels
from rlkit_envs.driving.terrain.buildings import PANEL, PLAIN, RAILING
from rlkit_envs.driving.weather.facades import facades
from rlkit_envs.driving.weather.palette import BUILDING
from rlkit_envs.driving.weather.presets import presets

CAMERA = Camera(height=96, width=128, pitch=0.0)


def panel(x, left, width=4.0, height=3.0, colour=0.5, tile=PLAIN, turned=False):
    """A wall across the direction of view, ``x`` metres ahead, from ``left`` to the right; it faces the camera."""
    record = np.zeros(1, dtype=PANEL)
    # As seen from the camera, a wall that faces it runs from left to right, along -y.
    record["x"], record["y"], record["along_y"] = x, left, -1.0
    if turned:
        record["y"], record["along_y"] = left - width, 1.0
    record["width"], record["height"], record["up_z"] = width, height, 1.0
    record["bays"] = record["storeys"] = 1.0
    record["ground_tile"] = record["upper_tile"] = tile
    record["colour"] = colour
    return record


def draw(*panels):
    picture = np.zeros((96, 128, 3), dtype=np.uint8)
    labels = np.zeros((96, 128), dtype=np.uint8)
    nearness = np.zeros((96, 128), dtype=np.float32)
    records = np.concatenate(panels)
    appearance = presets()["clear"].reshape(1)[0]
    mount = CAMERA.geometry()[0]
    x = -CAMERA.mount_ahead  # so that the camera is at the origin
    draw_panels(picture, labels, nearness, mount, x, 0.0, 0.0, records, len(records), facades(), appearance, 0.0)
    return picture, labels, nearness


def test_a_wall_is_drawn_where_a_pinhole_projects_it():
    _, labels, nearness = draw(panel(10.0, 1.0))
    rows, columns = np.nonzero(labels == BUILDING)
    focal = CAMERA.focal_length
    assert columns.min() == pytest.approx(64.0 - 1.0 / 10.0 * focal, abs=1.0)
    assert columns.max() + 1 == pytest.approx(64.0 + 3.0 / 10.0 * focal, abs=1.0)
    assert rows.max() + 1 == pytest.approx(48.0 + CAMERA.mount_height / 10.0 * focal, abs=1.0)
    assert rows.min() == pytest.approx(48.0 - (3.0 - CAMERA.mount_height) / 10.0 * focal, abs=1.0)
    assert np.allclose(nearness[labels == BUILDING], 0.1)


def test_a_wall_is_not_seen_from_behind():
    assert not draw(panel(10.0, 1.0, turned=True))[1].any()
    assert not draw(panel(-10.0, 1.0))[1].any()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_wall_hides_the_further_one(order):
    walls = panel(8.0, 1.0, width=2.0, colour=0.05), panel(16.0, 3.0, width=6.0, colour=0.8)
    picture, _, nearness = draw(*(walls[k] for k in order))
    assert picture[48, 64].mean() < 60.0
    assert nearness[48, 64] == pytest.approx(1.0 / 8.0)
    assert picture[48, 78].mean() > 90.0


def test_one_looks_through_a_railing():
    _, labels, _ = draw(panel(6.0, 2.0, height=1.2, tile=RAILING))
    rows, columns = np.nonzero(labels)
    inside = labels[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert 0.1 < (inside == BUILDING).mean() < 0.9

import dataclasses

import numpy as np
import pygame
import pytest

from rlkit.perception.result import PerceptionResult
from rlkit.viewer.panels import Painter
from rlkit.viewer.perception_panel import RAMP, demand_perception, draw_perception, overlaid, paint_uncertainty
from rlkit.viewer.theme import GREEN, PURPLE, VERMILLION, Pen

SIZE = (24, 32)


def seen(truth=True, uncertainty=True, picture=True):
    """Found is the lower half; true is the left half."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return PerceptionResult(
        image=np.full((*SIZE, 3), 100, np.uint8) if picture else None,
        drivable=np.where(rows >= 12, 255, 0).astype(np.uint8),
        truth=columns < 16 if truth else None,
        uncertainty=np.linspace(0, 1, rows.size, dtype=np.float32).reshape(SIZE) if uncertainty else None,
        estimator="segnet-compact",
    )


def mixed(colour):
    return np.rint(0.5 * 100 + 0.5 * np.array(colour))


def test_the_predicted_area_is_green():
    picture = overlaid(seen(truth=False))
    assert np.array_equal(picture[20, 5], mixed(GREEN))
    assert np.array_equal(picture[5, 5], (100, 100, 100))
    assert np.array_equal(picture[12, 5], GREEN)  # the border
    assert np.array_equal(picture[20, 0], mixed(GREEN))  # the picture's edge is none


def test_errors_have_colours_of_their_own_where_the_truth_is_known():
    picture = overlaid(seen())
    assert np.array_equal(picture[20, 5], mixed(GREEN))
    assert np.array_equal(picture[20, 25], mixed(VERMILLION))
    assert np.array_equal(picture[5, 5], mixed(PURPLE))
    assert np.array_equal(picture[5, 25], (100, 100, 100))


def test_uncertainty_is_painted_from_dark_to_light():
    shades = paint_uncertainty(np.array([[0.0, 0.1, 0.5, 1.0]], np.float32))[0].astype(int)
    assert np.array_equal(shades[0], RAMP[0])
    assert np.array_equal(shades[-1], RAMP[-1])
    assert (np.diff(shades.sum(axis=1)) > 0).all()


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (700, 1000), (2560, 600)])
@pytest.mark.parametrize("known", [{}, {"truth": False}, {"uncertainty": False}, {"picture": False}])
def test_the_panel_is_drawn_at_any_size(make_playback, size, known):
    frame = dataclasses.replace(make_playback().frame(), perceived=seen(**known))
    surface = pygame.Surface(size)
    Painter().draw(surface, frame)
    assert pygame.surfarray.array3d(surface).std() > 5


@pytest.mark.parametrize("width", [230, 500])
def test_the_panel_stays_inside_the_height_it_asks_for(make_playback, width):
    frame = dataclasses.replace(make_playback().frame(), perceived=seen())
    pen = Pen(1.0)
    demand = demand_perception(frame, width, pen)
    assert demand.least <= demand.good
    for height in (demand.least, demand.good):
        surface = pygame.Surface((width, height + 40))
        surface.fill((1, 2, 3))
        draw_perception(surface, pygame.Rect(0, 0, width, height), frame, pen)
        assert (pygame.surfarray.array3d(surface)[:, height:] == (1, 2, 3)).all()


def test_errors_can_be_hidden(make_playback):
    frame = dataclasses.replace(make_playback().frame(), perceived=seen())
    drawn = {}
    for errors in (True, False):
        painter, surface = Painter(), pygame.Surface((1280, 720))
        painter.errors = errors
        painter.draw(surface, frame)
        pixels = pygame.surfarray.array3d(surface).astype(int)
        drawn[errors] = int((np.abs(pixels - mixed(VERMILLION)).sum(axis=-1) < 6).sum())
    assert drawn[True] > 500
    assert drawn[False] < 20


def test_the_camera_gets_more_room_than_panels_otherwise_have(make_playback):
    frame = make_playback().frame()
    shown = dataclasses.replace(frame, perceived=seen())
    columns = []
    for one in (frame, shown):
        chosen = []
        Painter(lambda frame, count, chosen=chosen: chosen.append(count) or [[]] * count).draw(
            pygame.Surface((1280, 720)), one
        )
        columns += chosen
    assert columns == [1, 2]

import dataclasses

import numpy as np
import pygame
import pytest

from rlkit.boxes import BoxedImage, Boxes
from rlkit.viewer.box_layout import COLOURS, place_boxes
from rlkit.viewer.boxes_panel import lay_boxes
from rlkit.viewer.panels import Painter
from rlkit.viewer.theme import Pen


def boxed(*corners, **attributes):
    numbers = {name: np.array(values, np.float32) for name, values in attributes.items()}
    labels = np.arange(len(corners)) % 2
    image = np.full((24, 32, 3), 100, np.uint8)
    return BoxedImage(image, Boxes(np.array(corners, np.float32).reshape(-1, 4), labels, numbers), ("car", "cone"))


def laid(seen, size=(640, 480)):
    surface = pygame.Surface(size)
    lay_boxes(surface, surface.get_rect(), seen, Pen(1.0))
    return pygame.surfarray.array3d(surface).swapaxes(0, 1)


def test_a_box_is_drawn_where_its_object_is():
    pixels = laid(boxed((8, 12, 16, 18)))
    drawn = (pixels == COLOURS[0]).all(axis=2)
    drawn[:239] = False  # the name above it
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    assert abs(np.array([columns[0], rows[0], columns[-1], rows[-1]]) - (160, 240, 320, 360)).max() <= 2
    assert not drawn[260:340, 180:300].any()


def test_names_do_not_cover_each_other_and_stay_in_the_image():
    corners = [(8, 12, 10, 14), (8, 12, 11, 14), (30, 0, 32, 2), *[(4, 1, 6, 4)] * 3]
    seen = boxed(*corners, distance=[40.0, 20.0, 5.0, 6.0, 7.0, 8.0], occlusion=[0.9, 0.0, 0.0, 0.0, 0.0, 0.0])
    place = pygame.Rect(10, 20, 640, 480)
    placed = list(place_boxes(seen, (10, 20, 640, 480), lambda text: (60, 14)))
    assert [one.text for one in placed] == ["car 40 m", "cone 20 m", "cone 8 m", "car 7 m", "cone 6 m", "car 5 m"]
    assert [one.thin for one in placed] == [True, False, False, False, False, False]
    tags = [one.tag for one in placed if one.tag is not None]
    assert all(place.contains(tag) for tag in tags)
    assert not any(tag.collidelistall(tags[:index]) for index, tag in enumerate(tags))
    assert len(tags) == 4  # at the upper edge there is no room for all


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (700, 1000)])
@pytest.mark.parametrize("corners", [(), ((8, 12, 16, 18),)])
def test_the_panel_is_drawn_at_any_size(make_playback, size, corners):
    frame = dataclasses.replace(make_playback().frame(), boxed=boxed(*corners))
    surface = pygame.Surface(size)
    Painter().draw(surface, frame)
    grey = (pygame.surfarray.array3d(surface) == 100).all(axis=2).sum()
    assert grey > 100 * 100

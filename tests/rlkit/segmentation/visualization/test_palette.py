"""Colours of classes, of errors, of doubt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.visualization.palette import (
    NAMED,
    UNKNOWN,
    WRONG,
    blend,
    class_colours,
    paint_classes,
    paint_errors,
    paint_values,
)
from rlkit.spaces import IGNORED

SIMULATOR = ("sky", "tree", "grass", "gravel", "road", "line", "kerb", "vehicle", "obstacle")


@given(st.lists(st.one_of(st.sampled_from(sorted(NAMED)), st.text(max_size=8)), min_size=2, max_size=60, unique=True))
def test_all_classes_have_different_colours(names):
    colours = class_colours(names)
    assert colours.shape == (len(names), 3)
    assert len({tuple(colour) for colour in colours.tolist()}) == len(names)


def test_common_classes_have_their_usual_colours():
    road, red = class_colours(["road", "my own class"])
    assert tuple(road) == NAMED["road"]
    assert tuple(red) not in NAMED.values()


def test_the_simulators_classes_are_far_apart():
    colours = class_colours(SIMULATOR).astype(int)
    apart = [np.abs(a - b).sum() for n, a in enumerate(colours) for b in colours[:n]]
    assert min(apart) > 60


def test_labels_become_colours_and_unlabelled_pixels_are_dark():
    colours = class_colours(["road", "sky"])
    painted = paint_classes(np.array([[0, 1, IGNORED]], dtype=np.uint8), colours)
    assert painted[0].tolist() == [colours[0].tolist(), colours[1].tolist(), list(UNKNOWN)]


def test_errors_are_marked_where_labels_exist():
    image = np.full((1, 3, 3), 100, dtype=np.uint8)
    painted = paint_errors(image, np.array([[0, 1, 1]], dtype=np.uint8), np.array([[0, 0, IGNORED]], dtype=np.uint8))
    grey, wrong, unknown = painted[0].tolist()
    assert len(set(grey)) == 1
    assert tuple(wrong) == WRONG
    assert tuple(unknown) == UNKNOWN


@pytest.mark.parametrize(("share", "expected"), [(0.0, 10), (1.0, 200), (0.5, 105)])
def test_images_are_blended(share, expected):
    low, high = np.full((1, 1, 3), 10, np.uint8), np.full((1, 1, 3), 200, np.uint8)
    assert blend(low, high, share).tolist() == [[[expected] * 3]]


def test_larger_uncertainty_is_brighter():
    painted = paint_values(np.linspace(-0.5, 1.5, 50)[None]).astype(int)[0]
    brightness = painted @ np.array([0.299, 0.587, 0.114])
    assert np.all(np.diff(brightness) >= -0.5)
    assert brightness[-1] > brightness[0] + 150

"""Sheets: everything that is shown of a picture stands on them, whatever the size."""

import dataclasses

import numpy as np
import pytest

from rlkit.boxes import BoxedImage, Boxes
from rlkit.segmentation.visualization.palette import class_colours
from rlkit.segmentation.visualization.sheet import CLASS_ALPHA, MAX_PANEL, MIN_PANEL, Row, draw_sheet, draw_single
from rlkit.viewer.box_layout import COLOURS


def row(colours, truth=True, uncertainty=True, caption="a picture"):
    labels = np.zeros(colours.shape[:2], dtype=np.uint8)
    doubt = np.full(colours.shape[:2], 0.5, dtype=np.float32)
    return Row(colours, labels, labels if truth else None, doubt if uncertainty else None, caption)


def holds(sheet, colour):
    return bool((sheet == np.array(colour, dtype=np.uint8)).all(-1).any())


def test_small_images_are_enlarged_by_whole_factors(colours, classes):
    sheet = draw_sheet([row(colours)], classes)
    red = (sheet == [200, 0, 0]).all(-1)
    factor = -(-MIN_PANEL // 24)
    assert red.sum() == (16 * factor) * (12 * factor)
    assert sheet.dtype == np.uint8


def test_the_legend_names_every_class_by_its_colour(colours, classes):
    sheet = draw_sheet([row(colours)], classes)
    assert all(holds(sheet, colour) for colour in class_colours(classes.names))
    without = draw_sheet([row(colours, truth=False, uncertainty=False)], classes)
    assert without.shape[1] < sheet.shape[1]


def test_classes_are_blended_with_the_image(colours, classes):
    sky = class_colours(classes.names)[0].astype(float)
    expected = (200 * np.array([1, 0, 0]) * (1 - CLASS_ALPHA) + sky * CLASS_ALPHA + 0.5).astype(np.uint8)
    sheet = draw_sheet([row(colours)], classes).astype(int)
    assert (np.abs(sheet - expected.astype(int)).max(-1) <= 1).any()


def test_large_images_are_reduced(classes):
    large = np.zeros((900, 3000, 3), dtype=np.uint8)
    sheet = draw_sheet([row(large, truth=False, uncertainty=False)], classes, "title", "note")
    assert sheet.shape[1] < 2 * MAX_PANEL + 100


def test_images_keep_their_aspect_ratio(colours, classes):
    wide = np.full((8, 48, 3), 255, dtype=np.uint8)
    sheet = draw_sheet([row(colours, False, False), row(wide, False, False)], classes)
    white = (sheet == 255).all(-1)
    height, width = (np.ptp(np.nonzero(white.sum(axis) > 50)) + 1 for axis in (1, 0))
    assert width / height == pytest.approx(6, rel=0.05)


def test_a_single_image_has_the_aspect_ratio_of_a_screen(colours, classes):
    height, width = draw_single(row(colours), classes).shape[:2]
    assert 1 < width / height < 2.2


def test_long_names_are_shortened(colours, classes):
    sheet = draw_sheet([row(colours, False, False, caption="x" * 500)], classes, "title", "y" * 500)
    assert sheet.shape == draw_sheet([row(colours, False, False, caption="x")], classes, "title", "y").shape


def test_boxes_have_a_panel_of_their_own(colours, classes):
    boxes = Boxes(np.array([[6, 8, 12, 14]], np.float32), np.array([0]), {"distance": np.array([12.0], np.float32)})
    plain = row(colours)
    boxed = dataclasses.replace(plain, boxed=BoxedImage(colours, boxes, ("car",)))
    sheet, without = draw_sheet([boxed], classes), draw_sheet([plain], classes)
    assert list(boxed.panels(class_colours(classes.names))) == [
        "image",
        "ground truth",
        "objects",
        "prediction",
        "errors",
        "uncertainty",
    ]
    assert sheet.shape[1] > without.shape[1]
    assert holds(sheet, COLOURS[0])
    assert not holds(without, COLOURS[0])

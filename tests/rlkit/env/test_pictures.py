import numpy as np
import pytest
from PIL import Image

from rlkit.env.pictures import PictureReader
from rlkit.errors import DescribedError

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]
RGBA = np.concatenate([RGB, np.full((6, 8, 1), 255, np.uint8)], axis=2)
FROM_GREY = np.repeat(GREY[:, :, None], 3, axis=2)


@pytest.mark.parametrize(
    ("drawn", "expected"),
    [
        (RGB, RGB),
        (RGB / 255.0, RGB),
        ((RGB / 255.0).astype(np.float32), RGB),
        (RGB.astype(np.float64), RGB),
        (RGB.astype(np.int64), RGB),
        (RGB.astype(np.uint16), RGB),
        (RGBA, RGB),
        (RGBA / 255.0, RGB),
        (GREY, FROM_GREY),
        (GREY[:, :, None] / 255.0, FROM_GREY),
        (RGB.transpose(2, 0, 1), RGB),
        (RGBA.transpose(2, 0, 1), RGB),
        (GREY[None], FROM_GREY),
        (RGB[None], RGB),
        (RGB.tolist(), RGB),
        (list(RGB), RGB),
        ((RGB / 255.0).tolist(), RGB),
        ([np.zeros_like(RGB), RGB], RGB),
        ([np.zeros_like(GREY), GREY], FROM_GREY),
        (GREY > 100, np.where(FROM_GREY > 100, 255, 0)),
        (Image.fromarray(RGB), RGB),
        (RGB[::-1], RGB[::-1]),
    ],
)
def test_pictures_are_read_as_what_they_mean(drawn, expected):
    read = PictureReader().read(drawn)
    assert read.dtype == np.uint8
    assert read.flags.c_contiguous
    np.testing.assert_array_equal(read, expected)


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (RGB / 127.5 - 1.0, "float64 with values from -1 to 0.95"),
        (RGB * 300.0, "outside 0 to 1 or 0 to 255"),
        (RGB.astype(np.int64) * 257, "int64 with values"),
        (np.full((6, 8, 3), np.nan), "not finite"),
        (np.full((6, 8, 3), np.inf), "not finite"),
        (np.zeros((6, 8, 2)), r"shape \(6, 8, 2\)"),
        (np.zeros((5, 6, 8, 3)), "shape"),
        (np.zeros((0, 8, 3)), "shape"),
        (np.zeros(7), "shape"),
        (np.zeros((6, 8, 3), complex), "ndarray"),
        ([], "empty list"),
        ("a text", "text instead"),
        ({"image": RGB}, "dict"),
        ([[1, 2], [3]], "list that is no picture"),
    ],
)
def test_others_are_refused_in_a_sentence(drawn, words):
    with pytest.raises(DescribedError, match=words) as caught:
        PictureReader().read(drawn, 2)
    assert "expected is an array (height, width, 3) of uint8" in str(caught.value)
    assert caught.value.index == 2


def test_dark_floats_stay_dark_after_a_bright_picture():
    reader = PictureReader()
    assert reader.read(np.full((6, 8, 3), 200.0)).max() == 200
    assert reader.read(np.full((6, 8, 3), 1.0)).max() == 1

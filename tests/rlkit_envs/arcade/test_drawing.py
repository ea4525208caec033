import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_envs.arcade.drawing import SIZE, Palette, blit, blit_shape, copy, fill, fill_row

places = st.integers(-20, SIZE + 20)
SPRITE = np.array([[0, 11, 12, 0, 13], [21, 0, 22, 23, 0], [0, 0, 31, 32, 33]], dtype=np.uint8)


def pasted(canvas: np.ndarray, sprite: np.ndarray, x: int, y: int) -> np.ndarray:
    """A sprite drawn on a canvas with wide margins, which are then cut off."""
    wide = np.pad(canvas, 64)
    area = wide[64 + y : 64 + y + sprite.shape[0], 64 + x : 64 + x + sprite.shape[1]]
    area[sprite != 0] = sprite[sprite != 0]
    return wide[64:-64, 64:-64]


@given(x=places, y=places, mirrored=st.booleans())
def test_sprites_are_clipped_and_transparent(x: int, y: int, mirrored: bool) -> None:
    canvas = np.full((SIZE, SIZE), 7, dtype=np.uint8)
    expected = pasted(canvas, SPRITE[:, ::-1] if mirrored else SPRITE, x, y)
    blit(canvas, SPRITE, x, y, mirrored)
    np.testing.assert_array_equal(canvas, expected)


@given(x=places, y=places, width=st.integers(0, 40), height=st.integers(0, 40))
def test_rectangles_are_clipped(x: int, y: int, width: int, height: int) -> None:
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    expected = pasted(canvas, np.full((height, width), 9, dtype=np.uint8), x, y)
    fill(canvas, x, y, width, height, 9)
    np.testing.assert_array_equal(canvas, expected)


@given(x=places, y=places, pitch=st.integers(-6, 6), count=st.integers(0, 5))
def test_a_row_is_rectangles_at_equal_distances(x: int, y: int, pitch: int, count: int) -> None:
    canvas, expected = np.zeros((2, SIZE, SIZE), dtype=np.uint8)
    fill_row(canvas, x, y, pitch, 3, 2, count, 9)
    for k in range(count):
        expected = pasted(expected, np.full((2, 3), 9, dtype=np.uint8), x + pitch * k, y)
    np.testing.assert_array_equal(canvas, expected)


@given(x=places, y=places)
def test_a_shape_is_drawn_in_one_grey_level(x: int, y: int) -> None:
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    expected = pasted(canvas, np.where(SPRITE != 0, 50, 0).astype(np.uint8), x, y)
    blit_shape(canvas, SPRITE, x, y, 50)
    np.testing.assert_array_equal(canvas, expected)


def test_an_image_is_copied_with_its_zeros() -> None:
    image = np.random.default_rng(0).integers(0, 256, size=(SIZE, SIZE), dtype=np.uint8)
    canvas = np.full_like(image, 7)
    copy(canvas, image)
    np.testing.assert_array_equal(canvas, image)


def test_two_colours_cannot_share_a_grey_level() -> None:
    with pytest.raises(ValueError, match="one of its own"):
        Palette({"a": (10, (1, 2, 3)), "b": (10, (4, 5, 6))})


def test_sprites_are_written_in_letters() -> None:
    palette = Palette({"a": (10, (1, 2, 3)), "b": (20, (4, 5, 6))})
    np.testing.assert_array_equal(palette.sprite("a.", " b"), [[10, 0], [0, 20]])
    assert palette.colours[20].tolist() == [4, 5, 6]

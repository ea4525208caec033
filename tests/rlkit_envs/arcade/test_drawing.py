import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rlkit_envs.arcade.drawing import SIZE, Palette, blit, blit_shape, copy, fill

places = st.integers(-20, SIZE + 20)
SPRITE = np.array([[0, 11, 12, 0, 13], [21, 0, 22, 23, 0], [0, 0, 31, 32, 33]], dtype=np.uint8)


def pasted(canvas: np.ndarray, sprite: np.ndarray, x: int, y: int) -> np.ndarray:
    """The same by way of a canvas with wide margins."""
    wide = np.pad(canvas, 64)
    area = wide[64 + y : 64 + y + sprite.shape[0], 64 + x : 64 + x + sprite.shape[1]]
    area[sprite != 0] = sprite[sprite != 0]
    return wide[64:-64, 64:-64]


@given(x=places, y=places, mirrored=st.booleans())
def test_sprites_are_cut_at_the_edges_and_seen_through(x: int, y: int, mirrored: bool) -> None:
    canvas = np.full((SIZE, SIZE), 7, dtype=np.uint8)
    expected = pasted(canvas, SPRITE[:, ::-1] if mirrored else SPRITE, x, y)
    blit(canvas, SPRITE, x, y, mirrored)
    np.testing.assert_array_equal(canvas, expected)


@given(x=places, y=places, width=st.integers(0, 40), height=st.integers(0, 40))
def test_rectangles_are_cut_at_the_edges(x: int, y: int, width: int, height: int) -> None:
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    expected = pasted(canvas, np.full((height, width), 9, dtype=np.uint8), x, y)
    fill(canvas, x, y, width, height, 9)
    np.testing.assert_array_equal(canvas, expected)


@given(x=places, y=places)
def test_a_tint_keeps_the_shape(x: int, y: int) -> None:
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    expected = pasted(canvas, np.where(SPRITE != 0, 50, 0).astype(np.uint8), x, y)
    blit_shape(canvas, SPRITE, x, y, 50)
    np.testing.assert_array_equal(canvas, expected)


def test_a_picture_covers_the_canvas() -> None:
    picture = np.random.default_rng(0).integers(0, 256, size=(SIZE, SIZE), dtype=np.uint8)
    canvas = np.zeros_like(picture)
    copy(canvas, picture)
    np.testing.assert_array_equal(canvas, picture)


def test_each_colour_needs_a_grey_of_its_own() -> None:
    with pytest.raises(ValueError, match="one of its own"):
        Palette({"a": (10, (1, 2, 3)), "b": (10, (4, 5, 6))})


def test_sprites_are_written_in_letters() -> None:
    palette = Palette({"a": (10, (1, 2, 3)), "b": (20, (4, 5, 6))})
    np.testing.assert_array_equal(palette.sprite("a.", " b"), [[10, 0], [0, 20]])
    assert palette.colours[20].tolist() == [4, 5, 6]

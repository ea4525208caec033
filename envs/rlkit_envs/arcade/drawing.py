"""Drawing in kernels: rectangles and sprites on an (84, 84) uint8 canvas of grey levels.

The canvas is the agent's observation. Each grey level that a game uses also stands for one colour, so that
``renderer.py`` shows the same canvas in colour.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rlkit_envs.arcade.jit import kernel, kernel_for

SIZE = 84  # pixels a side, as in Mnih et al. 2015

Canvas = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]


class Palette:
    """The colours of a game, each with a grey level of its own.

    Args:
        colours: Letter used in sprites to grey level and RGB colour.

    Raises:
        ValueError: Two colours have the same grey level.

    Attributes:
        colours: (256, 3) uint8, the colour of each grey level; grey where the game does not use it.
    """

    def __init__(self, colours: Mapping[str, tuple[int, Colour]]):
        greys = [grey for grey, _ in colours.values()]
        if len(set(greys)) < len(greys):
            raise ValueError(f"grey levels {sorted(greys)} repeat: give each colour one of its own")
        self._greys = {letter: grey for letter, (grey, _) in colours.items()}
        self.colours: npt.NDArray[np.uint8] = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
        for grey, colour in colours.values():
            self.colours[grey] = colour

    def __getitem__(self, letter: str) -> int:
        """The grey level of a colour."""
        return self._greys[letter]

    def used(self) -> frozenset[int]:
        """The grey levels of the game."""
        return frozenset(self._greys.values())

    def sprite(self, *rows: str) -> Canvas:
        """A sprite from rows of letters.

        Returns:
            (h, w) uint8 grey levels; 0, which is transparent, for spaces and dots.
        """
        return np.array([[0 if c in " ." else self._greys[c] for c in row] for row in rows], dtype=np.uint8)

    def sprites(self, *sprites: tuple[str, ...]) -> npt.NDArray[np.uint8]:
        """Several sprites of one size, (n, h, w)."""
        return np.stack([self.sprite(*rows) for rows in sprites])


# Kernels index one row at a time: numba then knows its pixels to be contiguous and counts from 0.
@kernel
def copy(canvas: Canvas, image: Canvas) -> None:
    """Copy an opaque image of the canvas's size."""
    for row in range(canvas.shape[0]):
        line, source = canvas[row], image[row]
        for column in range(canvas.shape[1]):
            line[column] = source[column]


@kernel_for("void(uint8[:,::1], int64, int64, int64, int64, int64)")
def fill(canvas: Canvas, x: int, y: int, width: int, height: int, grey: int) -> None:
    """Fill a rectangle, clipped to the canvas."""
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, y), min(canvas.shape[0], y + height)):
        line = canvas[row, left:right]
        for column in range(len(line)):
            line[column] = grey


@kernel_for("void(uint8[:,::1], int64, int64, int64, int64, int64, int64, int64)")
def fill_row(canvas: Canvas, x: int, y: int, pitch: int, width: int, height: int, count: int, grey: int) -> None:
    """Fill ``count`` rectangles, one every ``pitch`` pixels from (x, y) on."""
    for k in range(count):
        fill(canvas, x + pitch * k, y, width, height, grey)


@kernel
def blit(canvas: Canvas, sprite: Canvas, x: int, y: int, mirrored: bool = False) -> None:
    """Draw a sprite with its upper left corner at (x, y), clipped, perhaps mirrored sideways."""
    height, width = sprite.shape
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, -y), min(height, canvas.shape[0] - y)):
        line = canvas[y + row, left:right]
        if mirrored:
            source = sprite[row, max(0, x + width - canvas.shape[1]) :]
            for column in range(len(line)):
                grey = source[len(line) - 1 - column]
                line[column] = grey if grey != 0 else line[column]
        else:
            source = sprite[row, max(0, -x) :]
            for column in range(len(line)):
                grey = source[column]
                line[column] = grey if grey != 0 else line[column]


@kernel
def blit_shape(canvas: Canvas, sprite: Canvas, x: int, y: int, grey: int) -> None:
    """Draw the opaque pixels of a sprite in one grey level."""
    height, width = sprite.shape
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, -y), min(height, canvas.shape[0] - y)):
        line, source = canvas[y + row, left:right], sprite[row, max(0, -x) :]
        for column in range(len(line)):
            line[column] = grey if source[column] != 0 else line[column]

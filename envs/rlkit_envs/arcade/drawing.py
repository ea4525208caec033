"""How games are drawn: rectangles and sprites of grey levels, each of which stands for one colour.

A game's picture is a canvas (84, 84) of grey levels. It is what agents see, and it is what people see: each grey that a
game uses has a colour, and the picture for people is the same canvas in these colours, larger.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from rlkit_envs.arcade.jit import kernel, kernel_for

SIZE = 84  # pixels a side, as everybody's Atari is seen since Mnih et al. 2015

Canvas = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]


class Palette:
    """The colours of a game, each known by a grey level of its own.

    Args:
        colours: Letter, as sprites use it, to grey level and colour.

    Raises:
        ValueError: Two colours have the same grey level.

    Attributes:
        colours: (256, 3) uint8, the colour of each grey level; grey itself where the game does not use it.
    """

    def __init__(self, colours: Mapping[str, tuple[int, Colour]]):
        greys = [grey for grey, _ in colours.values()]
        if len(set(greys)) < len(greys):
            raise ValueError(f"grey levels {sorted(greys)}: each colour needs one of its own")
        self._greys = {letter: grey for letter, (grey, _) in colours.items()}
        self.colours: npt.NDArray[np.uint8] = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
        for grey, colour in colours.values():
            self.colours[grey] = colour

    def __getitem__(self, letter: str) -> int:
        """The grey level of a colour."""
        return self._greys[letter]

    def used(self) -> frozenset[int]:
        """All grey levels of the game."""
        return frozenset(self._greys.values())

    def sprite(self, *rows: str) -> Canvas:
        """A small picture from lines of letters; what is a space or a dot can be seen through.

        Returns:
            (h, w) uint8 grey levels, 0 where one sees through.
        """
        return np.array([[0 if c in " ." else self._greys[c] for c in row] for row in rows], dtype=np.uint8)

    def sprites(self, *pictures: tuple[str, ...]) -> npt.NDArray[np.uint8]:
        """Several small pictures of one size, (n, h, w)."""
        return np.stack([self.sprite(*rows) for rows in pictures])


# Rows are taken out one by one, because numba then knows that their pixels lie side by side, and counts them from 0.
@kernel
def lay(canvas: Canvas, picture: Canvas) -> None:
    """Cover the whole canvas with a picture of its size."""
    for row in range(canvas.shape[0]):
        line, seen = canvas[row], picture[row]
        for column in range(canvas.shape[1]):
            line[column] = seen[column]


@kernel_for("void(uint8[:,::1], int64, int64, int64, int64, int64)")
def fill(canvas: Canvas, x: int, y: int, width: int, height: int, grey: int) -> None:
    """Fill a rectangle; what lies outside the canvas is left out."""
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, y), min(canvas.shape[0], y + height)):
        line = canvas[row, left:right]
        for column in range(len(line)):
            line[column] = grey


@kernel
def stamp(canvas: Canvas, sprite: Canvas, x: int, y: int, mirrored: bool = False) -> None:
    """Draw a sprite with its upper left corner at (x, y), perhaps looking the other way."""
    height, width = sprite.shape
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, -y), min(height, canvas.shape[0] - y)):
        line = canvas[y + row, left:right]
        if mirrored:
            seen = sprite[row, max(0, x + width - canvas.shape[1]) :]
            for column in range(len(line)):
                grey = seen[len(line) - 1 - column]
                line[column] = grey if grey != 0 else line[column]
        else:
            seen = sprite[row, max(0, -x) :]
            for column in range(len(line)):
                grey = seen[column]
                line[column] = grey if grey != 0 else line[column]


@kernel
def tint(canvas: Canvas, sprite: Canvas, x: int, y: int, grey: int) -> None:
    """Draw a sprite's shape in one colour."""
    height, width = sprite.shape
    left, right = max(0, x), max(0, min(canvas.shape[1], x + width))
    for row in range(max(0, -y), min(height, canvas.shape[0] - y)):
        line, seen = canvas[y + row, left:right], sprite[row, max(0, -x) :]
        for column in range(len(line)):
            line[column] = grey if seen[column] != 0 else line[column]

"""Games for human viewers: the canvas in colour and enlarged, with a glow, below a header of score, level and lives."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlkit_envs.arcade.config import STEPS_PER_SECOND
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.arcade.game import Game

SCALE = 6  # pixels of the image per pixel of the canvas, in each direction
HEADER_HEIGHT = 42  # pixels
WIDTH, HEIGHT = SIZE * SCALE, SIZE * SCALE + HEADER_HEIGHT
_GLOW = 0.55  # weight of the blurred image
_SCANLINE = 0.93  # brightness of the last row of each pixel, as on a cathode-ray tube

_TEXT = (236, 238, 244)
_LABEL = (128, 136, 156)
_HEADER = (13, 15, 22)
_HEART = ("##.##", "#####", "#####", ".###.", "..#..")


class Renderer:
    """Renders copies of one game in colour, and shows one in a window.

    Args:
        game: The game.
    """

    def __init__(self, game: Game):
        self._game = game
        weights = np.linspace(0.0, 1.0, SIZE)[:, None]
        top, bottom = (np.array(colour, dtype=np.float64) for colour in game.background)
        self._background = ((1.0 - weights) * top + weights * bottom)[:, None, :].repeat(SIZE, axis=1)
        rows = np.ones(SIZE * SCALE)
        rows[SCALE - 1 :: SCALE] = _SCANLINE
        self._scanlines = rows[:, None, None]
        self._font = ImageFont.load_default(22)
        self._small = ImageFont.load_default(13)
        self._window: Any = None
        self._clock: Any = None

    def render(self, canvas: npt.NDArray[np.uint8], record: Any) -> npt.NDArray[np.uint8]:
        """An image of a game.

        Args:
            canvas: (84, 84) uint8 grey levels.
            record: The game's record, whose score, level and lives are shown.

        Returns:
            (546, 504, 3) uint8.
        """
        colours = self._game.palette.colours[canvas].astype(np.float64)
        background = canvas == 0
        colours[background] = self._background[background]
        light = np.where(background[..., None], 0.0, colours)
        glow = _enlarged(_blurred(light), smooth=True)
        large = _enlarged(colours, smooth=False) * self._scanlines
        mixed = np.clip(np.maximum(large, 0.0) + _GLOW * glow * (1.0 - large / 255.0), 0.0, 255.0)
        image = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
        image[HEADER_HEIGHT:] = mixed.astype(np.uint8)
        image[:HEADER_HEIGHT] = self._header(int(record["score"]), int(record["level"]), int(record["lives"]))
        return image

    def show(self, canvas: npt.NDArray[np.uint8], record: Any) -> None:
        """Show a game in a window, at the speed of ``render_fps``."""
        import pygame

        if self._window is None:
            pygame.display.init()
            self._window = pygame.display.set_mode((WIDTH, HEIGHT))
            pygame.display.set_caption(self._game.name)
            self._clock = pygame.time.Clock()
        pygame.event.pump()  # without it the window counts as unresponsive
        image = self.render(canvas, record)
        self._window.blit(pygame.image.frombuffer(image.tobytes(), (WIDTH, HEIGHT), "RGB"), (0, 0))
        pygame.display.flip()
        self._clock.tick(STEPS_PER_SECOND)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            import pygame

            pygame.display.quit()
            self._window = None

    def _header(self, score: int, level: int, lives: int) -> npt.NDArray[np.uint8]:
        image = Image.new("RGB", (WIDTH, HEADER_HEIGHT), _HEADER)
        pen = ImageDraw.Draw(image)
        pen.text((14, 13), "SCORE", fill=_LABEL, font=self._small)
        pen.text((68, 7), str(score), fill=_TEXT, font=self._font)
        pen.text((WIDTH / 2 - 46, 13), "LEVEL", fill=_LABEL, font=self._small)
        pen.text((WIDTH / 2 + 4, 7), str(level), fill=_TEXT, font=self._font)
        for life in range(min(lives, 8)):
            x = WIDTH - 30 - 24 * life
            for row, cells in enumerate(_HEART):
                for column, cell in enumerate(cells):
                    if cell == "#":
                        pen.rectangle(
                            (x + 3 * column, 13 + 3 * row, x + 3 * column + 2, 15 + 3 * row), fill=(240, 84, 104)
                        )
        pen.line((0, HEADER_HEIGHT - 1, WIDTH, HEADER_HEIGHT - 1), fill=(44, 48, 62))
        return np.asarray(image)


def _enlarged(colours: npt.NDArray[np.float64], smooth: bool) -> npt.NDArray[np.float64]:
    if not smooth:
        return colours.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    image = Image.fromarray(np.clip(colours, 0.0, 255.0).astype(np.uint8))
    return np.asarray(image.resize((SIZE * SCALE, SIZE * SCALE), Image.Resampling.BILINEAR), dtype=np.float64)


def _blurred(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Blur by two box filters of 3 pixels per axis, at half brightness."""
    for _ in range(2):
        for axis in (0, 1):
            wide = np.concatenate([light.take([0], axis), light, light.take([-1], axis)], axis)
            pixels = np.arange(SIZE)
            light = (wide.take(pixels, axis) + light + wide.take(pixels + 2, axis)) / 3.0
    return light * 0.5

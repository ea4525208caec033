"""Games as people see them: in colour, large and crisp, with a glow, and with score, level and lives above."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlkit_envs.arcade.config import DECISIONS_PER_SECOND
from rlkit_envs.arcade.drawing import SIZE
from rlkit_envs.arcade.game import Game

SCALE = 6  # pixels of the picture along each side of a pixel of the game
BAND = 42  # pixels of the band above the game
WIDTH, HEIGHT = SIZE * SCALE, SIZE * SCALE + BAND
_GLOW = 0.55  # share of the light that spreads
_GRILL = 0.93  # brightness of the last row of each pixel, as of the lines of a tube

_INK = (236, 238, 244)
_FAINT = (128, 136, 156)
_BAND_COLOUR = (13, 15, 22)
_HEART = ("##.##", "#####", "#####", ".###.", "..#..")


class Screen:
    """Draws games of one kind for people, and shows one in a window.

    Args:
        game: Which.
    """

    def __init__(self, game: Game):
        self._game = game
        shares = np.linspace(0.0, 1.0, SIZE)[:, None]
        top, bottom = (np.array(colour, dtype=np.float64) for colour in game.sky)
        self._sky = ((1.0 - shares) * top + shares * bottom)[:, None, :].repeat(SIZE, axis=1)
        rows = np.ones(SIZE * SCALE)
        rows[SCALE - 1 :: SCALE] = _GRILL
        self._grill = rows[:, None, None]
        self._font = ImageFont.load_default(22)
        self._small = ImageFont.load_default(13)
        self._window: Any = None
        self._clock: Any = None

    def picture(self, canvas: npt.NDArray[np.uint8], record: Any) -> npt.NDArray[np.uint8]:
        """A game in colour.

        Args:
            canvas: (84, 84) grey levels.
            record: The game's record, of which score, level and lives are shown.

        Returns:
            (546, 504, 3) uint8.
        """
        colours = self._game.palette.colours[canvas].astype(np.float64)
        background = canvas == 0
        colours[background] = self._sky[background]
        light = np.where(background[..., None], 0.0, colours)
        glow = _enlarged(_blurred(light), smooth=True)
        large = _enlarged(colours, smooth=False) * self._grill
        mixed = np.clip(np.maximum(large, 0.0) + _GLOW * glow * (1.0 - large / 255.0), 0.0, 255.0)
        whole = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
        whole[BAND:] = mixed.astype(np.uint8)
        whole[:BAND] = self._band(int(record["score"]), int(record["level"]), int(record["lives"]))
        return whole

    def show(self, canvas: npt.NDArray[np.uint8], record: Any) -> None:
        """Show a game in a window, and wait until the next picture is due."""
        import pygame

        if self._window is None:
            pygame.display.init()
            self._window = pygame.display.set_mode((WIDTH, HEIGHT))
            pygame.display.set_caption(self._game.name)
            self._clock = pygame.time.Clock()
        pygame.event.pump()  # Else the system takes the program for dead
        picture = self.picture(canvas, record)
        self._window.blit(pygame.image.frombuffer(picture.tobytes(), (WIDTH, HEIGHT), "RGB"), (0, 0))
        pygame.display.flip()
        self._clock.tick(DECISIONS_PER_SECOND)

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            import pygame

            pygame.display.quit()
            self._window = None

    def _band(self, score: int, level: int, lives: int) -> npt.NDArray[np.uint8]:
        image = Image.new("RGB", (WIDTH, BAND), _BAND_COLOUR)
        pen = ImageDraw.Draw(image)
        pen.text((14, 13), "SCORE", fill=_FAINT, font=self._small)
        pen.text((68, 7), str(score), fill=_INK, font=self._font)
        pen.text((WIDTH / 2 - 46, 13), "LEVEL", fill=_FAINT, font=self._small)
        pen.text((WIDTH / 2 + 4, 7), str(level), fill=_INK, font=self._font)
        for life in range(min(lives, 8)):
            x = WIDTH - 30 - 24 * life
            for row, cells in enumerate(_HEART):
                for column, cell in enumerate(cells):
                    if cell == "#":
                        pen.rectangle(
                            (x + 3 * column, 13 + 3 * row, x + 3 * column + 2, 15 + 3 * row), fill=(240, 84, 104)
                        )
        pen.line((0, BAND - 1, WIDTH, BAND - 1), fill=(44, 48, 62))
        return np.asarray(image)


def _enlarged(colours: npt.NDArray[np.float64], smooth: bool) -> npt.NDArray[np.float64]:
    if not smooth:
        return colours.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    image = Image.fromarray(np.clip(colours, 0.0, 255.0).astype(np.uint8))
    return np.asarray(image.resize((SIZE * SCALE, SIZE * SCALE), Image.Resampling.BILINEAR), dtype=np.float64)


def _blurred(light: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Light that has spread over its neighbourhood: two boxes, one after the other, along each side."""
    for _ in range(2):
        for axis in (0, 1):
            wide = np.concatenate([light.take([0], axis), light, light.take([-1], axis)], axis)
            places = np.arange(SIZE)
            light = (wide.take(places, axis) + light + wide.take(places + 2, axis)) / 3.0
    return light * 0.5

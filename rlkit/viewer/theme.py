"""Colours, fonts and small shapes shared by all panels."""

import importlib.util
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pygame
import pygame.gfxdraw

from rlkit.errors import UserError

Colour = tuple[int, int, int]

# Okabe and Ito (2008): colours that are distinguishable with any kind of colour blindness.
ORANGE: Colour = (230, 159, 0)
SKY: Colour = (86, 180, 233)
GREEN: Colour = (0, 158, 115)
VERMILLION: Colour = (213, 94, 0)
PURPLE: Colour = (204, 121, 167)

BACKGROUND: Colour = (13, 16, 21)
PANEL: Colour = (23, 27, 34)
TROUGH: Colour = (38, 44, 54)  # the empty part of a bar
LINE: Colour = (52, 60, 73)
TEXT: Colour = (233, 237, 242)
DIM: Colour = (140, 150, 164)  # contrast 5.6 : 1 on a panel, above the 4.5 that WCAG 2.1 asks for

# Font sizes in design pixels.
SMALL, BODY, CLEAR, HEAD, FIGURE = 11, 12, 13, 15, 18

DESIGN_SIZE = (1280, 720)  # pixels; all lengths are given for a window of this size


def scale_for(size: tuple[int, int]) -> float:
    """Scale of a window relative to 1280×720."""
    return min(max(min(size[0] / DESIGN_SIZE[0], size[1] / DESIGN_SIZE[1]), 0.7), 4.0)


@cache
def font_file(bold: bool) -> str | None:
    """DejaVu Sans from matplotlib, found without importing it (0.3 s); None for the default font of pygame."""
    spec = importlib.util.find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder, "mpl-data", "fonts", "ttf", "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
        if file.is_file():
            return str(file)
    return None


HANGUL_FONTS = ("nanumgothic", "nanumbarungothic", "notosanscjkkr", "notosanskr", "unbatang", "undotum", "baekmukdotum")
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")  # letters and syllables of Unicode


@cache
def hangul_font_file() -> str:
    """A font with Korean letters that is installed.

    Raises:
        UserError: There is none.
    """
    pygame.font.init()
    found = pygame.font.match_font(list(HANGUL_FONTS))
    if found is None:
        raise UserError(
            "There is no font with Korean letters to draw with: install one (on Debian and Ubuntu the package "
            "fonts-nanum), or choose English sentences.",
            exit_code=1,
        )
    return str(found)


class Pen:
    """Draws text and shapes on a surface at one scale.

    Fonts do not outlive a call of `pygame.quit()`, which environments make: with pygame 2.6, a font that was opened
    before and is used after it ends the process. `close_fonts` is therefore called before environments are.

    Args:
        scale: Pixels per design pixel, see `scale_for`.
    """

    def __init__(self, scale: float):
        self.scale = scale
        self._fonts: dict[tuple[int, bool, bool], pygame.font.Font] = {}
        self._widths: dict[tuple[str, float, bool], int] = {}

    def px(self, length: float) -> int:
        """Convert design pixels to pixels, at least 1."""
        return max(1, round(length * self.scale))

    def font(self, size: float, bold: bool = False, text: str = "") -> pygame.font.Font:
        """Font of a size in design pixels, at least 10 pixels, with the letters of a text."""
        key = (max(10, round(size * self.scale)), bold, HANGUL.search(text) is not None)
        if key not in self._fonts:
            pygame.font.init()
            self._fonts[key] = pygame.font.Font(hangul_font_file() if key[2] else font_file(bold), key[0])
        return self._fonts[key]

    def close_fonts(self) -> None:
        """Close the fonts; they are opened again when needed (0.1 ms each)."""
        self._fonts.clear()

    def line_height(self, size: float) -> int:
        """Height of a line of text."""
        return int(self.font(size).get_linesize())

    def width(self, text: str, size: float, bold: bool = False) -> int:
        """Width of a line of text."""
        key = (text, size, bold)
        if key not in self._widths:
            if len(self._widths) > 2000:  # numbers change with every frame
                self._widths.clear()
            self._widths[key] = int(self.font(size, bold, text).size(text)[0])
        return self._widths[key]

    def fit(self, text: str, width: int, size: float, bold: bool = False) -> str:
        """Shorten a text with an ellipsis until it fits."""
        if self.width(text, size, bold) <= width:
            return text
        while text and self.width(text + "…", size, bold) > width:
            text = text[:-1]
        return text.rstrip() + "…" if text else ""

    def fit_name(self, text: str, width: int, size: float, bold: bool = False) -> str:
        """Shorten a name so that names stay different: word by word, then in the middle.

        "hard right accelerate" becomes "hard right accel"; DOWNRIGHT and DOWNRIGHTFIRE must not become the same.
        """
        words = text.split()
        while len(words) > 1 and self.width(" ".join(words), size, bold) > width:
            longest = max(range(len(words)), key=lambda i: (len(words[i]) * words[i].isalpha(), i))
            if len(words[longest]) <= 3 or not words[longest].isalpha():
                break
            words[longest] = words[longest][:-1]
        short = " ".join(words) if words else text
        if self.width(short, size, bold) <= width:
            return short
        for kept in range(len(text) - 1, 0, -1):
            # More of the end than of the beginning: that is where numbered and combined names differ.
            head, tail = text[: kept // 3].rstrip(), text[len(text) - (kept - kept // 3) :].lstrip()
            if self.width(f"{head}…{tail}", size, bold) <= width:
                return f"{head}…{tail}"
        return ""

    def text(
        self,
        surface: pygame.Surface,
        text: str,
        position: tuple[float, float],
        size: float = CLEAR,
        colour: Colour = TEXT,
        *,
        bold: bool = False,
        anchor: str = "topleft",
        width: int | None = None,
    ) -> pygame.Rect:
        """Draw a line of text and return its place.

        Args:
            surface: Where to draw.
            text: The text.
            position: (x, y) of the anchor.
            size: Font size in design pixels.
            colour: Its colour.
            bold: Whether it is bold.
            anchor: Name of a `pygame.Rect` corner or side, such as "midright".
            width: Width in pixels to which it is shortened; None for any.
        """
        if width is not None:
            text = self.fit(text, width, size, bold)
        picture = self.font(size, bold, text).render(text, True, colour)
        place = picture.get_rect(**{anchor: (round(position[0]), round(position[1]))})
        surface.blit(picture, place)
        return place

    def panel(self, surface: pygame.Surface, rect: pygame.Rect, title: str = "", note: str = "") -> pygame.Rect:
        """Draw the background and title of a panel, and return the space inside."""
        pygame.draw.rect(surface, PANEL, rect, border_radius=self.px(7))
        inside = rect.inflate(-2 * self.px(12), -2 * self.px(9))
        if title:
            place = self.text(surface, title, inside.topleft, BODY, DIM, bold=True, width=inside.width)
            room = inside.right - place.right - self.px(10)
            if note and room > self.px(30):
                self.text(surface, note, (inside.right, inside.top), BODY, DIM, anchor="topright", width=room)
            used = self.title_height()
            inside = pygame.Rect(inside.left, inside.top + used, inside.width, max(0, inside.height - used))
        return inside

    def title_height(self) -> int:
        """Height of the title of a panel with the gap below."""
        return self.line_height(BODY) + self.px(5)

    def frame_height(self) -> int:
        """Height of a titled panel without its contents."""
        return self.title_height() + 2 * self.px(9)

    def bar(self, surface: pygame.Surface, rect: pygame.Rect, low: float, high: float, colour: Colour) -> None:
        """Draw a bar that is filled between two fractions (0 to 1) of its width."""
        radius = min(self.px(2), rect.height // 2)
        pygame.draw.rect(surface, TROUGH, rect, border_radius=radius)
        low, high = sorted((min(max(low, 0.0), 1.0), min(max(high, 0.0), 1.0)))
        left = rect.left + round(low * rect.width)
        filled = pygame.Rect(left, rect.top, max(2, round(high * rect.width) - round(low * rect.width)), rect.height)
        pygame.draw.rect(surface, colour, filled.clamp(rect), border_radius=radius)

    def disc(self, surface: pygame.Surface, centre: tuple[float, float], radius: float, colour: Colour) -> None:
        """Draw a filled, antialiased circle; the radius is in design pixels."""
        x, y, r = round(centre[0]), round(centre[1]), self.px(radius)
        pygame.gfxdraw.aacircle(surface, x, y, r, colour)
        pygame.gfxdraw.filled_circle(surface, x, y, r, colour)

    def shape(self, surface: pygame.Surface, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        """Draw a filled, antialiased polygon."""
        pygame.gfxdraw.aapolygon(surface, points, colour)
        pygame.gfxdraw.filled_polygon(surface, points, colour)


def number(value: float, decimals: int | None = None) -> str:
    """Format a number with about four digits, a thousands separator and a minus sign."""
    if not math.isfinite(value):
        return "–"
    magnitude = abs(value)
    if magnitude >= 1e7:
        return f"{value:.2e}".replace("-", "−").replace("e+", "e")
    if decimals is None:
        decimals = 0 if magnitude >= 1000 or float(value).is_integer() else 1 if magnitude >= 100 else 2
    text = f"{value:,.{decimals}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def decimals_for(spread: float, digits: float = 1.6) -> int:
    """Number of decimals that resolves numbers within a range to about so many digits."""
    if not math.isfinite(spread) or spread <= 0:
        return 2
    return min(max(math.ceil(digits - math.log10(spread)), 0), 4)


def blit_fitted(surface: pygame.Surface, source: pygame.Surface, rect: pygame.Rect) -> None:
    """Draw a surface in the centre of a rectangle, as large as fits."""
    zoom = min(rect.width / source.get_width(), rect.height / source.get_height())
    place = pygame.Rect(0, 0, max(1, round(zoom * source.get_width())), max(1, round(zoom * source.get_height())))
    place.center = rect.center
    surface.blit(pygame.transform.smoothscale(source, place.size), place)


def to_surface(array: npt.NDArray[np.uint8]) -> pygame.Surface:
    """Convert an (H, W, 3) uint8 array to a surface; no display is needed."""
    pixels = np.ascontiguousarray(array, dtype=np.uint8)
    return pygame.image.frombuffer(pixels.tobytes(), (pixels.shape[1], pixels.shape[0]), "RGB")


def pixels_of(surface: pygame.Surface) -> npt.NDArray[np.uint8]:
    """Convert a surface to an (H, W, 3) uint8 array."""
    width, height = surface.get_size()
    return np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8).reshape(height, width, 3)

"""A sheet of pictures: one row per camera picture, one column per way of looking at it, and what the colours mean."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlkit.segmentation.visualization.palette import (
    UNKNOWN,
    WRONG,
    class_colours,
    laid_over,
    paint_classes,
    paint_errors,
    paint_shares,
)
from rlkit.spaces import Classes, Pixels
from rlkit.viewer.theme import BACKGROUND, DIM, GREEN, TEXT, Colour, font_file

PANEL_WIDTH = 320  # pixels that a panel has at least: small pictures are enlarged by a whole factor
LARGEST_PANEL = 640  # pixels that a panel has at most
MARGIN, GAP = 24, 10  # pixels
TITLE, CAPTION, KEY = 17, 13, 14  # heights of type in pixels
MOMENT_COLUMNS = 3  # panels side by side where a single picture is shown, so that its shape is that of a screen
CLASS_SHARE = 0.72  # of the colour of a class in a panel; the rest is the picture, so that one sees what was meant


@dataclass(frozen=True)
class Row:
    """One camera picture and everything that is shown of it.

    Args:
        image: (H, W, 3) uint8.
        found: (H, W) uint8, the likeliest class of each pixel.
        truth: (H, W) uint8 where it is known.
        uncertainty: (H, W) floats from 0 to 1.
        caption: One line, such as the picture's file.
    """

    image: Pixels
    found: Pixels
    truth: Pixels | None = None
    uncertainty: npt.NDArray[np.float32] | None = None
    caption: str = ""

    def panels(self, colours: npt.NDArray[np.uint8]) -> dict[str, Pixels]:
        """What is shown, by title, each (H, W, 3) uint8."""
        panels = {"picture": self.image}
        if self.truth is not None:
            panels["truth"] = laid_over(self.image, paint_classes(self.truth, colours), CLASS_SHARE)
        panels["found"] = laid_over(self.image, paint_classes(self.found, colours), CLASS_SHARE)
        if self.truth is not None:
            panels["where it errs"] = paint_errors(self.image, self.found, self.truth)
        if self.uncertainty is not None:
            panels["uncertainty"] = paint_shares(self.uncertainty)
        return panels


def draw_sheet(
    rows: Sequence[Row], classes: Classes, title: str = "", note: str = "", *, columns: int | None = None
) -> Pixels:
    """Draw a sheet.

    Args:
        rows: At least one; all of them have a truth and an uncertainty, or none has.
        classes: What the labels mean.
        title: A line above it.
        note: Behind the title, less loud.
        columns: Panels side by side; None for all that belong to a picture.

    Returns:
        (height, width, 3) uint8.
    """
    colours = class_colours(classes.names)
    shown = [row.panels(colours) for row in rows]
    names = list(shown[0])
    lines = [names[start : start + (columns or len(names))] for start in range(0, len(names), columns or len(names))]
    width = _panel_width(rows[0].image)
    heights = [max(1, round(width * row.image.shape[0] / row.image.shape[1])) for row in rows]
    below = [GAP + (CAPTION + 8 if row.caption else 0) for row in rows]
    titles = CAPTION + 10  # above each line of panels where a picture has several, else above all of them
    repeated = titles if len(lines) > 1 else 0
    sheet_width = 2 * MARGIN + len(lines[0]) * width + (len(lines[0]) - 1) * GAP
    keys = _arrange_keys(_keys(classes, rows, colours), sheet_width - 2 * MARGIN)
    head = MARGIN + (TITLE + 16 if title else 0)
    top = head + titles - repeated
    foot = top + sum(len(lines) * (height + repeated) + (len(lines) - 1) * GAP for height in heights) + sum(below) + 6
    sheet = Image.new("RGB", (sheet_width, foot + len(keys) * (KEY + 12) + MARGIN - 6), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    if title:
        _draw_title(pen, title, note, sheet_width)
    for number, (row, panels, height, gap) in enumerate(zip(rows, shown, heights, below, strict=True)):
        for line in lines:
            top += repeated
            for column, name in enumerate(line):
                left = MARGIN + column * (width + GAP)
                if repeated or number == 0:
                    pen.text((left, top - titles), name, DIM, _font(CAPTION, True))
                sheet.paste(_fitted(panels[name], (width, height)), (left, top))
            top += height + GAP
        if row.caption:
            pen.text((MARGIN, top - GAP + 4), _fit(row.caption, sheet_width - 2 * MARGIN, CAPTION), DIM, _font(CAPTION))
        top += gap - GAP
    for count, placed in enumerate(keys):
        for x, key in placed:
            _draw_key(pen, sheet, (MARGIN + x, foot + count * (KEY + 12)), key)
    return np.asarray(sheet)


def draw_moment(row: Row, classes: Classes) -> Pixels:
    """Draw a sheet of a single picture, in the shape of a screen: for films and windows."""
    return draw_sheet([row], classes, columns=MOMENT_COLUMNS)


def _draw_title(pen: ImageDraw.ImageDraw, title: str, note: str, width: int) -> None:
    pen.text((MARGIN, MARGIN - 4), title, TEXT, _font(TITLE, True))
    end = MARGIN + _font(TITLE, True).getlength(title) + 12
    pen.text((end, MARGIN - 4 + TITLE - CAPTION), _fit(note, width - MARGIN - end, CAPTION), DIM, _font(CAPTION))


@dataclass(frozen=True)
class _Key:
    """An entry of the legend: a swatch, or for shares a ramp, and its name."""

    name: str
    colour: Colour | None
    bold: bool = False

    @property
    def swatch(self) -> int:
        """Its width in pixels."""
        return KEY if self.colour is not None else 6 * KEY

    @property
    def width(self) -> int:
        """Of the whole entry in pixels."""
        return self.swatch + 7 + math.ceil(_font(KEY, self.bold).getlength(self.name)) + 20


def _keys(classes: Classes, rows: Sequence[Row], colours: npt.NDArray[np.uint8]) -> list[_Key]:
    """Classes that can be driven on are written bold and named as such."""
    keys = []
    for name, (red, green, blue), drivable in zip(classes.names, colours.tolist(), classes.drivable_mask, strict=True):
        keys.append(
            _Key(f"{name} (drivable)" if drivable and name != "drivable" else name, (red, green, blue), drivable)
        )
    if rows[0].truth is not None:
        keys += [_Key("not labelled", UNKNOWN), _Key("wrong", WRONG)]
    if rows[0].uncertainty is not None:
        keys.append(_Key("uncertain: 0 to 1", None))
    return keys


def _arrange_keys(keys: Sequence[_Key], width: int) -> list[list[tuple[int, _Key]]]:
    """Lines of entries with the x of each, none wider than `width` unless one entry alone is."""
    lines: list[list[tuple[int, _Key]]] = [[]]
    x = 0
    for key in keys:
        if lines[-1] and x + key.width - 20 > width:
            lines.append([])
            x = 0
        lines[-1].append((x, key))
        x += key.width
    return lines


def _draw_key(pen: ImageDraw.ImageDraw, sheet: Image.Image, place: tuple[int, int], key: _Key) -> None:
    x, y = place
    if key.colour is not None:
        pen.rounded_rectangle((x, y + 2, x + key.swatch - 1, y + KEY + 1), 3, key.colour)
    else:
        ramp = paint_shares(np.linspace(0, 1, key.swatch)[None].repeat(KEY, axis=0))
        sheet.paste(Image.fromarray(ramp), (x, y + 2))
    pen.text((x + key.swatch + 7, y), key.name, GREEN if key.bold else TEXT, _font(KEY, key.bold))


def _panel_width(image: Pixels) -> int:
    """Width of the panels: small pictures are enlarged in whole multiples, large ones made smaller."""
    width = int(image.shape[1])
    return min(LARGEST_PANEL, width * max(1, -(-PANEL_WIDTH // width)))


def _fitted(panel: Pixels, size: tuple[int, int]) -> Image.Image:
    picture = Image.fromarray(panel)
    grows = size[0] >= picture.width
    return picture.resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.BOX)


def _fit(text: str, width: float, size: int) -> str:
    """Shorten a line in its middle until it fits: the end of a file's name says most."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    kept = len(text)
    while kept > 2:
        kept -= 1
        short = f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
        if font.getlength(short) <= width:
            return short
    return ""


_fonts: dict[tuple[int, bool], ImageFont.FreeTypeFont] = {}


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    if (size, bold) not in _fonts:
        file = font_file(bold)
        font = ImageFont.truetype(file, size) if file is not None else ImageFont.load_default(size)
        assert isinstance(font, ImageFont.FreeTypeFont)
        _fonts[size, bold] = font
    return _fonts[size, bold]

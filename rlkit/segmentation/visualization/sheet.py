"""A sheet of predictions: one row per image, with ground truth, prediction, errors, uncertainty and a legend."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlkit.boxes import BoxedImage
from rlkit.segmentation.visualization.palette import (
    UNKNOWN,
    WRONG,
    blend,
    class_colours,
    paint_classes,
    paint_errors,
    paint_values,
)
from rlkit.spaces import Classes, Pixels
from rlkit.viewer.box_layout import place_boxes
from rlkit.viewer.theme import BACKGROUND, DIM, GREEN, TEXT, Colour, font_file

MIN_PANEL = 320  # pixels; width of a panel, up to which small images are enlarged by a whole factor
MAX_PANEL = 640  # pixels
MARGIN, GAP = 24, 10  # pixels
TITLE, CAPTION, KEY = 17, 13, 14  # font sizes in pixels
SINGLE_COLUMNS = 3  # panels side by side on the sheet of a single image, for the aspect ratio of a screen
OBJECTS = "objects"  # title of the panel with boxes
CLASS_ALPHA = 0.72  # opacity of the class colours over the image


@dataclass(frozen=True)
class Row:
    """An image and its prediction.

    Args:
        image: (H, W, 3) uint8.
        found: (H, W) uint8, predicted classes.
        truth: (H, W) uint8, labels; None if there are none.
        uncertainty: (H, W) floats in [0, 1].
        caption: One line, such as the file name.
        boxed: The image with the true boxes of the objects in it; None if there are none.
    """

    image: Pixels
    found: Pixels
    truth: Pixels | None = None
    uncertainty: npt.NDArray[np.float32] | None = None
    caption: str = ""
    boxed: BoxedImage | None = None

    def panels(self, colours: npt.NDArray[np.uint8]) -> dict[str, Pixels]:
        """The panels by title, (H, W, 3) uint8 each."""
        panels = {"image": self.image}
        if self.truth is not None:
            panels["ground truth"] = blend(self.image, paint_classes(self.truth, colours), CLASS_ALPHA)
        if self.boxed is not None:
            panels[OBJECTS] = self.image  # over which boxes are drawn
        panels["prediction"] = blend(self.image, paint_classes(self.found, colours), CLASS_ALPHA)
        if self.truth is not None:
            panels["errors"] = paint_errors(self.image, self.found, self.truth)
        if self.uncertainty is not None:
            panels["uncertainty"] = paint_values(self.uncertainty)
        return panels


def draw_sheet(
    rows: Sequence[Row], classes: Classes, title: str = "", note: str = "", *, columns: int | None = None
) -> Pixels:
    """Draw a sheet.

    Args:
        rows: At least one; all or none have labels, boxes, an uncertainty.
        classes: Classes of predictions and labels.
        title: First line.
        note: Behind the title, in a smaller font.
        columns: Panels side by side; None for all panels of an image.

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
    titles = CAPTION + 10  # above each line of panels if an image has several lines, else above all of them
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
                if name == OBJECTS and row.boxed is not None:
                    _draw_boxes(pen, row.boxed, (left, top, width, height))
            top += height + GAP
        if row.caption:
            pen.text((MARGIN, top - GAP + 4), _fit(row.caption, sheet_width - 2 * MARGIN, CAPTION), DIM, _font(CAPTION))
        top += gap - GAP
    for count, placed in enumerate(keys):
        for x, key in placed:
            _draw_key(pen, sheet, (MARGIN + x, foot + count * (KEY + 12)), key)
    return np.asarray(sheet)


def draw_single(row: Row, classes: Classes) -> Pixels:
    """Draw a sheet of a single image with the aspect ratio of a screen, for videos and windows."""
    return draw_sheet([row], classes, columns=SINGLE_COLUMNS)


def _draw_title(pen: ImageDraw.ImageDraw, title: str, note: str, width: int) -> None:
    pen.text((MARGIN, MARGIN - 4), title, TEXT, _font(TITLE, True))
    end = MARGIN + _font(TITLE, True).getlength(title) + 12
    pen.text((end, MARGIN - 4 + TITLE - CAPTION), _fit(note, width - MARGIN - end, CAPTION), DIM, _font(CAPTION))


def _draw_boxes(pen: ImageDraw.ImageDraw, boxed: BoxedImage, place: tuple[int, int, int, int]) -> None:
    """Draw boxes over their image, and above each its class and distance."""
    font = _font(CAPTION)

    def measure(text: str) -> tuple[int, int]:
        return math.ceil(font.getlength(text)) + 6, CAPTION + 3

    placed = list(place_boxes(boxed, place, measure))
    for one in placed:
        pen.rectangle((*one.box.topleft, one.box.right - 1, one.box.bottom - 1), None, one.colour, 1 if one.thin else 2)
    for one in placed:
        if one.tag is not None:
            pen.rectangle((*one.tag.topleft, one.tag.right - 1, one.tag.bottom - 1), one.colour)
            pen.text((one.tag.left + 3, one.tag.top), one.text, BACKGROUND, font)


@dataclass(frozen=True)
class _Key:
    """An entry of the legend: a swatch, or a colour ramp without `colour`, and its name."""

    name: str
    colour: Colour | None
    bold: bool = False

    @property
    def swatch(self) -> int:
        """Width of the swatch in pixels."""
        return KEY if self.colour is not None else 6 * KEY

    @property
    def width(self) -> int:
        """Width of the entry in pixels."""
        return self.swatch + 7 + math.ceil(_font(KEY, self.bold).getlength(self.name)) + 20


def _keys(classes: Classes, rows: Sequence[Row], colours: npt.NDArray[np.uint8]) -> list[_Key]:
    """The entries of the legend; drivable classes are bold."""
    keys = []
    for name, (red, green, blue), drivable in zip(classes.names, colours.tolist(), classes.drivable_mask, strict=True):
        keys.append(
            _Key(f"{name} (drivable)" if drivable and name != "drivable" else name, (red, green, blue), drivable)
        )
    if rows[0].truth is not None:
        keys += [_Key("unlabelled", UNKNOWN), _Key("wrong", WRONG)]
    if rows[0].uncertainty is not None:
        keys.append(_Key("uncertainty 0 to 1", None))
    return keys


def _arrange_keys(keys: Sequence[_Key], width: int) -> list[list[tuple[int, _Key]]]:
    """Break entries into lines of at most `width` pixels, with the x of each."""
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
        ramp = paint_values(np.linspace(0, 1, key.swatch)[None].repeat(KEY, axis=0))
        sheet.paste(Image.fromarray(ramp), (x, y + 2))
    pen.text((x + key.swatch + 7, y), key.name, GREEN if key.bold else TEXT, _font(KEY, key.bold))


def _panel_width(image: Pixels) -> int:
    """Width of the panels: small images are enlarged by a whole factor, large ones reduced."""
    width = int(image.shape[1])
    return min(MAX_PANEL, width * max(1, -(-MIN_PANEL // width)))


def _fitted(panel: Pixels, size: tuple[int, int]) -> Image.Image:
    picture = Image.fromarray(panel)
    grows = size[0] >= picture.width
    return picture.resize(size, Image.Resampling.NEAREST if grows else Image.Resampling.BOX)


def _fit(text: str, width: float, size: int) -> str:
    """Shorten a line in its middle until it fits, which keeps the end of file names."""
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

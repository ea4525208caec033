"""Drawing of boxes over pictures, and sheets of predictions beside the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from rlkit.detection.objects import Objects
from rlkit.perception.detections import Detections
from rlkit.segmentation.visualization.palette import blend, class_colours, paint_classes
from rlkit.spaces import Classes, Pixels
from rlkit.viewer.theme import BACKGROUND, DIM, TEXT, Colour, font_file

MIN_PANEL, MAX_PANEL = 320, 640  # pixels, width of a picture on a sheet
MARGIN, GAP = 16, 8  # pixels
SIZE = 13  # of the font, in pixels
LINE = 2  # pixels, width of a box's outline
ALPHA = 0.35  # opacity of classes of pixels
IGNORED_COLOUR: Colour = DIM


@dataclass(frozen=True)
class FoundRow:
    """A picture with found objects.

    Args:
        image: (H, W, 3) uint8.
        found: Found objects, in its pixels.
        truth: True objects; None if unknown.
        classes: (H, W) uint8, predicted classes of pixels; None if there are none.
        caption: One line, such as the file name.
    """

    image: Pixels
    found: Detections
    truth: Objects | None = None
    classes: Pixels | None = None
    caption: str = ""


def draw_found(
    rows: Sequence[FoundRow],
    kinds: Sequence[str],
    classes: Classes | None = None,
    title: str = "",
    true_kinds: Sequence[str] | None = None,
) -> Pixels:
    """Draw a sheet: one row per picture, with the true objects beside the found ones where they are known.

    Args:
        rows: The pictures; without any, only the title is drawn.
        kinds: Names of the kinds of objects.
        classes: Classes of pixels.
        title: First line.
        true_kinds: Names of the kinds of the true objects; None for `kinds`.

    Returns:
        (height, width, 3) uint8.
    """
    panels = [_panels(row, kinds, classes, kinds if true_kinds is None else true_kinds) for row in rows]
    columns = max((len(line) for line in panels), default=1)
    width = max((panel.width for line in panels for panel in line), default=MIN_PANEL)
    heights = [max(panel.height for panel in line) + SIZE + GAP for line in panels]
    sheet_size = (2 * MARGIN + columns * width + (columns - 1) * GAP, 3 * MARGIN + SIZE + sum(heights))
    sheet = Image.new("RGB", sheet_size, BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 4), title, TEXT, _font())
    top = 2 * MARGIN + SIZE - 4
    for row, line, height in zip(rows, panels, heights, strict=True):
        for column, panel in enumerate(line):
            sheet.paste(panel, (MARGIN + column * (width + GAP), top))
        pen.text((MARGIN, top + height - SIZE - GAP + 2), row.caption, DIM, _font())
        top += height
    return np.asarray(sheet)


def draw_objects(
    image: Pixels, found: Detections, kinds: Sequence[str], labels: Pixels | None = None, classes: Classes | None = None
) -> Pixels:
    """Draw found objects with kind, score and distance over a picture of the same size: (H, W, 3) uint8."""
    return np.asarray(_painted(FoundRow(image, found, None, labels), kinds, classes, image.shape[1]))


def _panels(
    row: FoundRow, kinds: Sequence[str], classes: Classes | None, true_kinds: Sequence[str]
) -> list[Image.Image]:
    width = int(row.image.shape[1])
    wide = min(MAX_PANEL, width * max(1, -(-MIN_PANEL // width)))
    found = _painted(row, kinds, classes, wide)
    return [found] if row.truth is None else [_true(row, row.truth, true_kinds, wide), found]


def _true(row: FoundRow, truth: Objects, kinds: Sequence[str], width: int) -> Image.Image:
    picture, factor = _scaled(row.image, width)
    pen = ImageDraw.Draw(picture)
    colours = _colours(kinds)
    for box, label, ignored, metres in zip(truth.boxes, truth.labels, truth.ignored, truth.distances, strict=True):
        colour = IGNORED_COLOUR if ignored else colours[int(label)]
        text = "ignored" if ignored else f"{kinds[int(label)]}{_metres(float(metres))}"
        _draw_box(pen, box * factor, colour, text)
    return picture


def _painted(row: FoundRow, kinds: Sequence[str], classes: Classes | None, width: int) -> Image.Image:
    image = row.image
    if row.classes is not None and classes is not None:
        painted = paint_classes(row.classes, class_colours(classes.names))
        mask = classes.drivable_mask[row.classes]
        image = np.where(mask[..., None], blend(image, painted, ALPHA), image)
    picture, factor = _scaled(image, width)
    pen = ImageDraw.Draw(picture)
    colours = _colours(kinds)
    found = row.found
    for k in reversed(range(len(found))):  # the most certain on top
        label = int(found.labels[k])
        text = f"{kinds[label]} {found.scores[k]:.2f}{_metres(float(found.distances[k]))}"
        _draw_box(pen, found.boxes[k] * factor, colours[label], text)
    return picture


def _metres(distance: float) -> str:
    return f" {distance:.0f} m" if distance == distance else ""


def _colours(kinds: Sequence[str]) -> list[Colour]:
    return [(red, green, blue) for red, green, blue in class_colours(kinds).tolist()]


def _scaled(image: Pixels, width: int) -> tuple[Image.Image, npt.NDArray[np.float32]]:
    """The picture at another width, and the factor of coordinates in it."""
    height = max(1, round(width * image.shape[0] / image.shape[1]))
    how = Image.Resampling.NEAREST if width >= image.shape[1] else Image.Resampling.BOX
    factor = np.array([width / image.shape[1], height / image.shape[0]] * 2, np.float32)
    return Image.fromarray(np.ascontiguousarray(image)).resize((width, height), how), factor


def _draw_box(pen: ImageDraw.ImageDraw, box: npt.NDArray[np.float32], colour: Colour, text: str) -> None:
    x1, y1, x2, y2 = (float(number) for number in box)
    pen.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=colour, width=LINE)
    above = y1 - SIZE - 3 if y1 >= SIZE + 3 else y1 + LINE
    pen.rectangle((x1, above, x1 + _font().getlength(text) + 4, above + SIZE + 2), fill=BACKGROUND)
    pen.text((x1 + 2, above), text, colour, _font())


_fonts: list[ImageFont.FreeTypeFont] = []


def _font() -> ImageFont.FreeTypeFont:
    if not _fonts:
        file = font_file(False)
        font = ImageFont.truetype(file, SIZE) if file is not None else ImageFont.load_default(SIZE)
        assert isinstance(font, ImageFont.FreeTypeFont)
        _fonts.append(font)
    return _fonts[0]

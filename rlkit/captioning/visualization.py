"""Sheets of pictures with sentences."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rlkit.captioning.datasets.base import Tokens
from rlkit.captioning.vocabulary import to_text
from rlkit.spaces import Pixels
from rlkit.viewer.theme import BACKGROUND, DIM, TEXT, font_file

MIN_PANEL, MAX_PANEL = 256, 512  # pixels, width of a picture on a sheet
MARGIN, GAP = 16, 12  # pixels
SIZE, LINE = 14, 19  # of the font and of a line of text, in pixels
TEXT_WIDTH, CHARACTERS = 440, 54  # of the sentences, in pixels and in letters
REFERENCES = 2  # of an example that are shown


@dataclass(frozen=True)
class CaptionRow:
    """A picture with its sentence.

    Args:
        image: (H, W, 3) uint8.
        found: The sentence of a captioner.
        references: True sentences; () if they are unknown.
        caption: One line, such as the file name.
    """

    image: Pixels
    found: Tokens
    references: tuple[Tokens, ...] = ()
    caption: str = ""


def draw_captions(rows: Sequence[CaptionRow], title: str = "") -> Pixels:
    """Draw a sheet: one row per picture, with the sentence, references and the file beside it.

    Args:
        rows: The pictures; without any, only the title is drawn.
        title: First line; "" for none.

    Returns:
        (height, width, 3) uint8.
    """
    panels = [_panel(row.image) for row in rows]
    texts = [_lines(row) for row in rows]
    heights = [max(one.height, LINE * len(lines)) + GAP for one, lines in zip(panels, texts, strict=True)]
    left = 2 * MARGIN + max((one.width for one in panels), default=0)
    head = MARGIN + (LINE + GAP if title else 0)
    sheet = Image.new("RGB", (left + TEXT_WIDTH + MARGIN, head + sum(heights) + MARGIN - GAP), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, MARGIN - 4), title, TEXT, _font())
    top = head
    for panel, lines, height in zip(panels, texts, heights, strict=True):
        sheet.paste(panel, (MARGIN, top))
        for number, (line, found) in enumerate(lines):
            pen.text((left, top + LINE * number), line, TEXT if found else DIM, _font())
        top += height
    return np.asarray(sheet)


def _lines(row: CaptionRow) -> list[tuple[str, bool]]:
    """Lines of text, and whether each is of the found sentence."""
    texts = [(to_text(row.found) or "–", True)]
    texts += [(f"reference: {to_text(tokens)}", False) for tokens in row.references[:REFERENCES]]
    texts += [(row.caption, False)] if row.caption else []
    return [(line, found) for text, found in texts for line in textwrap.wrap(text, CHARACTERS)]


def _panel(image: Pixels) -> Image.Image:
    height, width = image.shape[:2]
    factor = max(1, -(-MIN_PANEL // width)) if width < MAX_PANEL else MAX_PANEL / width
    resample = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    return Image.fromarray(image).resize((round(width * factor), max(1, round(height * factor))), resample)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    file = font_file(False)
    return ImageFont.truetype(file, SIZE) if file is not None else ImageFont.load_default(SIZE)

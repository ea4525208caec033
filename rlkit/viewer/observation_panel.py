"""The observation panel: images channel by channel, vectors as bars or cells."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.perception.config import CAMERA
from rlkit.spaces import Leaf
from rlkit.viewer.frame import Array, Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import DIM, PURPLE, SKY, SMALL, TEXT, TROUGH, Pen, number, to_surface

MAX_BARS = 8  # components of a vector drawn as bars; longer vectors are drawn as cells
MAX_TILES = 16
ROW = 18  # design pixels, preferred height of a row
BESIDE = 250  # design pixels, the width from which vectors may be drawn beside images
SCALE_ENDS = (0.05, 0.1, 0.25, 0.5, 1.0)  # times a power of ten


@dataclass(frozen=True)
class Tile:
    """A small image: a channel, or one colour frame.

    Args:
        label: Its name.
        pixels: (H, W, 3) uint8.
    """

    label: str
    pixels: npt.NDArray[np.uint8]


def demand_inputs(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the panel."""
    line = pen.line_height(SMALL)
    pictures, vectors = _split(frame)
    least_pictures = good_pictures = 0
    for name, leaf in pictures.items():
        count = min(len(tiles(leaf, frame.leaves.get(name))), MAX_TILES)
        columns = min(count, 4)
        side = (width - pen.px(24)) / columns * leaf.shape[0] / leaf.shape[1]
        rows = math.ceil(count / columns)
        least_pictures += line + rows * (pen.px(48) + line)
        good_pictures += line + round(rows * (min(side, pen.px(230)) + line))
    least_vectors = sum(line * (1 + _rows(leaf)) for leaf in vectors.values())
    good_vectors = sum(line + pen.px(ROW) * _rows(leaf) for leaf in vectors.values())
    beside = bool(pictures and vectors) and width >= pen.px(BESIDE)
    least = max(least_pictures, least_vectors) if beside else least_pictures + least_vectors
    good = good_pictures + good_vectors
    return Demand(pen.frame_height() + least, pen.frame_height() + good, 2.0 if pictures else 0.0, 1)


def draw_inputs(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw every leaf of the observation: images above vectors, or beside them if that shows more."""
    inside = pen.panel(surface, rect, "Network input" if frame.as_network else "Observation")
    pictures, vectors = _split(frame)
    for_pictures, for_vectors = inside.copy(), inside.copy()
    if pictures and vectors:
        if inside.width >= pen.px(BESIDE) and inside.width > 1.3 * inside.height:
            for_pictures.width = min(inside.width // 2 - pen.px(8), _picture_width(pictures, frame, inside.height, pen))
            for_vectors.width = inside.width - for_pictures.width - pen.px(16)
            for_vectors.right = inside.right
        else:
            line = pen.line_height(SMALL)
            wanted = sum(line + _rows(leaf) * pen.px(ROW) for leaf in vectors.values())
            needed = sum(line * (1 + _rows(leaf)) for leaf in vectors.values())
            height = min(wanted, max(inside.height // 2, min(needed, inside.height * 2 // 3)))
            for_pictures.height = inside.height - height
    top = for_pictures.top
    for name, leaf in pictures.items():
        room = pygame.Rect(for_pictures.left, top, for_pictures.width, for_pictures.height // len(pictures))
        top = _draw_tiles(surface, room, name, leaf, frame.leaves.get(name), pen)
    if for_vectors.left == inside.left and pictures:
        for_vectors.height = inside.bottom - top
        for_vectors.top = top
    _draw_vectors(surface, for_vectors, vectors, frame, pen)


def _split(frame: Frame) -> tuple[dict[str, Array], dict[str, Array]]:
    """The image leaves and the vector leaves, without a camera image that has a panel of its own."""
    shown = () if frame.boxed is None or frame.as_network else (CAMERA,)
    pictures = {name: leaf for name, leaf in frame.inputs.items() if leaf.ndim == 3 and name not in shown}
    return pictures, {name: leaf for name, leaf in frame.inputs.items() if leaf.ndim != 3}


def _rows(leaf: Array) -> int:
    """Rows of a vector."""
    return leaf.size if leaf.size <= MAX_BARS else 3


def _picture_width(pictures: Mapping[str, Array], frame: Frame, height: int, pen: Pen) -> int:
    """Width that images need at a height."""
    height = height // len(pictures) - pen.line_height(SMALL)
    widths = [
        len(tiles(leaf, frame.leaves.get(name))) * (height * leaf.shape[1] / leaf.shape[0] + pen.px(6))
        for name, leaf in pictures.items()
    ]
    return int(max(widths))


def _draw_vectors(
    surface: pygame.Surface, inside: pygame.Rect, vectors: Mapping[str, Array], frame: Frame, pen: Pen
) -> None:
    line = pen.line_height(SMALL)
    top = inside.top
    for index, (name, leaf) in enumerate(vectors.items()):
        room = pygame.Rect(inside.left, top, inside.width, (inside.bottom - top) // (len(vectors) - index))
        reach = frame.reach.get(name, np.abs(leaf))
        if leaf.size <= MAX_BARS and room.height >= line * (leaf.size + 1):
            described = frame.leaves.get(name)
            named = described is not None and len(described.components) == leaf.size
            labels = described.components if described is not None and named else [str(n) for n in range(leaf.size)]
            top = _draw_bars(surface, room, name, leaf.astype(np.float32), labels, reach, pen)
        else:
            top = _draw_cells(surface, room, name, leaf.astype(np.float32), reach, pen)


def tiles(leaf: Array, described: Leaf | None) -> list[Tile]:
    """Split an (H, W, C) image into colour frames if a frame has three channels, else into channels.

    Args:
        leaf: uint8, or floats in [0, 1].
        described: Its description, which holds the number of stacked frames.
    """
    if leaf.dtype != np.uint8:
        leaf = np.rint(np.clip(leaf.astype(np.float32), 0, 1) * 255)
    pixels = leaf.astype(np.uint8)
    channels = pixels.shape[-1]
    stack = described.stack if described is not None and described.shape[-1] == channels else 1
    per_frame = channels // stack
    names = () if described is None else described.components
    if len(names) != per_frame:
        names = tuple(f"channel {channel + 1}" if per_frame > 1 else "" for channel in range(per_frame))
    cut = []
    for index in range(stack):
        age = stack - 1 - index
        when = "" if stack == 1 else "now" if age == 0 else f"t−{age}"
        frame = pixels[..., index * per_frame : (index + 1) * per_frame]
        if per_frame == 3:
            cut.append(Tile(when, frame))
            continue
        for channel, name in enumerate(names):
            cut.append(Tile(f"{name} {when}".strip(), np.repeat(frame[..., channel : channel + 1], 3, axis=-1)))
    return cut


def _draw_tiles(
    surface: pygame.Surface, room: pygame.Rect, name: str, leaf: Array, described: Leaf | None, pen: Pen
) -> int:
    """Draw an image leaf and return its lower end."""
    all_tiles = tiles(leaf, described)
    shown = all_tiles[-MAX_TILES:]  # the newest
    height, width, channels = leaf.shape
    more = f", {len(shown)} newest shown" if len(shown) < len(all_tiles) else ""
    line = pen.line_height(SMALL)
    pen.text(surface, f"{name}  {width}×{height}×{channels}{more}", room.topleft, SMALL, DIM, width=room.width)
    room = pygame.Rect(room.left, room.top + line, room.width, room.height - line)
    gap = pen.px(6)
    label = line if any(tile.label for tile in shown) else 0
    columns, zoom = _grid(len(shown), (width, height), room, gap, label)
    size = (max(1, int(width * zoom)), max(1, int(height * zoom)))
    bottom = room.top
    used = min(columns, len(shown)) * (size[0] + gap) - gap
    for index, tile in enumerate(shown):
        left = room.left + (room.width - used) // 2 + index % columns * (size[0] + gap)
        top = room.top + index // columns * (size[1] + label + gap)
        scaled = pygame.transform.scale if zoom >= 1 else pygame.transform.smoothscale
        surface.blit(scaled(to_surface(tile.pixels), size), (left, top))
        if label:
            pen.text(surface, tile.label, (left, top + size[1]), SMALL, DIM, width=size[0])
        bottom = top + size[1] + label
    return bottom + pen.px(6)


def _grid(count: int, size: tuple[int, int], room: pygame.Rect, gap: int, label: int) -> tuple[int, float]:
    """Number of columns that shows `count` images largest, and their magnification."""
    best = (1, 0.0)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        wide = (room.width - gap * (columns - 1)) / columns / size[0]
        high = (room.height - (gap + label) * rows) / rows / size[1]
        zoom = min(wide, high)
        if zoom >= 2:
            zoom = float(int(zoom))  # a whole factor keeps pixels square
        if zoom > best[1]:
            best = (columns, zoom)
    return best


def _draw_bars(
    surface: pygame.Surface,
    room: pygame.Rect,
    name: str,
    leaf: Array,
    labels: Sequence[str],
    reach: npt.NDArray[np.float32],
    pen: Pen,
) -> int:
    """Draw a short vector as one bar per component, with zero in the middle."""
    line = pen.line_height(SMALL)
    pen.text(surface, f"{name}  ({leaf.size})", room.topleft, SMALL, DIM, width=room.width)
    row_height = min(pen.px(20), (room.height - line) // leaf.size)
    number_width = pen.width("−000.00", SMALL)
    index_width = min(max(pen.width(label, SMALL) for label in labels), room.width // 3) + pen.px(6)
    for index, value in enumerate(leaf.tolist()):
        middle = room.top + line + index * row_height + row_height // 2
        width = index_width - pen.px(4)
        pen.text(surface, labels[index], (room.left, middle), SMALL, DIM, anchor="midleft", width=width)
        thick = max(3, min(pen.px(8), row_height - pen.px(4)))
        bar = pygame.Rect(room.left + index_width, middle - thick // 2, room.width - index_width - number_width, thick)
        share = 0.5 + 0.5 * _share(value, float(reach[index]))
        pen.bar(surface, bar, 0.5, share, SKY if value >= 0 else PURPLE)
        pygame.draw.line(surface, TEXT, (bar.centerx, bar.top - 1), (bar.centerx, bar.bottom))
        pen.text(surface, number(value, 2), (room.right, middle), SMALL, TEXT, anchor="midright")
    return room.top + line + leaf.size * row_height + pen.px(4)


def _draw_cells(
    surface: pygame.Surface, room: pygame.Rect, name: str, leaf: Array, reach: npt.NDArray[np.float32], pen: Pen
) -> int:
    """Draw a long vector as a grid of cells whose colour encodes sign and magnitude."""
    line = pen.line_height(SMALL)
    pen.text(surface, f"{name}  ({leaf.size})", room.topleft, SMALL, DIM, width=room.width)
    room = pygame.Rect(room.left, room.top + line, room.width, room.height - line)
    if room.height <= 0:
        return room.top
    side = int(min(pen.px(22), max(2.0, math.sqrt(room.width * room.height / leaf.size))))
    while side > 2 and math.ceil(leaf.size / (room.width // side)) * side > room.height:
        side -= 1
    columns = room.width // side
    bottom = room.top
    for index, value in enumerate(leaf.tolist()):
        top = room.top + index // columns * side
        if top + side > room.bottom:
            break
        share = abs(_share(value, float(reach[index])))
        strong = SKY if value >= 0 else PURPLE
        colour = tuple(round(share * s + (1 - share) * t) for s, t in zip(strong, TROUGH, strict=True))
        cell = pygame.Rect(room.left + index % columns * side, top, max(1, side - 1), max(1, side - 1))
        pygame.draw.rect(surface, colour, cell)
        bottom = top + side
    return bottom + pen.px(4)


def _share(value: float, reach: float) -> float:
    """Position of a number, -1 to 1, on a scale with a round end that covers `reach`."""
    if not (math.isfinite(value) and math.isfinite(reach)):
        return 0.0 if math.isnan(value) else math.copysign(1.0, value) * math.isinf(value)
    power = 10.0 ** max(0, math.ceil(math.log10(max(reach, 1.0))))
    end = next(step * power for step in SCALE_ENDS if reach <= step * power * 1.000001)
    return max(-1.0, min(1.0, value / end))


def first_picture(inputs: Mapping[str, Array], leaves: Mapping[str, Leaf]) -> npt.NDArray[np.uint8] | None:
    """The newest frame of the first image leaf, as a substitute for a scene; None if there is none."""
    for name, leaf in inputs.items():
        if leaf.ndim == 3:
            return tiles(leaf, leaves.get(name))[-1].pixels
    return None

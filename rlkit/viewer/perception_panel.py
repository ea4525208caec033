"""The perception panel: the camera image with the predicted drivable area over it, and the uncertainty."""

import math

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.perception.result import PerceptionResult
from rlkit.viewer.boxes_panel import lay_boxes
from rlkit.viewer.frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import DIM, GREEN, ORANGE, PURPLE, SMALL, TROUGH, VERMILLION, Colour, Pen, to_surface

GAP = 8  # design pixels between the images
NARROW = 300  # design pixels, the width below which the images are stacked if there is room
ALPHA = 0.5  # opacity of the colours over the image
RAMP = (TROUGH, ORANGE, (255, 244, 214))  # colours of uncertainty 0, 0.25 and 1

Picture = npt.NDArray[np.uint8]


def demand_perception(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the panel: its images are stacked in a narrow column, else side by side."""
    shown = _pictures(_perceived(frame))
    aspect = shown[0][1].shape[0] / shown[0][1].shape[1]
    label = _label_height(pen)
    room = width - 2 * pen.px(12)
    beside = (room - pen.px(GAP) * (len(shown) - 1)) / len(shown) * aspect + label
    good = len(shown) * (room * aspect + label) if width < pen.px(NARROW) else beside
    least = min(good, beside, pen.px(130) + label)
    return Demand(pen.frame_height() + round(least), pen.frame_height() + round(good), 0.5, 1)


def draw_perception(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw the camera image with the predicted area, and the uncertainty beside or below it."""
    seen = _perceived(frame)
    inside = pen.panel(surface, rect, "Camera", "" if seen.iou is None else f"IoU {seen.iou:.3f}")
    shown = _pictures(seen)
    gap, label = pen.px(GAP), _label_height(pen)
    height, width = shown[0][1].shape[:2]

    def zoom(columns: int) -> float:
        rows = math.ceil(len(shown) / columns)
        across = (inside.width - gap * (columns - 1)) / columns / width
        down = max(1, inside.height - rows * label) / rows / height
        return float(min(across, down))

    columns = max(range(1, len(shown) + 1), key=zoom)
    size = (max(1, int(width * zoom(columns))), max(1, int(height * zoom(columns))))
    used = columns * (size[0] + gap) - gap
    for index, (name, pixels) in enumerate(shown):
        place = pygame.Rect((0, 0), size)
        place.left = inside.left + (inside.width - used) // 2 + index % columns * (size[0] + gap)
        place.top = inside.top + index // columns * (size[1] + label)
        surface.blit(pygame.transform.smoothscale(to_surface(pixels), size), place)
        if index == 0 and frame.boxed is not None:
            lay_boxes(surface, place, frame.boxed, pen)
        _draw_legend(surface, pygame.Rect(place.left, place.bottom + pen.px(2), size[0], label), name, seen, pen)


def overlaid(seen: PerceptionResult) -> Picture:
    """The camera image with the predicted area in green and its border opaque.

    Where the truth is known, false positives are vermillion and false negatives purple.
    """
    found = seen.found
    ground = seen.image if seen.image is not None else np.full((*found.shape, 3), TROUGH, np.uint8)
    painted = ground.astype(np.float32)
    areas: list[tuple[npt.NDArray[np.bool_], Colour]] = [(found, GREEN)]
    if seen.truth is not None:
        areas = [(found & seen.truth, GREEN), (found & ~seen.truth, VERMILLION), (seen.truth & ~found, PURPLE)]
    for area, colour in areas:
        painted[area] = (1.0 - ALPHA) * painted[area] + ALPHA * np.array(colour, np.float32)
    painted[found & ~_inner(found)] = np.array(GREEN, np.float32)
    laid: Picture = np.rint(painted).astype(np.uint8)
    return laid


def paint_uncertainty(uncertainty: npt.NDArray[np.float32]) -> Picture:
    """Uncertainty (H, W) in [0, 1] as an image (H, W, 3) uint8, from dark over orange to white."""
    ends = np.array(RAMP, dtype=np.float32)
    scaled = 2.0 * np.sqrt(np.clip(uncertainty, 0.0, 1.0))  # makes small values visible
    low = np.minimum(scaled.astype(np.int64), 1)
    share = (scaled - low)[..., np.newaxis]
    mixed = (1.0 - share) * ends[low] + share * ends[low + 1]
    shown: Picture = np.rint(mixed).astype(np.uint8)
    return shown


def _pictures(seen: PerceptionResult) -> list[tuple[str, Picture]]:
    shown = [("area", overlaid(seen))]
    if seen.uncertainty is not None:
        shown.append(("uncertainty", paint_uncertainty(seen.uncertainty)))
    return shown


def _label_height(pen: Pen) -> int:
    return pen.line_height(SMALL) + pen.px(4)


def _draw_legend(surface: pygame.Surface, room: pygame.Rect, name: str, seen: PerceptionResult, pen: Pen) -> None:
    if name != "area":
        pen.text(surface, f"uncertainty of {seen.estimator}", room.topleft, SMALL, DIM, width=room.width)
        return
    entries: list[tuple[str, Colour]] = [("drivable", GREEN)]
    if seen.truth is not None:
        entries += [("wrong", VERMILLION), ("missed", PURPLE)]
    left = room.left
    for text, colour in entries:
        needed = pen.px(11) + pen.width(text, SMALL)
        if left + needed > room.right:
            break
        middle = room.top + pen.line_height(SMALL) // 2
        pygame.draw.rect(surface, colour, (left, middle - pen.px(4), pen.px(8), pen.px(8)), border_radius=pen.px(2))
        pen.text(surface, text, (left + pen.px(11), room.top), SMALL, DIM)
        left += needed + pen.px(9)


def _inner(area: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The pixels of an area whose four neighbours belong to it; the edge of the image is no border."""
    padded = np.pad(area, 1, mode="edge")
    inner: npt.NDArray[np.bool_] = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return inner


def _perceived(frame: Frame) -> PerceptionResult:
    assert frame.perceived is not None
    return frame.perceived

"""The camera panel: the camera image with the true boxes of the objects in it, their class and distance."""

import pygame

from rlkit.boxes import BoxedImage
from rlkit.viewer.box_layout import place_boxes
from rlkit.viewer.frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import BACKGROUND, SMALL, Pen, to_surface


def demand_boxes(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the panel."""
    height, across = _boxed(frame).image.shape[:2]
    good = round((width - 2 * pen.px(12)) * height / across)
    return Demand(pen.frame_height() + min(good, pen.px(200)), pen.frame_height() + good, 0.0, 1)


def draw_boxes(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw the camera image and the boxes over it."""
    seen = _boxed(frame)
    count = len(seen.boxes)
    note = f"{count} object{'s'[: count != 1]} in the picture"
    inside = pen.panel(surface, rect, "Camera", note)
    height, width = seen.image.shape[:2]
    zoom = min(inside.width / width, max(1, inside.height) / height)
    place = pygame.Rect(0, 0, max(1, int(width * zoom)), max(1, int(height * zoom)))
    place.midtop = inside.midtop
    surface.blit(pygame.transform.smoothscale(to_surface(seen.image), place.size), place)
    lay_boxes(surface, place, seen, pen)


def lay_boxes(surface: pygame.Surface, place: pygame.Rect, seen: BoxedImage, pen: Pen) -> None:
    """Draw boxes where their image was drawn, and above each its class and distance."""

    def measure(text: str) -> tuple[int, int]:
        return pen.width(text, SMALL) + pen.px(6), pen.line_height(SMALL)

    placed = list(place_boxes(seen, (*place.topleft, *place.size), measure))
    for one in placed:
        pygame.draw.rect(surface, one.colour, one.box, pen.px(1 if one.thin else 2))
    for one in placed:
        if one.tag is not None:
            pygame.draw.rect(surface, one.colour, one.tag)
            pen.text(surface, one.text, (one.tag.left + pen.px(3), one.tag.top), SMALL, BACKGROUND)


def _boxed(frame: Frame) -> BoxedImage:
    assert frame.boxed is not None
    return frame.boxed

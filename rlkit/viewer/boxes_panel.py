"""The camera panel: the camera image with the true boxes of the objects in it, their class and distance."""

import numpy as np
import pygame

from rlkit.boxes import BoxedImage, Boxes
from rlkit.viewer.frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import BACKGROUND, ORANGE, PURPLE, SKY, SMALL, VERMILLION, Colour, Pen, to_surface

COLOURS = (SKY, ORANGE, PURPLE, VERMILLION)  # of the classes, in turn
HIDDEN = 0.5  # share of an object from which its box is thin


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
    """Draw boxes where their image was drawn, the nearest last, and above each its class and distance."""
    boxes, count = seen.boxes, len(seen.boxes)
    distances = boxes.attributes.get("distance", np.zeros(count))
    hidden = boxes.attributes.get("occlusion", np.zeros(count))
    across, down = place.width / seen.image.shape[1], place.height / seen.image.shape[0]
    nearest_first: list[int] = distances.argsort(kind="stable").tolist()
    drawn = {}
    for index in reversed(nearest_first):
        x1, y1, x2, y2 = boxes.boxes[index].tolist()
        box = pygame.Rect(round(place.left + x1 * across), round(place.top + y1 * down), 0, 0)
        box.size = (max(2, round((x2 - x1) * across)), max(2, round((y2 - y1) * down)))
        pygame.draw.rect(surface, _colour(boxes, index), box, pen.px(1 if hidden[index] > HIDDEN else 2))
        drawn[index] = box
    tags: list[pygame.Rect] = []
    for index in nearest_first:
        text = seen.classes[int(boxes.labels[index])]
        text = f"{text} {distances[index]:.0f} m" if "distance" in boxes.attributes else text
        tag = pygame.Rect(0, 0, pen.width(text, SMALL) + pen.px(6), pen.line_height(SMALL))
        tag.bottomleft = drawn[index].topleft
        tag.clamp_ip(place)
        while (other := tag.collidelist(tags)) >= 0:
            tag.bottom = tags[other].top - 1
        if tag.top >= place.top:
            tags.append(tag)
            pygame.draw.rect(surface, _colour(boxes, index), tag)
            pen.text(surface, text, (tag.left + pen.px(3), tag.top), SMALL, BACKGROUND)


def _colour(boxes: Boxes, index: int) -> Colour:
    return COLOURS[int(boxes.labels[index]) % len(COLOURS)]


def _boxed(frame: Frame) -> BoxedImage:
    assert frame.boxed is not None
    return frame.boxed

"""Where boxes and their names are drawn over an enlarged image, for windows, films and sheets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pygame

from rlkit.boxes import BoxedImage
from rlkit.viewer.theme import ORANGE, PURPLE, SKY, VERMILLION, Colour

COLOURS = (SKY, ORANGE, PURPLE, VERMILLION)  # of the classes, in turn
HIDDEN = 0.5  # share of an object from which its box is thin


@dataclass(frozen=True)
class PlacedBox:
    """A box to draw.

    Args:
        box: Its place.
        colour: Of its class.
        thin: Whether most of the object is covered.
        text: Its class, and its distance if that is known.
        tag: Place of the text; None where there is no room for it.
    """

    box: pygame.Rect
    colour: Colour
    thin: bool
    text: str
    tag: pygame.Rect | None


def place_boxes(
    seen: BoxedImage, area: tuple[int, int, int, int], measure: Callable[[str], tuple[int, int]]
) -> Iterator[PlacedBox]:
    """Place boxes and their names, from far to near where distances are known.

    Args:
        seen: The image and its boxes.
        area: Where the image is drawn: left, top, width, height in pixels.
        measure: Width and height of a name, in pixels.
    """
    place = pygame.Rect(area)
    boxes, count = seen.boxes, len(seen.boxes)
    known = "distance" in boxes.attributes
    distances = boxes.attributes.get("distance", np.zeros(count))
    hidden = boxes.attributes.get("occlusion", np.zeros(count))
    across, down = place.width / seen.image.shape[1], place.height / seen.image.shape[0]
    placed: list[PlacedBox] = []
    tags: list[pygame.Rect] = []
    for index in distances.argsort(kind="stable").tolist():  # the nearest chooses first
        x1, y1, x2, y2 = boxes.boxes[index].tolist()
        box = pygame.Rect(round(place.left + x1 * across), round(place.top + y1 * down), 0, 0)
        box.size = (max(2, round((x2 - x1) * across)), max(2, round((y2 - y1) * down)))
        label = int(boxes.labels[index])
        text = f"{seen.classes[label]} {distances[index]:.0f} m" if known else seen.classes[label]
        tag = pygame.Rect((0, 0), measure(text))
        tag.bottomleft = box.topleft
        tag.clamp_ip(place)
        while (other := tag.collidelist(tags)) >= 0:
            tag.bottom = tags[other].top - 1
        fits = tag.top >= place.top
        tags += [tag] if fits else []
        colour = COLOURS[label % len(COLOURS)]
        placed.append(PlacedBox(box, colour, bool(hidden[index] > HIDDEN), text, tag if fits else None))
    yield from reversed(placed)

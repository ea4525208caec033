"""A small map: the environment from above, where somebody has been, and where the best attempt went."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.playback_frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import BODY, DIM, GREEN, ORANGE, Colour, Pen

_BORDER: Colour = (92, 102, 118)

Points = npt.NDArray[np.float64]


def demand_map(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height that the map asks for."""
    return Demand(pen.frame_height() + pen.px(60), pen.frame_height() + pen.px(190), 1.0, 2)


def draw_map(
    surface: pygame.Surface, rect: pygame.Rect, outline: Sequence[Points], trail: Points, best: Points | None, pen: Pen
) -> None:
    """Draw a panel with the map.

    Args:
        surface: Where.
        rect: The panel.
        outline: Lines (n, 2) of the environment, in metres.
        trail: (n, 2) or wider, places of this attempt so far.
        best: The same of the best attempt; None without one.
        pen: For lengths.
    """
    inside = pen.panel(surface, rect, "Map")
    places = np.concatenate(outline)
    low, high = places.min(axis=0), places.max(axis=0)
    zoom = 0.96 * min(inside.width / max(high[0] - low[0], 1e-9), inside.height / max(high[1] - low[1], 1e-9))
    middle = 0.5 * (low + high)

    def line(points: Points, colour: Colour) -> list[tuple[float, float]]:
        across = inside.centerx + (points[:, 0] - middle[0]) * zoom
        down = inside.centery - (points[:, 1] - middle[1]) * zoom
        drawn = list(zip(across.tolist(), down.tolist(), strict=True))
        if len(drawn) > 1:
            pygame.draw.aalines(surface, colour, False, drawn)
        return drawn

    for part in outline:
        line(part, _BORDER)
    if best is not None and len(best) > 1:
        line(best, GREEN)
        _name(surface, inside, "best", GREEN, 0, pen)
    if len(trail):
        here = line(trail, ORANGE)[-1]
        pen.disc(surface, here, 4, ORANGE)
        _name(surface, inside, "you", ORANGE, 1, pen)


def _name(surface: pygame.Surface, inside: pygame.Rect, text: str, colour: Colour, row: int, pen: Pen) -> None:
    """An entry of the legend, at the upper right."""
    y = inside.top + pen.px(2) + row * pen.line_height(BODY)
    place = pen.text(surface, text, (inside.right, y), BODY, DIM, anchor="topright")
    pygame.draw.line(
        surface, colour, (place.left - pen.px(18), place.centery), (place.left - pen.px(6), place.centery), pen.px(2)
    )

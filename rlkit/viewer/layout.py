"""Divide a window into rectangles for header, scene, figures and panels."""

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from rlkit.viewer.theme import FIGURE, HEAD, SMALL, Pen

MIN_SIDE = 0.33  # fraction of the width for the panels, at least
MIN_SIDE_PIXELS = 250  # the same in pixels for a small window, up to 40 % of its width
MIN_ROOMY_SIDE = 0.42  # as MIN_SIDE, where the panels hold camera images
MAX_SIDE = 0.54
TWO_COLUMNS = 520  # design pixels, the width from which the panels have two columns


@dataclass(frozen=True)
class Layout:
    """Rectangles of a window.

    Args:
        header: Names and state.
        scene: The rendered image.
        figures: Return, reward, step and time.
        columns: Columns of panels; empty without panels.
    """

    header: pygame.Rect
    scene: pygame.Rect
    figures: pygame.Rect
    columns: tuple[pygame.Rect, ...]


@dataclass(frozen=True)
class Demand:
    """The height that a panel needs.

    Args:
        least: Height in pixels below which the panel is left out.
        good: Preferred height in pixels.
        grow: Weight with which it receives spare height.
        rank: The higher, the earlier it is left out where space is short.
    """

    least: int
    good: int
    grow: float
    rank: int


def arrange(size: tuple[int, int], pen: Pen, aspect: float, panels: bool, roomy: bool = False) -> Layout:
    """Divide a window.

    Args:
        size: (width, height) in pixels.
        pen: Scales lengths.
        aspect: Width of the scene over its height.
        panels: Whether to leave space for panels.
        roomy: Whether to leave more of it.
    """
    margin = pen.px(10)
    whole = pygame.Rect(0, 0, *size).inflate(-2 * margin, -2 * margin)
    header = pygame.Rect(whole.left, whole.top, whole.width, pen.line_height(HEAD) + pen.px(2))
    body = pygame.Rect(whole.left, header.bottom + margin - pen.px(2), whole.width, 0)
    body.height = whole.bottom - body.top
    if not panels:
        return Layout(header, body, pygame.Rect(body.left, body.bottom, 0, 0), ())
    figures_height = pen.line_height(SMALL) + pen.line_height(FIGURE) + pen.px(14)
    if body.width < 1.05 * body.height:  # a tall window: the panels go below
        scene = pygame.Rect(body.left, body.top, body.width, min(round(body.width / aspect), round(0.5 * body.height)))
        figures = pygame.Rect(body.left, scene.bottom + margin, body.width, figures_height)
        below = pygame.Rect(body.left, figures.bottom + margin, body.width, 0)
        below.height = body.bottom - below.top
        return Layout(header, scene, figures, _columns(below, pen, margin))
    wanted = round(aspect * (body.height - figures_height - margin))
    narrowest = round(max((MIN_ROOMY_SIDE if roomy else MIN_SIDE) * body.width, min(MIN_SIDE_PIXELS, 0.4 * body.width)))
    widest = round(MAX_SIDE * body.width)
    side_width = min(max(body.width - margin - wanted, narrowest), widest)
    side = pygame.Rect(body.right - side_width, body.top, side_width, body.height)
    left = pygame.Rect(body.left, body.top, body.width - side_width - margin, body.height)
    scene = pygame.Rect(left.left, left.top, left.width, left.height - figures_height - margin)
    figures = pygame.Rect(left.left, scene.bottom + margin, left.width, figures_height)
    return Layout(header, scene, figures, _columns(side, pen, margin))


def stack(column: pygame.Rect, demands: Sequence[Demand], gap: int) -> list[pygame.Rect | None]:
    """Stack panels in a column: all get their least height, then the preferred one, then spare height by weight.

    Returns:
        A rectangle for each demand, in the same order; None for panels that are left out.
    """
    kept = set(range(len(demands)))

    def spare() -> int:
        return column.height - sum(demands[i].least for i in kept) - gap * max(0, len(kept) - 1)

    while len(kept) > 1 and spare() < 0:
        kept.remove(max(kept, key=lambda i: (demands[i].rank, i)))
    heights = {i: demands[i].least for i in kept}
    rest = max(0, spare())
    wishes = {i: max(0, demands[i].good - demands[i].least) for i in kept}
    granted = min(1.0, rest / max(1, sum(wishes.values())))
    for i in kept:
        heights[i] += int(wishes[i] * granted)
    rest -= sum(int(wish * granted) for wish in wishes.values())
    shares = sum(demands[i].grow for i in kept)
    for i in kept:
        heights[i] += int(rest * demands[i].grow / shares) if shares else 0
    places: list[pygame.Rect | None] = []
    top = column.top
    for i in range(len(demands)):
        if i not in kept:
            places.append(None)
            continue
        height = min(heights[i], column.bottom - top)
        places.append(pygame.Rect(column.left, top, column.width, height))
        top += height + gap
    return places


def _columns(room: pygame.Rect, pen: Pen, gap: int) -> tuple[pygame.Rect, ...]:
    if room.width < pen.px(TWO_COLUMNS):
        return (room,)
    half = (room.width - gap) // 2
    return (
        pygame.Rect(room.left, room.top, half, room.height),
        pygame.Rect(room.right - half, room.top, half, room.height),
    )

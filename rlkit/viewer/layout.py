"""Where everything stands: from the size of the window and the shape of the scene to rectangles."""

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from rlkit.viewer.theme import FIGURE, HEAD, SMALL, Pen

NARROWEST_SIDE = 0.33  # share of the width that the panels get at least
READABLE_SIDE = 250  # pixels that they get in a small window, as far as that is not more than 40 %
ROOMY_SIDE = 0.42  # the same where there are more pictures than the scene
WIDEST_SIDE = 0.54
TWO_COLUMNS = 520  # design pixels, from which the panels stand in two columns


@dataclass(frozen=True)
class Layout:
    """Rectangles of one view.

    Args:
        header: Names and state.
        scene: The picture.
        figures: Return, step and so on.
        columns: Where panels stand under each other; empty without panels.
    """

    header: pygame.Rect
    scene: pygame.Rect
    figures: pygame.Rect
    columns: tuple[pygame.Rect, ...]


@dataclass(frozen=True)
class Demand:
    """What a panel would like.

    Args:
        least: Height in pixels below which it is better left out.
        good: Height at which it looks best.
        grow: Its share of what is left over.
        rank: The higher, the earlier it is left out where room is short.
    """

    least: int
    good: int
    grow: float
    rank: int


def arrange(size: tuple[int, int], pen: Pen, aspect: float, panels: bool, roomy: bool = False) -> Layout:
    """Divide a window.

    Args:
        size: (width, height) in pixels.
        pen: For lengths.
        aspect: Width of the scene over its height.
        panels: Whether to leave room for panels.
        roomy: Whether to leave more of it, at the cost of the scene.
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
    narrowest = round(max((ROOMY_SIDE if roomy else NARROWEST_SIDE) * body.width, min(READABLE_SIDE, 0.4 * body.width)))
    widest = round(WIDEST_SIDE * body.width)
    side_width = min(max(body.width - margin - wanted, narrowest), widest)
    side = pygame.Rect(body.right - side_width, body.top, side_width, body.height)
    left = pygame.Rect(body.left, body.top, body.width - side_width - margin, body.height)
    scene = pygame.Rect(left.left, left.top, left.width, left.height - figures_height - margin)
    figures = pygame.Rect(left.left, scene.bottom + margin, left.width, figures_height)
    return Layout(header, scene, figures, _columns(side, pen, margin))


def stack(column: pygame.Rect, demands: Sequence[Demand], gap: int) -> list[pygame.Rect | None]:
    """Put panels under each other: first everyone's least, then what looks good, then the rest by share.

    Returns:
        A rectangle for each demand, in the same order; None for those there is no room for.
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

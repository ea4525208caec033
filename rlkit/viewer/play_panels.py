"""Panels of the play window: attempts, keys and a map."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.viewer.controls import ARROWS, key_name
from rlkit.viewer.frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.scores import Attempt, Best
from rlkit.viewer.theme import BODY, CLEAR, DIM, GREEN, LINE, ORANGE, PANEL, SMALL, TEXT, TROUGH, Colour, Pen, number

ROW = 21  # design pixels, a row of the table

_BORDER: Colour = (92, 102, 118)

Points = npt.NDArray[np.float64]


def demand_table(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the table of attempts."""
    return Demand(pen.frame_height() + 3 * pen.px(ROW), pen.frame_height() + 9 * pen.px(ROW), 1.0, 0)


def draw_table(
    surface: pygame.Surface, rect: pygame.Rect, attempts: Sequence[Attempt], best: Best | None, pen: Pen
) -> None:
    """Draw the latest attempts in order, each with its difference from the best."""
    note = ""
    if best is not None:
        note = f"best {_clock(best.time) if best.time is not None else number(best.episode_return)}"
    inside = pen.panel(surface, rect, "Attempts", note)
    if not attempts:
        hint = "the ghost is the best one" if best is not None and len(best.poses) else "none completed yet"
        pen.text(surface, hint, (inside.left, inside.top + pen.px(4)), BODY, DIM, width=inside.width)
        return
    rows = max(1, inside.height // pen.px(ROW))
    for index, attempt in enumerate(attempts[-rows:]):
        row = pygame.Rect(inside.left, inside.top + index * pen.px(ROW), inside.width, pen.px(ROW))
        _draw_attempt(surface, row, attempt, best, pen)


def _draw_attempt(surface: pygame.Surface, row: pygame.Rect, attempt: Attempt, best: Best | None, pen: Pen) -> None:
    first = attempt.is_best(best)
    colour: Colour = GREEN if first else TEXT if attempt.succeeded else DIM
    y = row.centery
    pen.text(surface, str(attempt.number), (row.left + pen.px(18), y), SMALL, DIM, anchor="midright")
    left = (row.left + pen.px(30), y)
    if attempt.time is None:
        what = f"return {number(attempt.episode_return)}" if attempt.succeeded else "not finished"
        place = pen.text(surface, what, left, CLEAR, colour, bold=first, anchor="midleft")
        if not attempt.succeeded:
            tail = f"{number(attempt.seconds, 1)} s"
            pen.text(surface, tail, (row.right, y), BODY, DIM, anchor="midright", width=row.right - place.right)
        return
    place = pen.text(surface, _clock(attempt.time), left, CLEAR, colour, bold=True, anchor="midleft")
    if best is not None and best.time is not None and not first:
        behind = f"{attempt.time - best.time:+.2f}".replace("-", "−")
        pen.text(surface, behind, (place.right + pen.px(16), y), BODY, DIM, anchor="midleft")
    ratio = next((metric for metric in attempt.metrics.values() if metric.kind == "ratio"), None)
    if ratio is not None and isinstance(ratio.value, float):
        pen.text(surface, f"{ratio.value:.3f} × reference", (row.right, y), BODY, DIM, anchor="midright")


def _clock(seconds: float) -> str:
    """Minutes, seconds and hundredths, such as 1:03.42."""
    hundredths = round(100.0 * seconds)
    return f"{hundredths // 6000}:{hundredths % 6000 / 100.0:05.2f}"


def demand_keys(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the panel of keys."""
    return Demand(2 * pen.px(9) + pen.px(34), 2 * pen.px(9) + pen.px(64), 0.0, 3)


def draw_keys(surface: pygame.Surface, rect: pygame.Rect, own: frozenset[int], held: frozenset[int], pen: Pen) -> None:
    """Draw the keys of a game, held ones highlighted: arrows as on a keyboard, others beside them."""
    inside = pen.panel(surface, rect)
    gap = pen.px(4)
    side = min(pen.px(30), (inside.height - gap) // 2)
    top = inside.centery - (2 * side + gap) // 2
    places = {pygame.K_UP: (1, 0), pygame.K_LEFT: (0, 1), pygame.K_DOWN: (1, 1), pygame.K_RIGHT: (2, 1)}
    arrows = [code for code in ARROWS if code in own]
    for code in arrows:
        column, line = places[code]
        cap = pygame.Rect(inside.left + column * (side + gap), top + line * (side + gap), side, side)
        _draw_cap(surface, cap, key_name(code), code in held, pen)
    x = inside.left + (3 * (side + gap) + pen.px(12) if arrows else 0)
    for code in sorted(own - set(arrows)):
        name = key_name(code)
        cap = pygame.Rect(x, top + side + gap, max(side, pen.width(name, BODY, bold=True) + pen.px(16)), side)
        if cap.right > inside.right:
            break
        _draw_cap(surface, cap, name, code in held, pen)
        x = cap.right + gap


def _draw_cap(surface: pygame.Surface, cap: pygame.Rect, name: str, held: bool, pen: Pen) -> None:
    pygame.draw.rect(surface, ORANGE if held else TROUGH, cap, border_radius=pen.px(5))
    if not held:
        pygame.draw.rect(surface, LINE, cap, max(1, pen.px(1)), border_radius=pen.px(5))
    pen.text(surface, name, cap.center, BODY, PANEL if held else TEXT, bold=True, anchor="center")


def demand_map(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the map."""
    return Demand(pen.frame_height() + pen.px(60), pen.frame_height() + pen.px(190), 1.0, 2)


def draw_map(
    surface: pygame.Surface, rect: pygame.Rect, outline: Sequence[Points], trail: Points, best: Points | None, pen: Pen
) -> None:
    """Draw a panel with the map.

    Args:
        surface: Where.
        rect: The panel.
        outline: Lines (n, 2) of the environment, in metres.
        trail: (n, 2) or wider, positions of this attempt so far.
        best: The same of the best attempt; None without one.
        pen: Scales lengths.
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

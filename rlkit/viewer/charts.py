"""Panels of numbers: Q-values, value over time, and the instruments of the environment."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.capabilities import Reading
from rlkit.viewer.frame import Frame
from rlkit.viewer.layout import Demand
from rlkit.viewer.theme import (
    BODY,
    DIM,
    GREEN,
    LINE,
    ORANGE,
    PANEL,
    SKY,
    SMALL,
    TEXT,
    Colour,
    Pen,
    decimals_for,
    number,
)

ROW = 20  # design pixels, a comfortable row
MAX_ROWS = 18  # actions of an Atari game; more are drawn in two columns
MIN_BAR = 0.04  # fraction of the width for the bar of the worst action


def demand_actions(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the action panel."""
    count = len(frame.action_names)
    rows = count if count <= MAX_ROWS else math.ceil(count / 2)
    half = (width - pen.px(38)) // 2
    longest = max(pen.width(name, SMALL, bold=True) for name in frame.action_names)
    beside = frame.q is None or longest + pen.width("−000.00", SMALL) + pen.px(40) <= half
    rows_at_least = math.ceil(count / 2) if count > 9 and (beside or count > MAX_ROWS) else count
    least = pen.frame_height() + min(rows_at_least, MAX_ROWS) * pen.line_height(SMALL)
    return Demand(least, pen.frame_height() + rows * pen.px(ROW), 0.0, 0)


def draw_actions(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> dict[int, pygame.Rect]:
    """Draw one bar per action on a scale from the lowest to the highest Q-value, with the greedy action highlighted.

    Returns:
        The row of each action that fits.
    """
    q = frame.q
    note = ""
    if q is not None:
        low, high = _scale(q, frame.spread)
        decimals = decimals_for(float(np.ptp(_limits(q))))
        note = f"{number(low, decimals)} … {number(high, decimals)}"
    spread = "" if frame.spread is None else "  and 10–90 % of returns"
    inside = pen.panel(surface, rect, "Actions" if q is None else f"Q-values{spread}", note)
    best = int(np.argmax(q)) if q is not None else frame.action
    shown, places, hidden = _rows(inside, frame, pen)
    for action, place in zip(shown, places, strict=True):
        _draw_action(surface, place, frame, action, action == best, pen)
    if hidden:
        pen.text(surface, f"and {hidden} more with lower values" if q is not None else f"and {hidden} more",
                 (inside.left, inside.bottom), SMALL, DIM, anchor="bottomleft", width=inside.width)  # fmt: skip
    return dict(zip(shown, places, strict=True))


def _rows(inside: pygame.Rect, frame: Frame, pen: Pen) -> tuple[list[int], list[pygame.Rect], int]:
    """The actions shown, their rows, and how many are left out; two columns if one is too low."""
    count = len(frame.action_names)
    least = pen.line_height(SMALL)
    columns = 1 if count * least <= inside.height else 2
    room = max(1, inside.height // least) * columns
    actions = list(range(count))
    hidden = 0
    if count > room:
        room = max(1, inside.height // least - 1) * columns  # the last row counts those left out
        order = np.argsort(-frame.q, kind="stable").tolist() if frame.q is not None else actions
        if frame.q is None and frame.action is not None and frame.action >= room:
            order = [frame.action, *actions]
        actions, hidden = sorted(dict.fromkeys(order[:room])), count - room
    rows = math.ceil(len(actions) / columns)
    height = min(pen.px(ROW + 8), (inside.height - (least if hidden else 0)) // max(1, rows))
    gap = pen.px(14)
    width = (inside.width - gap * (columns - 1)) // columns
    places = [
        pygame.Rect(inside.left + (i // rows) * (width + gap), inside.top + (i % rows) * height, width, height)
        for i in range(len(actions))
    ]
    return actions, places, hidden


def _draw_action(surface: pygame.Surface, row: pygame.Rect, frame: Frame, action: int, best: bool, pen: Pen) -> None:
    size = min(13.0, max(10.0, 0.68 * row.height / pen.scale))
    q = frame.q
    taken = action == frame.action
    mark = pen.px(9)
    if taken:
        middle, half = row.centery, pen.px(4)
        points = [(row.left, middle - half), (row.left + pen.px(6), middle), (row.left, middle + half)]
        pen.shape(surface, points, ORANGE if best else TEXT)
    colour = TEXT if best or taken else DIM
    longest = max(pen.width(name, size, bold=True) for name in frame.action_names)
    left = row.left + mark
    bold = best or taken
    name = frame.action_names[action]
    if q is None:
        pen.text(surface, name, (left, row.centery), size, colour, bold=bold, anchor="midleft", width=row.width - mark)
        return
    low, high = _limits(q)
    decimals = decimals_for(high - low)
    value_width = max(pen.width(number(value, decimals), size, bold=True) for value in (low, high))
    gap = pen.px(8)
    longest = max(pen.width(name, size, bold=True) for name in frame.action_names)
    name_width = min(longest, row.width - mark - value_width - 2 * gap - round(0.2 * row.width))
    name = pen.fit_name(name, name_width, size, bold)
    pen.text(surface, name, (left, row.centery), size, colour, bold=bold, anchor="midleft")
    bar_left = left + name_width + gap
    height = max(3, min(pen.px(11), row.height - pen.px(5)))
    bar = pygame.Rect(bar_left, row.centery - height // 2, row.right - value_width - gap - bar_left, height)
    low, high = _scale(q, frame.spread)

    def share(value: float) -> float:
        value = float(np.nan_to_num(value, nan=low, posinf=high, neginf=low))
        return MIN_BAR + (1 - MIN_BAR) * ((value - low) / (high - low) if high > low else 1.0)

    pen.bar(surface, bar, 0.0, share(q[action]), ORANGE if best else SKY)
    if frame.spread is not None:
        ends = [share(value) for value in frame.spread[action]]
        _draw_spread(surface, bar, (ends[0], share(q[action]), ends[1]), pen)
    pen.text(surface, number(float(q[action]), decimals), (row.right, row.centery), size, colour,
             bold=best, anchor="midright")  # fmt: skip


def _draw_spread(surface: pygame.Surface, bar: pygame.Rect, shares: tuple[float, float, float], pen: Pen) -> None:
    """Draw a whisker over a bar, dark on the bar and light beyond its end.

    Args:
        surface: Where to draw.
        bar: The full width of the bar.
        shares: Begin of the whisker, end of the bar and end of the whisker, as fractions of the width.
        pen: Scales lengths.
    """
    left, end, right = (bar.left + round(share * (bar.width - 1)) for share in shares)
    thick, tick = pen.px(1), max(2, bar.height // 2 - pen.px(1))
    for colour, first, last in ((PANEL, left, min(end, right)), (DIM, max(left, end), right)):
        if first < last:
            pygame.draw.rect(surface, colour, (first, bar.centery - thick // 2, last - first, thick))
    for x in (left, right):
        colour = PANEL if x < end else DIM
        pygame.draw.rect(surface, colour, (x - thick // 2, bar.centery - tick, thick, 2 * tick))


def demand_history(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the value chart."""
    return Demand(pen.frame_height() + pen.px(26), pen.frame_height() + pen.px(90), 1.0, 3)


def draw_history(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw the maximum Q-value over the episode, or the return if the agent has no Q-values."""
    valued = frame.values.size > 0
    line = (frame.values if valued else frame.returns).astype(np.float64)
    low, high = _limits(line)
    latest = float(line[-1])
    line = np.nan_to_num(line, nan=low, posinf=high, neginf=low)
    title = "Value over time" if valued else "Return over time"
    decimals = decimals_for(high - low) if high > low else None
    inside = pen.panel(surface, rect, title, number(latest, decimals))
    labels = [number(low, decimals), number(high, decimals)]
    label_width = max(pen.width(text, SMALL) for text in labels) + pen.px(8)
    plot = pygame.Rect(inside.left, inside.top + pen.px(6), inside.width - label_width, inside.height - pen.px(9))
    if plot.width < pen.px(20) or plot.height < pen.px(8):
        return
    for y in (plot.top, plot.bottom):
        pygame.draw.line(surface, LINE, (plot.left, y), (plot.right, y))
    if high > low:
        pen.text(surface, labels[1], (inside.right, plot.top), SMALL, DIM, anchor="midright")
        pen.text(surface, labels[0], (inside.right, plot.bottom), SMALL, DIM, anchor="midright")
    else:
        pen.text(surface, labels[0], (inside.right, plot.centery), SMALL, DIM, anchor="midright")
    _draw_curve(surface, plot, line, (low, high), GREEN if valued else SKY, pen)


def _draw_curve(
    surface: pygame.Surface,
    plot: pygame.Rect,
    line: npt.NDArray[np.float64],
    limits: tuple[float, float],
    colour: Colour,
    pen: Pen,
) -> None:
    low, high = limits
    columns = max(2, plot.width // 2)
    # Long episodes are averaged over a power of two of steps, so that old points do not move with every new step.
    width = 1 << max(0, math.ceil(math.log2(line.size / columns)))
    starts = np.arange(0, line.size, width)
    means = np.add.reduceat(line, starts) / np.diff(np.append(starts, line.size))
    steps = np.append(starts + (width - 1) / 2, line.size - 1) if width > 1 else starts.astype(np.float64)
    steps, line = np.minimum(steps, line.size - 1), np.append(means, line[-1]) if width > 1 else means
    # A short episode does not fill the width.
    x = plot.left + steps * (plot.width / max(steps[-1], min(columns, 40)))
    share = (line - low) / (high - low) if high > low else np.full(line.size, 0.5)
    y = plot.bottom - share * plot.height
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    if len(points) > 1:
        ground = [(plot.left, plot.bottom), *points, (points[-1][0], plot.bottom)]
        faint = tuple(round(0.22 * c + 0.78 * p) for c, p in zip(colour, PANEL, strict=True))
        pygame.draw.polygon(surface, faint, ground)
        thickness = pen.px(1.6)
        for shift in np.arange(thickness) - (thickness - 1) / 2:
            pygame.draw.aalines(surface, colour, False, [(px, py + float(shift)) for px, py in points])
    pen.disc(surface, points[-1], 3, TEXT)


def demand_instruments(frame: Frame, width: int, pen: Pen) -> Demand:
    """Height of the instruments."""
    rows = math.ceil(len(frame.telemetry) / _instrument_columns(frame, width, pen))
    return Demand(pen.frame_height() + min(rows, 4) * pen.px(20), pen.frame_height() + rows * pen.px(36), 0.0, 2)


def draw_instruments(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw a gauge for each telemetry reading."""
    inside = pen.panel(surface, rect, "Instruments")
    readings = dict(frame.telemetry)
    columns = _instrument_columns(frame, rect.width, pen)
    rows = min(math.ceil(len(readings) / columns), max(1, inside.height // pen.px(20)))
    height = min(pen.px(40), inside.height // rows)
    gap = pen.px(18)
    width = (inside.width - gap * (columns - 1)) // columns
    for index, (name, reading) in enumerate(_first(readings, rows * columns).items()):
        left = inside.left + (index // rows) * (width + gap)
        row = pygame.Rect(left, inside.top + index % rows * height, width, height)
        _draw_instrument(surface, row, name, reading, pen)


def _draw_instrument(surface: pygame.Surface, row: pygame.Rect, name: str, reading: Reading, pen: Pen) -> None:
    thick = pen.px(6) if row.height >= pen.px(28) else pen.px(3)
    bar = pygame.Rect(row.left, row.bottom - thick - (row.height - pen.px(14) - thick) // 3, row.width, thick)
    line = (row.left, bar.top - pen.px(1))
    span = reading.high - reading.low
    figure = f"{number(reading.value, decimals_for(span, 2.0))} {_unit(reading)}".rstrip()
    place = pen.text(surface, figure, (row.right, line[1]), BODY, TEXT, bold=True, anchor="bottomright")
    room = place.left - row.left - pen.px(8)
    pen.text(surface, name.replace("_", " "), line, BODY, DIM, anchor="bottomleft", width=room)
    if not (math.isfinite(span) and span > 0 and math.isfinite(reading.value)):
        return
    zero = min(max(-reading.low / span, 0.0), 1.0)  # bars start at zero if the scale contains it
    pen.bar(surface, bar, zero, (reading.value - reading.low) / span, SKY)
    if 0.0 < zero < 1.0:
        x = bar.left + round(zero * bar.width)
        pygame.draw.line(surface, TEXT, (x, bar.top - 1), (x, bar.bottom))


def _limits(figures: npt.NDArray[np.floating[Any]]) -> tuple[float, float]:
    """Smallest and largest finite number; (0, 0) if there is none."""
    finite = figures[np.isfinite(figures)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _scale(q: npt.NDArray[np.float32], spread: npt.NDArray[np.float32] | None) -> tuple[float, float]:
    """Ends of the scale, for Q-values and spread."""
    return _limits(q if spread is None else np.append(q, spread))


def _unit(reading: Reading) -> str:
    return "" if reading.unit in ("", "1") else reading.unit


def _instrument_columns(frame: Frame, width: int, pen: Pen) -> int:
    return 2 if len(frame.telemetry) > 3 and width >= pen.px(300) else 1


def _first(readings: Mapping[str, Reading], count: int) -> dict[str, Reading]:
    return {name: readings[name] for name in list(readings)[:count]}

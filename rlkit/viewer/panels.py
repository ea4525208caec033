"""The whole view of one moment, drawn on any surface: scene, figures, panels, help."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.viewer import theme
from rlkit.viewer.charts import (
    demand_actions,
    demand_history,
    demand_instruments,
    draw_actions,
    draw_history,
    draw_instruments,
)
from rlkit.viewer.frame import Frame, Metric
from rlkit.viewer.layout import Demand, arrange, stack
from rlkit.viewer.observation_panel import demand_inputs, draw_inputs, first_picture
from rlkit.viewer.perception_panel import demand_eyes, draw_eyes
from rlkit.viewer.theme import (
    BACKGROUND,
    BODY,
    CLEAR,
    DIM,
    FIGURE,
    HEAD,
    LINE,
    ORANGE,
    PANEL,
    SMALL,
    TEXT,
    Pen,
    number,
    picture,
)

PIXEL_ART = 260  # pixels; a scene lower than this is enlarged with hard edges, as games of that size are meant to look

Panel = tuple[Callable[[Frame, int, Pen], Demand], Callable[[pygame.Surface, pygame.Rect, Frame, Pen], object]]
EYES: Panel = (demand_eyes, draw_eyes)
INPUTS: Panel = (demand_inputs, draw_inputs)
ACTIONS: Panel = (demand_actions, draw_actions)
HISTORY: Panel = (demand_history, draw_history)
INSTRUMENTS: Panel = (demand_instruments, draw_instruments)


@dataclass(frozen=True)
class Status:
    """What the window knows beside the moment itself.

    Args:
        paused: Whether it waits.
        speed: Simulated over real time; 0 where it does not matter.
        recording: Whether it is being recorded.
        exhausted: Whether no episode is left.
        note: A passing message, such as the name of a screenshot.
        prompt: What a person can do now, across the lower part of the scene.
        help: Pairs of a key and what it does, to be shown over everything; empty for none.
    """

    paused: bool = False
    speed: float = 1.0
    recording: bool = False
    exhausted: bool = False
    note: str = ""
    prompt: str = ""
    help: Sequence[tuple[str, str]] = ()


class Painter:
    """Draws moments; keeps its fonts between them.

    Needs no display: a plain `pygame.Surface` will do.

    Args:
        choose: Which panels stand in each of so many columns, from above; None for those of an agent.
    """

    def __init__(self, choose: "Callable[[Frame, int], list[list[Panel]]] | None" = None) -> None:
        self._pen = Pen(1.0)
        self._choose = choose or _panels
        self.errors = True
        """Whether mistakes of perception are shown where the truth is known."""

    def draw(self, surface: pygame.Surface, frame: Frame, status: Status | None = None, panels: bool = True) -> None:
        """Draw one moment.

        Args:
            surface: Where; its size decides the arrangement, from 640×480 up.
            frame: The moment.
            status: State of the window; None where there is no window, as in a recording.
            panels: Whether to show more than the scene.
        """
        if not self.errors and frame.perceived is not None:
            frame = dataclasses.replace(frame, perceived=dataclasses.replace(frame.perceived, truth=None))
        size = surface.get_size()
        if self._pen.scale != theme.scale_for(size):
            self._pen = Pen(theme.scale_for(size))
        pen = self._pen
        scene = frame.scene if frame.scene is not None else first_picture(frame.inputs, frame.leaves)
        layout = arrange(
            size, pen, 1.5 if scene is None else scene.shape[1] / scene.shape[0], panels, frame.perceived is not None
        )
        surface.fill(BACKGROUND)
        _draw_header(surface, layout.header, frame, status, pen)
        shown = _draw_scene(surface, layout.scene, scene, pen)
        if panels:
            _draw_figures(surface, layout.figures, frame, pen)
            for column, chosen in zip(layout.columns, self._choose(frame, len(layout.columns)), strict=True):
                demands = [demand(frame, column.width, pen) for demand, _ in chosen]
                for place, (_, draw) in zip(stack(column, demands, pen.px(10)), chosen, strict=True):
                    if place is not None:
                        draw(surface, place, frame, pen)
        if frame.ended:
            _draw_result(surface, shown, frame, status, pen)
        elif status is not None and status.prompt:
            _draw_prompt(surface, shown, status.prompt, pen)
        if status is not None and status.note:
            _draw_note(surface, shown, status.note, pen)
        if status is not None and status.help:
            _draw_help(surface, status.help, pen)


def _panels(frame: Frame, columns: int) -> list[list[Panel]]:
    """Which panels stand in each column, from above."""
    instruments = [INSTRUMENTS] if frame.telemetry else []
    inputs = [*([EYES] if frame.perceived is not None else []), *([INPUTS] if frame.inputs else [])]
    if columns == 1:
        return [[*inputs, ACTIONS, *instruments, HISTORY]]
    if any(leaf.ndim == 3 for leaf in frame.inputs.values()):
        return [inputs, [ACTIONS, *instruments, HISTORY]]
    return [[*inputs, HISTORY], [ACTIONS, *instruments]]


def _draw_header(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, status: Status | None, pen: Pen) -> None:
    right = rect.right
    if status is not None:
        right = _draw_state(surface, rect, status, pen)
    title = pen.text(surface, frame.environment, rect.midleft, HEAD, TEXT, bold=True, anchor="midleft",
                     width=(right - rect.left) * 2 // 3)  # fmt: skip
    room = right - title.right - pen.px(24)
    details = dict.fromkeys((frame.agent, f"episode {frame.episode}", frame.label))  # a label may be just that
    detail = "   ·   ".join(details)
    if room > pen.px(40):
        pen.text(surface, detail, (title.right + pen.px(14), rect.centery), BODY, DIM, anchor="midleft", width=room)


def _draw_state(surface: pygame.Surface, rect: pygame.Rect, status: Status, pen: Pen) -> int:
    """Draw what the window is doing at the right end and return where that begins."""
    place = pen.text(surface, "H  help", rect.midright, BODY, DIM, anchor="midright")
    speed = f"{status.speed:g}×"
    end, gap = (place.left - pen.px(18), rect.centery), 0
    if status.speed:
        place, gap = pen.text(surface, speed, end, CLEAR, TEXT, bold=True, anchor="midright"), pen.px(8)
    half = pen.px(6)
    icon = pygame.Rect((place.left - gap if gap else end[0]) - 2 * half, rect.centery - half, 2 * half, 2 * half)
    if status.paused:
        width = max(2, icon.width // 3)
        for left in (icon.left + icon.width // 12, icon.right - width - icon.width // 12):
            pygame.draw.rect(surface, ORANGE, (left, icon.top, width, icon.height))
    else:
        points = [icon.topleft, (icon.right, icon.centery), icon.bottomleft]
        pen.shape(surface, points, theme.GREEN)
    left = icon.left
    if status.recording:
        end = (left - pen.px(18), rect.centery)
        place = pen.text(surface, "REC", end, BODY, theme.VERMILLION, bold=True, anchor="midright")
        pen.disc(surface, (place.left - pen.px(9), rect.centery), 5, theme.VERMILLION)
        left = place.left - pen.px(14)
    return left


def _draw_scene(
    surface: pygame.Surface, rect: pygame.Rect, scene: npt.NDArray[np.uint8] | None, pen: Pen
) -> pygame.Rect:
    """Draw the picture as large as fits and return where it stands."""
    pygame.draw.rect(surface, PANEL, rect, border_radius=pen.px(7))
    if scene is None:
        pen.text(
            surface, "this environment draws no picture", rect.center, CLEAR, DIM, anchor="center", width=rect.width
        )
        return rect
    source = picture(scene)
    zoom = min(rect.width / source.get_width(), rect.height / source.get_height())
    size = (max(1, round(source.get_width() * zoom)), max(1, round(source.get_height() * zoom)))
    if source.get_height() < PIXEL_ART and zoom > 1:
        # A whole multiple with hard edges first, then smoothly to size: squares stay square and sharp.
        whole = math.ceil(zoom)
        source = pygame.transform.scale(source, (source.get_width() * whole, source.get_height() * whole))
    place = pygame.Rect((0, 0), size)
    place.center = rect.center
    surface.blit(pygame.transform.smoothscale(source, size), place)
    _round_corners(surface, rect, pen.px(7))
    return place


def _round_corners(surface: pygame.Surface, rect: pygame.Rect, radius: int) -> None:
    """Cut the corners of the scene's place as those of the panels are cut."""
    mask = pygame.Surface((radius * 4, radius * 4), pygame.SRCALPHA)
    mask.fill(BACKGROUND)
    pygame.draw.circle(mask, (0, 0, 0, 0), (radius * 2, radius * 2), radius * 2)
    mask = pygame.transform.smoothscale(mask, (radius * 2, radius * 2))
    for corner, (x, y) in (("topleft", (0, 0)), ("topright", (1, 0)), ("bottomleft", (0, 1)), ("bottomright", (1, 1))):
        place = pygame.Rect(0, 0, radius, radius)
        setattr(place, corner, getattr(rect, corner))
        surface.blit(mask, place, (x * radius, y * radius, radius, radius))


def _draw_figures(surface: pygame.Surface, rect: pygame.Rect, frame: Frame, pen: Pen) -> None:
    """Draw return, step and time in large figures under the scene."""
    pygame.draw.rect(surface, PANEL, rect, border_radius=pen.px(7))
    reward = frame.returns[-1] - frame.returns[-2] if len(frame.returns) > 1 else 0.0
    decimals = 0 if np.array_equal(frame.returns, np.rint(frame.returns)) else 2  # games count in whole points
    figures = [
        ("RETURN", number(frame.episode_return, decimals)),
        ("REWARD", number(float(reward), decimals)),
        ("STEP", number(frame.step)),
        ("TIME", f"{number(frame.seconds, 1)} s"),
    ]
    width = rect.width // len(figures)
    for index, (name, figure) in enumerate(figures):
        left = rect.left + index * width + pen.px(12)
        pen.text(surface, name, (left, rect.top + pen.px(7)), SMALL, DIM, bold=True)
        pen.text(surface, figure, (left, rect.bottom - pen.px(5)), FIGURE, TEXT, bold=True, anchor="bottomleft",
                 width=width - pen.px(14))  # fmt: skip
        if index:
            x = rect.left + index * width
            pygame.draw.line(surface, LINE, (x, rect.top + pen.px(10)), (x, rect.bottom - pen.px(10)))


def _draw_result(surface: pygame.Surface, scene: pygame.Rect, frame: Frame, status: Status | None, pen: Pen) -> None:
    """Draw how the episode went across the lower part of the scene."""
    figures = [f"{name.replace('_', ' ')} {_written(metric)}" for name, metric in frame.metrics.items()]
    lines = _wrapped(figures, scene.width - pen.px(32), pen)
    head = f"Episode over after {number(frame.step)} steps, return {number(frame.episode_return)}"
    tail = "" if status is None else status.prompt
    if status is not None and status.exhausted:
        tail = "That was the last one.  R  again,  Q  quit"
    height = pen.line_height(HEAD) + (len(lines) + bool(tail)) * pen.line_height(BODY) + pen.px(20)
    band = pygame.Rect(scene.left, scene.bottom - height, scene.width, height)
    _veil(surface, band, 225, pen)
    top = band.top + pen.px(10)
    pen.text(surface, head, (band.left + pen.px(16), top), HEAD, TEXT, bold=True, width=band.width - pen.px(32))
    top += pen.line_height(HEAD)
    for line, colour in [(line, TEXT) for line in lines] + ([(tail, DIM)] if tail else []):
        pen.text(surface, line, (band.left + pen.px(16), top), BODY, colour, width=band.width - pen.px(32))
        top += pen.line_height(BODY)


def _draw_prompt(surface: pygame.Surface, scene: pygame.Rect, prompt: str, pen: Pen) -> None:
    width = min(pen.width(prompt, HEAD, bold=True) + pen.px(44), scene.width - pen.px(16))
    place = pygame.Rect(0, 0, width, pen.line_height(HEAD) + pen.px(22))
    place.center = (scene.centerx, scene.top + round(0.3 * scene.height))
    _veil(surface, place, 225, pen)
    pen.text(surface, prompt, place.center, HEAD, TEXT, bold=True, anchor="center", width=width - pen.px(24))


def _written(metric: Metric) -> str:
    value = metric.value
    if value is None:
        return "–"
    if isinstance(value, bool) or (metric.kind == "share" and value in (0, 1)):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if metric.kind == "share":
            return f"{number(100 * value, 0)} %"
        return f"{number(value, 1)} s" if metric.kind == "seconds" else number(value)
    return str(value)


def _wrapped(parts: Sequence[str], width: int, pen: Pen) -> list[str]:
    """Join parts into lines that fit."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}   ·   {part}" if lines else part
        if lines and pen.width(longer, BODY) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _draw_note(surface: pygame.Surface, scene: pygame.Rect, note: str, pen: Pen) -> None:
    width = min(pen.width(note, BODY) + pen.px(24), scene.width - pen.px(16))
    place = pygame.Rect(0, scene.top + pen.px(10), width, pen.line_height(BODY) + pen.px(10))
    place.centerx = scene.centerx
    _veil(surface, place, 230, pen)
    pen.text(surface, note, place.center, BODY, TEXT, anchor="center", width=width - pen.px(16))


def _draw_help(surface: pygame.Surface, keys: Sequence[tuple[str, str]], pen: Pen) -> None:
    whole = surface.get_rect()
    _veil(surface, whole, 150, pen, radius=0)
    line = pen.px(25)
    key_width = max(pen.width(key, CLEAR, bold=True) for key, _ in keys)
    text_width = max(pen.width(text, CLEAR) for _, text in keys)
    card = pygame.Rect(0, 0, key_width + text_width + pen.px(76), line * len(keys) + pen.px(66))
    card.center = whole.center
    pygame.draw.rect(surface, PANEL, card, border_radius=pen.px(10))
    pygame.draw.rect(surface, LINE, card, max(1, pen.px(1)), border_radius=pen.px(10))
    pen.text(surface, "Keys", (card.left + pen.px(24), card.top + pen.px(16)), HEAD, TEXT, bold=True)
    for index, (key, text) in enumerate(keys):
        middle = card.top + pen.px(62) + index * line
        pen.text(surface, key, (card.left + pen.px(24), middle), CLEAR, ORANGE, bold=True, anchor="midleft")
        pen.text(surface, text, (card.left + key_width + pen.px(52), middle), CLEAR, TEXT, anchor="midleft")


def _veil(surface: pygame.Surface, rect: pygame.Rect, strength: int, pen: Pen, radius: float = 7) -> None:
    """Darken a part of the picture so that text on it can be read."""
    veil = pygame.Surface(rect.size, pygame.SRCALPHA)
    pygame.draw.rect(veil, (*BACKGROUND, strength), veil.get_rect(), border_radius=pen.px(radius) if radius else 0)
    surface.blit(veil, rect)

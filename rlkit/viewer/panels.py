"""Draw a frame on a surface: scene, figures, panels, messages and help."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pygame

from rlkit.viewer import theme
from rlkit.viewer.boxes_panel import demand_boxes, draw_boxes
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
from rlkit.viewer.perception_panel import demand_perception, draw_perception
from rlkit.viewer.sentence_strip import draw_sentence
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
    to_surface,
)

PIXEL_ART = 260  # pixels; a scene lower than this is enlarged with hard edges

Panel = tuple[Callable[[Frame, int, Pen], Demand], Callable[[pygame.Surface, pygame.Rect, Frame, Pen], object]]
PERCEPTION: Panel = (demand_perception, draw_perception)
BOXES: Panel = (demand_boxes, draw_boxes)
INPUTS: Panel = (demand_inputs, draw_inputs)
ACTIONS: Panel = (demand_actions, draw_actions)
HISTORY: Panel = (demand_history, draw_history)
INSTRUMENTS: Panel = (demand_instruments, draw_instruments)


@dataclass(frozen=True)
class Status:
    """State of the window that shows a frame.

    Args:
        paused: Whether it is paused.
        speed: Simulated over real time; 0 hides it.
        recording: Whether a video is being recorded.
        exhausted: Whether no episode is left.
        message: A short message at the top of the scene, such as the name of a screenshot.
        prompt: What the user can do now, across the scene.
        help: Pairs of a key and what it does, drawn over everything; empty for none.
    """

    paused: bool = False
    speed: float = 1.0
    recording: bool = False
    exhausted: bool = False
    message: str = ""
    prompt: str = ""
    help: Sequence[tuple[str, str]] = ()


class Painter:
    """Draws frames on any `pygame.Surface`; no display is needed.

    Args:
        choose: Gives the panels of each column, top to bottom, for a frame and a number of columns; None for those of
            an agent.
    """

    def __init__(self, choose: "Callable[[Frame, int], list[list[Panel]]] | None" = None) -> None:
        self._pen = Pen(1.0)
        self._choose = choose or _panels
        self.errors = True
        """Whether errors of perception are shown where the truth is known."""

    def toggle_errors(self, frame: Frame) -> str:
        """Show or hide the errors of perception, and return a message about it."""
        self.errors = not self.errors
        if frame.perceived is None:
            return "There is no perception here; --perception adds it"
        return f"Perception errors are {'shown' if self.errors else 'hidden'}"

    def draw(self, surface: pygame.Surface, frame: Frame, status: Status | None = None, panels: bool = True) -> None:
        """Draw a frame.

        Args:
            surface: Where to draw; its size determines the layout, from 640×480 up.
            frame: What to draw.
            status: State of the window; None for a video.
            panels: Whether to draw the panels beside the scene.
        """
        if not self.errors and frame.perceived is not None:
            frame = dataclasses.replace(frame, perceived=dataclasses.replace(frame.perceived, truth=None))
        size = surface.get_size()
        if self._pen.scale != theme.scale_for(size):
            self._pen = Pen(theme.scale_for(size))
        try:
            self._draw(surface, frame, status, panels)
        finally:
            self._pen.close_fonts()

    def _draw(self, surface: pygame.Surface, frame: Frame, status: Status | None, panels: bool) -> None:
        size, pen = surface.get_size(), self._pen
        scene = frame.scene if frame.scene is not None else first_picture(frame.inputs, frame.leaves)
        layout = arrange(
            size, pen, 1.5 if scene is None else scene.shape[1] / scene.shape[0], panels, frame.perceived is not None
        )
        surface.fill(BACKGROUND)
        _draw_header(surface, layout.header, frame, status, pen)
        above = layout.scene if frame.sentence is None else draw_sentence(surface, layout.scene, frame.sentence, pen)
        shown = _draw_scene(surface, above, scene, pen)
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
        if status is not None and status.message:
            _draw_message(surface, shown, status.message, pen)
        if status is not None and status.help:
            _draw_help(surface, status.help, pen)


def camera_panels(frame: Frame) -> list[Panel]:
    """The panel of the camera image, if there is one: with perception, its panel shows the boxes too."""
    return [PERCEPTION] if frame.perceived is not None else [BOXES] if frame.boxed is not None else []


def _panels(frame: Frame, columns: int) -> list[list[Panel]]:
    """The panels of an agent for each column, top to bottom."""
    instruments = [INSTRUMENTS] if frame.telemetry else []
    inputs = [*camera_panels(frame), *([INPUTS] if frame.inputs else [])]
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
    details = dict.fromkeys((frame.agent, f"episode {frame.episode}", frame.label))  # the label may be the same
    detail = "   ·   ".join(details)
    if room > pen.px(40):
        pen.text(surface, detail, (title.right + pen.px(14), rect.centery), BODY, DIM, anchor="midleft", width=room)


def _draw_state(surface: pygame.Surface, rect: pygame.Rect, status: Status, pen: Pen) -> int:
    """Draw the state of the window at the right end of the header and return where it begins."""
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
    """Draw the scene as large as fits and return its place."""
    pygame.draw.rect(surface, PANEL, rect, border_radius=pen.px(7))
    if scene is None:
        pen.text(
            surface, "this environment renders no image", rect.center, CLEAR, DIM, anchor="center", width=rect.width
        )
        return rect
    source = to_surface(scene)
    zoom = min(rect.width / source.get_width(), rect.height / source.get_height())
    size = (max(1, round(source.get_width() * zoom)), max(1, round(source.get_height() * zoom)))
    if source.get_height() < PIXEL_ART and zoom > 1:
        # Scale by a whole factor with hard edges first, then smoothly to size, which keeps pixels square and sharp.
        whole = math.ceil(zoom)
        source = pygame.transform.scale(source, (source.get_width() * whole, source.get_height() * whole))
    place = pygame.Rect((0, 0), size)
    place.center = rect.center
    surface.blit(pygame.transform.smoothscale(source, size), place)
    _round_corners(surface, rect, pen.px(7))
    return place


def _round_corners(surface: pygame.Surface, rect: pygame.Rect, radius: int) -> None:
    """Round the corners of the scene as those of the panels."""
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
    decimals = 0 if np.array_equal(frame.returns, np.rint(frame.returns)) else 2  # as in games
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
    """Draw the metrics of the episode across the scene, above the displays that scenes have at their lower edge."""
    figures = [f"{name.replace('_', ' ')} {_format_metric(metric)}" for name, metric in frame.metrics.items()]
    lines = _wrap(figures, scene.width - pen.px(32), pen)
    head = f"Episode over after {number(frame.step)} steps, return {number(frame.episode_return)}"
    tail = "" if status is None else status.prompt
    if status is not None and status.exhausted:
        tail = "This was the last episode.  R  restart,  Q  quit"
    height = pen.line_height(HEAD) + (len(lines) + bool(tail)) * pen.line_height(BODY) + pen.px(20)
    band = pygame.Rect(scene.left, _overlay_centre(scene) - height // 2, scene.width, height).clamp(scene)
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
    place.center = (scene.centerx, _overlay_centre(scene))
    _veil(surface, place, 225, pen)
    pen.text(surface, prompt, place.center, HEAD, TEXT, bold=True, anchor="center", width=width - pen.px(24))


def _overlay_centre(scene: pygame.Rect) -> int:
    return scene.top + round(0.3 * scene.height)


def _format_metric(metric: Metric) -> str:
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


def _wrap(parts: Sequence[str], width: int, pen: Pen) -> list[str]:
    """Join parts into lines that fit."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}   ·   {part}" if lines else part
        if lines and pen.width(longer, BODY) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return lines


def _draw_message(surface: pygame.Surface, scene: pygame.Rect, message: str, pen: Pen) -> None:
    width = min(pen.width(message, BODY) + pen.px(24), scene.width - pen.px(16))
    place = pygame.Rect(0, scene.top + pen.px(10), width, pen.line_height(BODY) + pen.px(10))
    place.centerx = scene.centerx
    _veil(surface, place, 230, pen)
    pen.text(surface, message, place.center, BODY, TEXT, anchor="center", width=width - pen.px(16))


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
    """Darken a part of the picture so that text on it is legible."""
    veil = pygame.Surface(rect.size, pygame.SRCALPHA)
    pygame.draw.rect(veil, (*BACKGROUND, strength), veil.get_rect(), border_radius=pen.px(radius) if radius else 0)
    surface.blit(veil, rect)

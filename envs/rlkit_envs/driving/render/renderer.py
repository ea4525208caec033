"""Rendering for people: a camera that follows the car over the scenery, with others, a ghost and instruments."""

import math
import os
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

# Suppresses pygame's greeting on standard output.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

import pygame

from rlkit_envs.driving.render.car_sprite import BODY, FRONT_AXLE, GHOST, LENGTH, PAINTS, REAR_AXLE, TRACK, CarSprite
from rlkit_envs.driving.render.ghost import Ghost
from rlkit_envs.driving.render.scenery import Scenery
from rlkit_envs.driving.road.circuit import TX, TY, Circuit
from rlkit_envs.driving.traffic.behaviour import CONE
from rlkit_envs.driving.vehicle.parameters import ROAD_CAR

_NEAR, _FAR = 58.0, 118.0  # m across the image at rest and at 45 m/s
_CAR_AT = 0.70  # vertical position of the car, as a share of the height from the top
_LAG = 0.35  # s, time constant of the camera's rotation
_MARKS = 1200  # most segments of tyre marks
_SLIDING = 0.12  # ``CAR.sliding`` above which tyres leave marks

_PANEL = (12, 16, 22, 165)
_TEXT = (240, 242, 245)
_DIM = (168, 176, 188)
_AHEAD, _BEHIND = (120, 214, 110), (255, 122, 96)
_GHOST_OPACITY = 120


class Renderer:
    """Draws one car; keeps the state of the camera and the tyre marks.

    Args:
        size: Width and height of images, in pixels.
    """

    def __init__(self, size: tuple[int, int]):
        self.size = size
        self._unit = size[1] / 640.0
        self._car = CarSprite()
        self._others: dict[int, CarSprite] = {}
        self._ghost: CarSprite | None = None
        self._up = 0.0
        self._zoom = 0.0
        self._time = -1.0
        self._circuit: Circuit | None = None
        self._marks: deque[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]] = deque(maxlen=_MARKS)
        self._wheels: npt.NDArray[np.float64] | None = None
        self._map: tuple[pygame.Surface, npt.NDArray[np.float64], float] | None = None
        self._fonts: list[pygame.font.Font] = []  # while a frame is drawn: they do not outlive `pygame.quit()`

    def draw(
        self, scenery: Scenery, car: Any, others: Sequence[Any] = (), ghost: Ghost | None = None
    ) -> npt.NDArray[np.uint8]:
        """Draw a frame.

        Args:
            scenery: The ground of its circuit.
            car: Its record of ``CAR``.
            others: Records of ``OTHER`` on the same circuit.
            ghost: An earlier drive on the same circuit.

        Returns:
            (H, W, 3) uint8, a new array.
        """
        self._follow(scenery.circuit, car)
        width, height = self.size
        anchor = (0.5 * width, _CAR_AT * height)
        picture = scenery.draw(self.size, (float(car["x"]), float(car["y"])), self._up, self._zoom, anchor)
        screen = _as_surface(picture)
        self._draw_tyre_marks(screen, car, anchor)
        self._draw_others(screen, car, anchor, others)
        if ghost is not None:
            self._draw_ghost(screen, car, anchor, ghost)
        self._car.draw(
            screen,
            anchor,
            self._zoom,
            float(car["heading"]),
            self._up,
            float(car["steering"]),
            bool(car["pedal"] < 0.0),
        )
        self._draw_map(screen, scenery.circuit, car, others, ghost)
        pygame.font.init()
        self._fonts = [pygame.font.Font(None, max(9, round(self._unit * height))) for height in (58, 24)]
        self._draw_readings(screen, car, float(car["progress"]) / scenery.circuit.length)
        self._draw_times(screen, car, ghost)
        self._fonts = []
        return picture

    def _follow(self, circuit: Circuit, car: Any) -> None:
        """Update the camera, which turns with a lag and zooms out with speed."""
        time, heading = float(car["time"]), float(car["heading"])
        speed = float(car["speed"])
        zoom = self.size[0] / (_NEAR + (_FAR - _NEAR) * min(1.0, speed / 45.0) ** 1.3)
        elapsed = time - self._time
        if circuit is not self._circuit or not 0.0 <= elapsed <= 2.0:
            self._circuit = circuit
            self._map = None
            self._marks.clear()
            self._wheels = None
            self._up, self._zoom = heading, zoom
        else:
            behind = (heading - self._up + math.pi) % (2.0 * math.pi) - math.pi
            self._up += behind * (1.0 - math.exp(-elapsed / _LAG))
            self._zoom += (zoom - self._zoom) * (1.0 - math.exp(-elapsed / 0.8))
        self._time = time

    def _to_screen(
        self, points: npt.NDArray[np.float64], car: Any, anchor: tuple[float, float]
    ) -> npt.NDArray[np.float64]:
        away = (points - (float(car["x"]), float(car["y"]))) * self._zoom
        cosine, sine = math.cos(self._up), math.sin(self._up)
        ahead = away[:, 0] * cosine + away[:, 1] * sine
        right = away[:, 0] * sine - away[:, 1] * cosine
        return np.stack([anchor[0] + right, anchor[1] - ahead], axis=1)

    def _draw_tyre_marks(self, screen: pygame.Surface, car: Any, anchor: tuple[float, float]) -> None:
        """Add tyre marks where tyres slide, and draw all of them."""
        cosine, sine = math.cos(car["heading"]), math.sin(car["heading"])
        places = [(axle, side) for axle in (FRONT_AXLE, -REAR_AXLE) for side in (0.5 * TRACK, -0.5 * TRACK)]
        wheels = np.array([(car["x"] + a * cosine - s * sine, car["y"] + a * sine + s * cosine) for a, s in places])
        if self._wheels is not None and car["sliding"] > _SLIDING:
            depth = int(min(150.0, 50.0 + 160.0 * float(car["sliding"])))
            for before, now in zip(self._wheels, wheels, strict=True):
                if not np.array_equal(before, now):
                    self._marks.append((before, now, depth))
        self._wheels = wheels
        if not self._marks:
            return
        starts = self._to_screen(np.array([mark[0] for mark in self._marks]), car, anchor)
        ends = self._to_screen(np.array([mark[1] for mark in self._marks]), car, anchor)
        seen = np.all((starts > -50.0) & (starts < np.array(self.size) + 50.0), axis=1)
        if not seen.any():
            return
        both = np.concatenate([starts[seen], ends[seen]])
        box = pygame.Rect(*np.floor(both.min(axis=0) - 4.0), *np.ceil(np.ptp(both, axis=0) + 8.0))
        box = box.clip(screen.get_rect())
        layer = pygame.Surface(box.size, pygame.SRCALPHA)
        thickness = max(1.0, 0.2 * self._zoom)
        for start, end, mark, visible in zip(starts - box.topleft, ends - box.topleft, self._marks, seen, strict=True):
            if visible:
                _draw_bar(layer, start, end, thickness, (16, 16, 18, mark[2]))
        screen.blit(layer, box)

    def _draw_others(
        self, screen: pygame.Surface, car: Any, anchor: tuple[float, float], others: Sequence[Any]
    ) -> None:
        for other in others:
            if not other["active"]:
                continue
            (at,) = self._to_screen(np.array([[other["x"], other["y"]]]), car, anchor)
            if not (-80.0 < at[0] < self.size[0] + 80.0 and -80.0 < at[1] < self.size[1] + 80.0):
                continue
            if other["kind"] == CONE:
                _draw_cone(screen, (float(at[0]), float(at[1])), 0.5 * float(other["width"]) * self._zoom)
                continue
            paint = int(other["colour"]) % len(PAINTS)
            if paint not in self._others:
                self._others[paint] = CarSprite(PAINTS[paint], stripes=False)
            zoom = self._zoom * float(other["length"]) / LENGTH
            braking = bool(other["acceleration"] < -0.5)
            self._others[paint].draw(
                screen, (float(at[0]), float(at[1])), zoom, float(other["heading"]), self._up, 0.0, braking
            )

    def _draw_ghost(self, screen: pygame.Surface, car: Any, anchor: tuple[float, float], ghost: Ghost) -> None:
        x, y, heading = ghost.pose(float(car["time"]))
        (at,) = self._to_screen(np.array([[x, y]]), car, anchor)
        if -80.0 < at[0] < self.size[0] + 80.0 and -80.0 < at[1] < self.size[1] + 80.0:
            if self._ghost is None:
                self._ghost = CarSprite(GHOST, stripes=False, opacity=_GHOST_OPACITY)
            self._ghost.draw(screen, (float(at[0]), float(at[1])), self._zoom, heading, self._up, 0.0, False)

    def _draw_map(
        self, screen: pygame.Surface, circuit: Circuit, car: Any, others: Sequence[Any], ghost: Ghost | None
    ) -> None:
        unit = self._unit
        side = round(150 * unit)
        edge = round(16 * unit)
        corner = (edge, self.size[1] - edge - side)
        if self._map is None:
            self._map = _draw_map(circuit, side)
        surface, middle, scale = self._map
        screen.blit(surface, corner)

        def place(x: float, y: float) -> tuple[float, float]:
            return (
                corner[0] + 0.5 * side + (x - float(middle[0])) * scale,
                corner[1] + 0.5 * side - (y - float(middle[1])) * scale,
            )

        for other in others:
            if other["active"] and other["kind"] != CONE:
                _draw_disc(
                    screen, place(float(other["x"]), float(other["y"])), 2.5 * unit, PAINTS[int(other["colour"]) % 8]
                )
        if ghost is not None:
            x, y, _ = ghost.pose(float(car["time"]))
            _draw_disc(screen, place(x, y), 4.0 * unit, GHOST)
        at = place(float(car["x"]), float(car["y"]))
        _draw_disc(screen, at, 5.5 * unit, (255, 255, 255))
        _draw_disc(screen, at, 4.0 * unit, BODY)

    def _draw_readings(self, screen: pygame.Surface, car: Any, progress: float) -> None:
        unit = self._unit
        width, height = (round(210 * unit), round(96 * unit))
        panel = pygame.Surface((width, height), pygame.SRCALPHA)
        pygame.draw.rect(panel, _PANEL, panel.get_rect(), border_radius=round(10 * unit))
        large, small = self._fonts
        speed = large.render(f"{3.6 * float(car['speed']):.0f}", True, _TEXT)
        panel.blit(speed, (round(86 * unit) - speed.get_width(), round(14 * unit)))
        panel.blit(small.render("km/h", True, _DIM), (round(94 * unit), round(33 * unit)))
        time = float(car["lap_time"]) or float(car["time"])
        clock = small.render(f"{int(time // 60)}:{time % 60:04.1f}", True, _TEXT)
        panel.blit(clock, (width - clock.get_width() - round(14 * unit), round(16 * unit)))
        share = small.render(f"{100.0 * min(1.0, max(0.0, progress)):.0f} %", True, _DIM)
        panel.blit(share, (width - share.get_width() - round(14 * unit), round(36 * unit)))
        for row, (value, colour) in enumerate(
            (
                (min(1.0, float(car["speed"]) / float(ROAD_CAR["top_speed"][0])), BODY),
                (min(1.0, max(0.0, progress)), (112, 190, 92)),
            )
        ):
            bar = pygame.Rect(
                round(14 * unit), round((64 + 13 * row) * unit), width - round(28 * unit), round(7 * unit)
            )
            pygame.draw.rect(panel, (255, 255, 255, 36), bar, border_radius=round(3 * unit))
            bar.width = round(bar.width * value)
            if bar.width > 2:
                pygame.draw.rect(panel, colour, bar, border_radius=round(3 * unit))
        edge = round(16 * unit)
        screen.blit(panel, (self.size[0] - width - edge, self.size[1] - height - edge))

    def _draw_times(self, screen: pygame.Surface, car: Any, ghost: Ghost | None) -> None:
        """Draw the times of completed sectors, and the lead over the ghost."""
        unit, small = self._unit, self._fonts[1]
        marks = [0.0, *(float(car[name]) for name in ("sector_1", "sector_2", "lap_time"))]
        texts = [(f"S{k}  {now - last:.2f}", _TEXT) for k, (last, now) in enumerate(pairwise(marks), 1) if now > 0.0]
        if ghost is not None and car["time"] > 1.0:
            lead = ghost.lead((float(car["x"]), float(car["y"])), float(car["time"]))
            if lead is not None:
                texts.append((f"{-lead:+.2f}", _AHEAD if lead >= 0.0 else _BEHIND))
        if not texts:
            return
        written = [small.render(text.replace("-", "−"), True, colour) for text, colour in texts]
        gap, height = round(14 * unit), round(34 * unit)
        width = sum(text.get_width() + gap for text in written) + gap
        panel = pygame.Surface((width, height), pygame.SRCALPHA)
        pygame.draw.rect(panel, _PANEL, panel.get_rect(), border_radius=round(10 * unit))
        x = gap
        for text in written:
            panel.blit(text, (x, (height - text.get_height()) // 2))
            x += text.get_width() + gap
        screen.blit(panel, (self.size[0] - width - round(16 * unit), self.size[1] - round(154 * unit)))


class HumanWindow:
    """A window that shows frames.

    Args:
        size: Width and height, in pixels.
        title: Title of the window.
    """

    def __init__(self, size: tuple[int, int], title: str):
        pygame.display.init()
        self._surface = pygame.display.set_mode(size)
        pygame.display.set_caption(title)
        self._clock = pygame.time.Clock()

    def show(self, picture: npt.NDArray[np.uint8], rate: float) -> None:
        """Show a frame and wait until the next is due.

        Args:
            picture: (H, W, 3) uint8 of the window's size.
            rate: Frames per second.
        """
        pygame.event.pump()  # so that the system does not report a program that hangs
        self._surface.blit(_as_surface(picture), (0, 0))
        pygame.display.flip()
        self._clock.tick(rate)

    def close(self) -> None:
        """Close the window."""
        pygame.display.quit()


def _as_surface(picture: npt.NDArray[np.uint8]) -> pygame.Surface:
    """A surface that shares the memory of an image."""
    buffer: Any = picture.reshape(-1).data
    return pygame.image.frombuffer(buffer, (picture.shape[1], picture.shape[0]), "RGB")


def _draw_map(circuit: Circuit, side: int) -> tuple[pygame.Surface, npt.NDArray[np.float64], float]:
    """Panel with the outline of the circuit, the world's point in its middle, and pixels per metre."""
    fine = 3
    low, high = circuit.points.min(axis=0), circuit.points.max(axis=0)
    middle = 0.5 * (low + high)
    scale = 0.8 * side / float((high - low).max())
    surface = pygame.Surface((side * fine, side * fine), pygame.SRCALPHA)
    pygame.draw.rect(surface, _PANEL, surface.get_rect(), border_radius=round(side * fine / 15))
    away = (circuit.points - middle) * (scale * fine) * (1.0, -1.0) + 0.5 * side * fine
    for thickness, colour in ((0.05, (235, 238, 242)), (0.03, (70, 74, 82))):
        radius = 0.5 * thickness * side * fine
        for x, y in away[:: max(1, len(away) // 700)]:
            pygame.draw.circle(surface, colour, (x, y), radius)
    normal = np.array([-circuit.line[0, TY], circuit.line[0, TX]]) * (1.0, -1.0) * 0.045 * side * fine
    pygame.draw.line(surface, (255, 255, 255), away[0] - normal, away[0] + normal, round(0.02 * side * fine))
    return pygame.transform.smoothscale(surface, (side, side)), middle, scale


def _draw_disc(screen: pygame.Surface, at: tuple[float, float], radius: float, colour: tuple[int, int, int]) -> None:
    side = 2 * round(radius) + 4
    fine = pygame.Surface((4 * side, 4 * side), pygame.SRCALPHA)
    pygame.draw.circle(fine, colour, (2 * side, 2 * side), 4.0 * radius)
    disc = pygame.transform.smoothscale(fine, (side, side))
    screen.blit(disc, disc.get_rect(center=(round(at[0]), round(at[1]))))


def _draw_cone(screen: pygame.Surface, at: tuple[float, float], radius: float) -> None:
    """A traffic cone from above, with a shadow."""
    radius = max(2.0, radius)
    shadow = pygame.Surface((4 * round(radius) + 4, 4 * round(radius) + 4), pygame.SRCALPHA)
    pygame.draw.circle(shadow, (8, 10, 14, 90), shadow.get_rect().center, radius)
    screen.blit(shadow, shadow.get_rect(center=(round(at[0] + 0.6 * radius), round(at[1] + 0.5 * radius))))
    for share, colour in (
        (1.0, (186, 66, 20)),
        (0.82, (255, 106, 26)),
        (0.56, (246, 246, 242)),
        (0.34, (255, 120, 40)),
    ):
        _draw_disc(screen, at, share * radius, colour)


def _draw_bar(
    layer: pygame.Surface,
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    thickness: float,
    colour: tuple[int, int, int, int],
) -> None:
    along = end - start
    length = float(np.hypot(along[0], along[1]))
    if length < 0.5:
        return
    side = np.array([-along[1], along[0]]) * (0.5 * thickness / length)
    corners = (start + side, end + side, end - side, start - side)
    pygame.draw.polygon(layer, colour, [(float(x), float(y)) for x, y in corners])

"""Sprite of a car from above: body, glass, steered wheels, lights and shadow."""

import math

import pygame

from rlkit_envs.driving.vehicle.parameters import ROAD_CAR

FRONT_AXLE, REAR_AXLE, LENGTH, WIDTH, TRACK = (
    float(ROAD_CAR[name][0]) for name in ("front_axle", "rear_axle", "length", "width", "track")
)

Colour = tuple[int, int, int]

PIXELS = 26.0  # per metre of the sprite, about twice the resolution of the screen
_FINE = 4  # supersampling factor
_EXTENT = (6.4, 3.6)  # m along and across; the centre of gravity is in the middle
_NOSE = 0.5 * (LENGTH - FRONT_AXLE - REAR_AXLE) + FRONT_AXLE  # m from the centre of gravity to the front bumper

BODY: Colour = (243, 112, 33)
GHOST: Colour = (120, 205, 255)
PAINTS: tuple[Colour, ...] = (  # of other cars, by their number
    (150, 155, 160),
    (52, 54, 60),
    (226, 227, 228),
    (44, 82, 168),
    (168, 38, 42),
    (38, 110, 72),
    (214, 178, 52),
    (120, 78, 140),
)
_DARK: Colour = (24, 27, 33)
_GLASS: Colour = (38, 50, 64)
_TYRE: Colour = (22, 22, 24)

# Half of the outline, from the nose's middle to the tail's: metres behind the nose, share of half the width.
_OUTLINE = (
    (0.00, 0.00),
    (0.02, 0.45),
    (0.12, 0.74),
    (0.32, 0.88),
    (0.58, 0.86),
    (0.96, 0.80),  # narrow beside the front wheels, so that their steering is visible
    (1.36, 0.87),
    (1.80, 0.96),
    (2.60, 0.97),
    (3.05, 0.97),
    (3.54, 0.93),
    (3.95, 0.97),
    (4.20, 0.94),
    (4.40, 0.80),
    (4.50, 0.50),
    (4.508, 0.00),
)


class CarSprite:
    """Draws a car in any pose; needs no window.

    Args:
        colour: Of the body.
        stripes: Whether to draw a pair of stripes, which mark the agent's car.
        opacity: Below 255 for a ghost, which is translucent and casts no shadow.
    """

    def __init__(self, colour: Colour = BODY, *, stripes: bool = True, opacity: int = 255):
        self._opacity = opacity
        self._body = self._draw_body(colour, stripes)
        self._wheel = self._draw_wheel()
        self._shadow = self._draw_shadow()
        self._lights = self._draw_brake_lights()

    def draw(
        self,
        screen: pygame.Surface,
        at: tuple[float, float],
        zoom: float,
        heading: float,
        up: float,
        steering: float,
        braking: bool,
    ) -> None:
        """Draw the car.

        Args:
            screen: Surface to draw on.
            at: Position of its centre of gravity, in pixels.
            zoom: Pixels per metre.
            heading: Its heading, in radians.
            up: Heading that is up on the screen, in radians.
            steering: Angle of its front wheels, in radians.
            braking: Whether its brake lights are on.
        """
        angle = math.degrees(heading - up) + 90.0
        # The sun is in the north-west of the world.
        east, south = 0.32 * zoom, 0.26 * zoom
        dx, dy = east * math.sin(up) + south * math.cos(up), -(east * math.cos(up) - south * math.sin(up))
        if self._opacity == 255:
            self._blit_rotated(screen, self._shadow, (at[0] + dx, at[1] + dy), zoom, angle)
        picture = pygame.Surface(_size(PIXELS), pygame.SRCALPHA)
        for along, angle_of_wheel in ((FRONT_AXLE, steering), (-REAR_AXLE, 0.0)):
            wheel = (
                pygame.transform.rotozoom(self._wheel, math.degrees(angle_of_wheel), 0.5) if angle_of_wheel else None
            )
            wheel = wheel or pygame.transform.smoothscale_by(self._wheel, 0.5)
            for aside in (0.5 * TRACK + 0.06, -0.5 * TRACK - 0.06):
                picture.blit(wheel, wheel.get_rect(center=_pixel(along, aside, PIXELS)))
        picture.blit(self._body, (0, 0))
        if braking:
            picture.blit(self._lights, (0, 0))
        if self._opacity < 255:
            picture.fill((255, 255, 255, self._opacity), special_flags=pygame.BLEND_RGBA_MULT)
        self._blit_rotated(screen, picture, at, zoom, angle)

    @staticmethod
    def _blit_rotated(
        screen: pygame.Surface, picture: pygame.Surface, at: tuple[float, float], zoom: float, angle: float
    ) -> None:
        turned = pygame.transform.rotozoom(picture, angle, zoom / PIXELS)
        screen.blit(turned, turned.get_rect(center=(round(at[0]), round(at[1]))))

    @staticmethod
    def _draw_body(colour: Colour, stripes: bool) -> pygame.Surface:
        fine = PIXELS * _FINE
        surface = pygame.Surface(_size(fine), pygame.SRCALPHA)

        def shape(points: list[tuple[float, float]], fill: tuple[int, ...], width: int = 0) -> None:
            pygame.draw.polygon(surface, fill, [_pixel(_NOSE - back, aside, fine) for back, aside in points], width)

        def both(points: list[tuple[float, float]], fill: tuple[int, ...]) -> None:
            shape(points, fill)
            shape([(back, -aside) for back, aside in points], fill)

        half = 0.5 * WIDTH
        edge = [(back, share * half) for back, share in _smooth(_OUTLINE)]
        outline = edge + [(back, -aside) for back, aside in reversed(edge)]
        both([(1.62, half), (1.80, half), (1.86, half + 0.17), (1.76, half + 0.17)], _shade(colour, 0.7))  # mirrors
        shape(outline, _shade(colour, 0.62))
        shape([(0.04 + 0.982 * back, 0.94 * aside) for back, aside in outline], _shade(colour, 0.9))
        shape([(0.10 + 0.955 * back, 0.82 * aside) for back, aside in outline], colour)
        # Bonnet with two creases, and an air intake in the nose.
        shape([(0.30, 0.40), (1.45, 0.52), (1.45, -0.52), (0.30, -0.40)], _shade(colour, 1.06))
        both([(0.28, 0.42), (1.45, 0.56), (1.45, 0.52), (0.28, 0.39)], _shade(colour, 0.8))
        shape([(0.03, 0.34), (0.14, 0.42), (0.14, -0.42), (0.03, -0.34)], _DARK)
        # Greenhouse: windscreen, side windows, rear window around the roof.
        glass = [(1.42, 0.50), (1.30, 0.22), (1.27, 0.0), (1.30, -0.22), (1.42, -0.50), (2.05, -0.66), (3.05, -0.66)]
        glass += [(3.62, -0.52), (3.70, 0.0), (3.62, 0.52), (3.05, 0.66), (2.05, 0.66)]
        shape(glass, _GLASS)
        shape([(1.36, 0.34), (1.33, 0.05), (1.80, 0.10), (1.90, 0.46)], (78, 96, 116))  # the sky in the windscreen
        roof = [(1.98, 0.49), (1.90, 0.0), (1.98, -0.49), (3.02, -0.50), (3.10, 0.0), (3.02, 0.50)]
        shape(roof, _shade(colour, 0.96))
        shape([(2.06, 0.40), (1.99, 0.0), (2.06, -0.40), (2.94, -0.41), (3.0, 0.0), (2.94, 0.41)], _shade(colour, 1.08))
        both([(2.05, 0.69), (2.05, 0.63), (3.05, 0.63), (3.05, 0.69)], _shade(colour, 0.75))
        both([(2.50, 0.66), (2.50, 0.52), (2.58, 0.52), (2.58, 0.66)], _shade(colour, 0.75))
        # A pair of stripes from nose to tail, but not across the glass.
        for start, end in ((0.16, 1.25), (1.98, 3.02), (3.74, 4.36)) if stripes else ():
            both([(start, 0.22), (end, 0.22), (end, 0.09), (start, 0.09)], (250, 246, 236))
        # Lamps and a wing.
        both([(0.10, 0.56), (0.20, 0.70), (0.48, 0.72), (0.34, 0.54)], (250, 250, 235))
        both([(4.36, 0.40), (4.30, 0.72), (4.40, 0.68), (4.47, 0.40)], (126, 18, 20))
        shape([(4.02, 0.78), (4.02, -0.78), (4.20, -0.78), (4.20, 0.78)], _DARK)
        shape([(4.05, 0.74), (4.05, -0.74), (4.10, -0.74), (4.10, 0.74)], (62, 66, 74))
        return pygame.transform.smoothscale(surface, _size(PIXELS))

    @staticmethod
    def _draw_wheel() -> pygame.Surface:
        """A wheel from above at twice the resolution, for smooth rotation."""
        scale = 2.0 * PIXELS
        surface = pygame.Surface((round(0.8 * scale), round(0.5 * scale)), pygame.SRCALPHA)
        middle = surface.get_rect().center
        tyre = pygame.Rect(0, 0, round(0.64 * scale), round(0.25 * scale))
        tyre.center = middle
        pygame.draw.rect(surface, _TYRE, tyre, border_radius=round(0.07 * scale))
        pygame.draw.rect(surface, (58, 58, 62), tyre.inflate(-round(0.12 * scale), -round(0.15 * scale)))
        return surface

    @staticmethod
    def _draw_shadow() -> pygame.Surface:
        surface = pygame.Surface(_size(PIXELS), pygame.SRCALPHA)
        half = 0.5 * WIDTH + 0.05
        edge = [(back, share * half) for back, share in _smooth(_OUTLINE)]
        outline = edge + [(back, -aside) for back, aside in reversed(edge)]
        pygame.draw.polygon(surface, (8, 10, 14, 120), [_pixel(_NOSE - back, aside, PIXELS) for back, aside in outline])
        small = pygame.transform.smoothscale_by(surface, 0.12)  # down and up again: a blur
        return pygame.transform.smoothscale(small, _size(PIXELS))

    @staticmethod
    def _draw_brake_lights() -> pygame.Surface:
        surface = pygame.Surface(_size(PIXELS), pygame.SRCALPHA)
        for aside in (0.56, -0.56):
            x, y = _pixel(_NOSE - 4.42, aside, PIXELS)
            for radius, alpha in ((0.62, 26), (0.45, 40), (0.30, 70), (0.18, 150)):
                glow = pygame.Surface(_size(PIXELS), pygame.SRCALPHA)
                pygame.draw.circle(glow, (255, 34, 24, alpha), (x - 0.1 * PIXELS, y), radius * PIXELS)
                surface.blit(glow, (0, 0))
            pygame.draw.ellipse(
                surface, (255, 120, 96), pygame.Rect(x - 0.06 * PIXELS, y - 0.17 * PIXELS, 0.13 * PIXELS, 0.34 * PIXELS)
            )
        return surface


def _size(pixels: float) -> tuple[int, int]:
    return round(_EXTENT[0] * PIXELS) * round(pixels / PIXELS), round(_EXTENT[1] * PIXELS) * round(pixels / PIXELS)


def _pixel(forward: float, aside: float, pixels: float) -> tuple[float, float]:
    """Pixel of a point of the car, in metres ahead and to the left of its centre of gravity; it faces right."""
    width, height = _size(pixels)
    return 0.5 * width + forward * pixels, 0.5 * height - aside * pixels


def _shade(colour: Colour, light: float) -> Colour:
    red, green, blue = (min(255, round(light * part)) for part in colour)
    return red, green, blue


def _smooth(points: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """A Catmull-Rom curve through the points, eight pieces between each two."""
    curve: list[tuple[float, float]] = []
    last = len(points) - 1
    for i in range(last):
        a, b, c, d = points[max(0, i - 1)], points[i], points[i + 1], points[min(last, i + 2)]
        for k in range(8):
            t = k / 8.0
            x, y = (
                0.5
                * (
                    2.0 * b[axis]
                    + (c[axis] - a[axis]) * t
                    + (2.0 * a[axis] - 5.0 * b[axis] + 4.0 * c[axis] - d[axis]) * t * t
                    + (3.0 * b[axis] - a[axis] - 3.0 * c[axis] + d[axis]) * t**3
                )
                for axis in range(2)
            )
            curve.append((x, max(0.0, y)))
    return [*curve, points[-1]]

"""Buildings, garden walls and hedges along a street, as flat panels that the camera shows."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import LEFT, RIGHT, TX, TY, Circuit, X, Y
from rlkit_envs.driving.terrain.street_layout import (
    BLOCKS,
    HOUSES,
    OPEN,
    PARK,
    SHOPS,
    SIDE_ROAD_REACH,
    WALLED,
    Section,
    StreetPlan,
)

# Textures of a panel, each a square that repeats along it; see ``weather.facades``.
UPPER_TILES, GROUND_TILES = 14, 8
PLAIN, ROOF, HEDGE, RAILING, RUBBLE = range(UPPER_TILES + GROUND_TILES, UPPER_TILES + GROUND_TILES + 5)
TILES = UPPER_TILES + GROUND_TILES + 5

# A flat panel with two perpendicular directions: along the ground, and up (or up a roof).
PANEL = np.dtype(
    [
        ("x", "f8"),  # m, its lower corner
        ("y", "f8"),  # m
        ("z", "f8"),  # m above the ground
        ("along_x", "f8"),  # unit vector along the ground, to the right as seen from outside
        ("along_y", "f8"),
        ("width", "f8"),  # m
        ("up_x", "f8"),  # unit vector up
        ("up_y", "f8"),
        ("up_z", "f8"),
        ("height", "f8"),  # m
        ("taper", "f8"),  # share by which it is narrower at each upper corner: 0.5 for a triangle
        ("bays", "f8"),  # repetitions of its texture along the ground
        ("storeys", "f8"),  # and upwards
        ("ground_tile", "i8"),  # texture of the lowest storey
        ("upper_tile", "i8"),  # of all others
        ("seed", "i8"),  # of its windows
        ("colour", "f8", (3, 3)),  # red, green, blue of the wall, of frames, and of doors and signs
        ("glass", "f8"),  # brightness of windows
    ],
    align=True,
)

# Colours of walls: yellow-grey and red brick, white and cream plaster, concrete, dark stone, sandstone.
_WALLS = np.array(
    [
        (0.56, 0.49, 0.37),
        (0.42, 0.25, 0.19),
        (0.82, 0.81, 0.77),
        (0.76, 0.68, 0.52),
        (0.48, 0.47, 0.45),
        (0.25, 0.22, 0.20),
        (0.62, 0.52, 0.38),
    ]
)
_ROOFS = np.array([(0.20, 0.21, 0.24), (0.34, 0.18, 0.13), (0.28, 0.24, 0.21)])
_HEDGES = np.array([(0.12, 0.20, 0.08), (0.20, 0.18, 0.09), (0.08, 0.14, 0.07)])
_MOST_PANELS = 1600


@dataclass(eq=False)
class Buildings:
    """The buildings of one street.

    Args:
        panels: Rows of ``PANEL``.
        boxes: Middle x, y, heading, half length, half width and height of each, for shadows.
    """

    panels: list[tuple[object, ...]] = field(default_factory=list)
    boxes: list[tuple[float, ...]] = field(default_factory=list)

    def records(self) -> npt.NDArray[np.void]:
        """(m,) records of ``PANEL``."""
        return np.array(self.panels[:_MOST_PANELS], dtype=PANEL)

    def shadow_boxes(self) -> npt.NDArray[np.float64]:
        """(k, 6) boxes."""
        return np.array(self.boxes, dtype=np.float64).reshape(-1, 6)


@dataclass(frozen=True)
class Look:
    """Appearance of a building's walls.

    Args:
        wall: Colour of the wall.
        frame: Colour of frames and sills.
        accent: Colour of doors and signs.
        upper: Texture of upper storeys.
        ground: Texture of the lowest storey.
        bay: Metres from window to window.
        storey: Metres from floor to floor.
        glass: Brightness of windows.
    """

    wall: npt.NDArray[np.float64]
    frame: npt.NDArray[np.float64]
    accent: npt.NDArray[np.float64]
    upper: int
    ground: int
    bay: float
    storey: float
    glass: float


def _draw_look(random: np.random.Generator, shops: bool) -> Look:
    wall = _WALLS[int(random.integers(len(_WALLS)))] * random.uniform(0.75, 1.2) * random.uniform(0.94, 1.06, 3)
    frame = np.full(3, random.choice([0.85, 0.75, 0.3, 0.12])) * random.uniform(0.95, 1.05, 3)
    accent = random.uniform(0.05, 0.8, 3) if random.random() < 0.7 else np.full(3, random.uniform(0.05, 0.7))
    # The first ground tiles are shop fronts.
    ground = int(random.integers(0, 4)) if shops else int(random.integers(4, GROUND_TILES))
    return Look(
        wall,
        frame,
        accent,
        int(random.integers(UPPER_TILES)),
        UPPER_TILES + ground,
        float(random.uniform(2.2, 4.5)),
        float(random.uniform(2.7, 3.8)),
        float(random.uniform(0.05, 0.4)),
    )


class StreetBuilder:
    """Places buildings along a street, clear of every leg of the road.

    Args:
        circuit: The street.
        plan: Its plan.
        random: Random numbers.
    """

    def __init__(self, circuit: Circuit, plan: StreetPlan, random: np.random.Generator):
        self._circuit, self._plan, self._random = circuit, plan, random
        self._points = circuit.points[::2]
        widest = circuit.line[::2, LEFT : RIGHT + 1] + plan.samples["parking"][::2]
        self._free = widest.max(axis=1) + 0.9
        self.buildings = Buildings()

    def build(self) -> Buildings:
        """Place the buildings of all sections, and those that close the view along side roads."""
        for section in self._plan.sections:
            self._build_section(section)
        for side in (0, 1):
            mouth = self._plan.samples["mouth"][:, side]
            for index in np.flatnonzero(np.abs(mouth) <= 0.5 * self._circuit.step):
                self._line_side_road(int(index), side)
        return self.buildings

    def _build_section(self, section: Section) -> None:
        random = self._random
        look = _draw_look(random, section.kind == SHOPS)
        storeys = int(random.integers(2, 5))
        at = section.begin
        while at < section.end - 2.0:
            if section.kind in (PARK, WALLED, OPEN):
                width, gap = 6.0, 0.0
            elif section.kind == HOUSES:
                width, gap = random.uniform(7.0, 12.0), random.uniform(1.0, 5.0)
            elif section.kind == BLOCKS:
                width, gap = random.uniform(14.0, 40.0), random.choice([0.0, random.uniform(2.0, 12.0)])
            else:
                width, gap = random.uniform(4.5, 10.0), 0.0
            middle = at + 0.5 * width
            at += width + gap
            # Next to a side road, a lot is narrower rather than empty.
            if section.kind in (PARK, WALLED, OPEN):
                self._fence(section, middle, width)
                continue
            if random.random() < 0.75 or section.kind == HOUSES:
                look = _draw_look(random, section.kind == SHOPS or random.random() < 0.15)
            if section.kind == BLOCKS:
                storeys = int(random.integers(2, 7))
            elif random.random() < 0.4:
                storeys = int(random.integers(2, 5 if section.kind != HOUSES else 4))
            self._house(section, middle, width, look, storeys)
            if section.kind == HOUSES and section.set_back > 3.0:
                self._fence(section, middle, width + gap)

    def _frame(self, section_side: int, station: float, distance: float) -> tuple[int, float, float, float]:
        """Sample at a station, the point so far from the kerb there, and the direction of the road."""
        circuit = self._circuit
        index = int(station / circuit.step) % len(circuit.line)
        sample = circuit.line[index]
        sign = 1.0 if section_side == 0 else -1.0
        offset = sign * (self._plan.kerb(circuit, index, section_side) + distance)
        heading = float(np.arctan2(sample[TY], sample[TX]))
        return index, float(sample[X] - sample[TY] * offset), float(sample[Y] + sample[TX] * offset), heading

    def _pavement(self, index: int, side: int) -> float:
        sample = self._plan.samples[index]
        return float(0.25 + sample["strip"][side] + sample["pavement"][side])

    def _house(self, section: Section, station: float, width: float, look: Look, storeys: int) -> None:
        random, side = self._random, section.side
        index = int(station / self._circuit.step) % len(self._circuit.line)
        if not self._plan.clear_of_side_roads(index, side, 1.5 + 0.5 * width):
            return
        front = self._pavement(index, side) + section.set_back
        depth = float(random.uniform(6.0, 12.0))
        _, x, y, heading = self._frame(side, station, front + 0.5 * depth)
        while depth > 3.0 and not self._clear(x, y, heading, 0.5 * width, 0.5 * depth):
            depth *= 0.6
            _, x, y, heading = self._frame(side, station, front + 0.5 * depth)
        if depth <= 3.0:
            return
        height = look.storey * (storeys + random.uniform(0.0, 0.3))
        roof = float(random.uniform(0.25, 0.5) * depth) if random.random() < 0.6 else 0.0
        self._box((x, y, heading), (0.5 * width, 0.5 * depth, height), look, roof, random.random() < 0.2)

    def _line_side_road(self, index: int, side: int) -> None:
        """Buildings along both sides of a side road, and one across its end."""
        random = self._random
        sample = self._plan.samples[index]
        half = float(sample["mouth_half"][side])
        station = index * self._circuit.step
        front = self._pavement(index, side)
        for sign in (-1.0, 1.0):
            away = front + random.uniform(4.0, 10.0)
            aside = sign * (half + 1.8 + front)
            while away < SIDE_ROAD_REACH and half < 5.0:
                width, depth = random.uniform(6.0, 12.0), random.uniform(5.0, 8.0)
                look, storeys = _draw_look(random, False), int(random.integers(2, 4))
                _, x, y, heading = self._frame(side, station, away + 0.5 * width)
                x += np.cos(heading) * (aside + sign * 0.5 * depth)
                y += np.sin(heading) * (aside + sign * 0.5 * depth)
                turned = heading + 0.5 * np.pi
                if self._clear(x, y, turned, 0.5 * width, 0.5 * depth):
                    roof = 0.4 * depth if random.random() < 0.6 else 0.0
                    extent = (0.5 * width, 0.5 * depth, look.storey * storeys)
                    self._box((x, y, turned), extent, look, roof, False)
                away += width + random.choice([0.0, 3.0])
        look = _draw_look(random, False)
        width = 2.0 * half + random.uniform(8.0, 24.0)
        _, x, y, heading = self._frame(side, station, SIDE_ROAD_REACH + 5.0)
        if self._clear(x, y, heading, 0.5 * width, 4.0):
            height = look.storey * int(random.integers(1, 5))
            self._box((x, y, heading), (0.5 * width, 4.0, height), look, float(random.choice([0.0, 2.5])), False)

    def _fence(self, section: Section, station: float, width: float) -> None:
        """A piece of garden wall, hedge or railing along the pavement."""
        _random, side = self._random, section.side
        index = int(station / self._circuit.step) % len(self._circuit.line)
        if not self._plan.clear_of_side_roads(index, side, 1.5 + 0.5 * width):
            return
        away = self._pavement(index, side) + (section.set_back if section.kind != HOUSES else 0.2)
        _, x, y, heading = self._frame(side, station, away + 0.2)
        if not self._clear(x, y, heading, 0.5 * width, 0.3):
            return
        # The choice holds for the whole section.
        choice = np.random.default_rng(int(section.begin * 1000.0) + side).random(4)
        if section.kind == OPEN and choice[0] < 0.5:
            return
        look = _draw_look(np.random.default_rng(int(section.begin * 1000.0) + 7), False)
        tile = (HEDGE, RAILING, RUBBLE, PLAIN)[int(choice[1] * 4.0)]
        height = (0.8 + 1.6 * choice[2]) * (1.4 if tile == HEDGE else 1.0)
        colour = _HEDGES[int(choice[3] * len(_HEDGES))] * 1.3 if tile == HEDGE else look.wall
        if tile == RAILING:
            colour, height = np.full(3, 0.1 + 0.5 * choice[3]), 1.1
        plain = Look(colour, look.frame, look.accent, tile, tile, 1.0, 1.0, 0.1)
        self._wall((x, y, 0.0), heading, width, 0.15, height, plain, 0.0)
        self._wall((x, y, 0.0), heading + np.pi, width, 0.15, height, plain, 0.0)
        if tile != RAILING:
            self.buildings.boxes.append((x, y, heading, 0.5 * width, 0.15, height))

    def _clear(self, x: float, y: float, heading: float, half_length: float, half_width: float) -> bool:
        """Whether a box is clear of all legs of the road."""
        dx, dy = self._points[:, 0] - x, self._points[:, 1] - y
        cosine, sine = np.cos(heading), np.sin(heading)
        along = np.maximum(0.0, np.abs(dx * cosine + dy * sine) - half_length)
        across = np.maximum(0.0, np.abs(dy * cosine - dx * sine) - half_width)
        return bool((along**2 + across**2 > self._free**2).all())

    def _box(
        self,
        place: tuple[float, float, float],
        extent: tuple[float, float, float],
        look: Look,
        roof: float,
        gable: bool,
    ) -> None:
        """Four walls, and a pitched roof whose ridge runs along the road, or across it (``gable``)."""
        x, y, heading = place
        half_length, half_width, height = extent
        for quarter in range(4):
            turned = heading + quarter * 0.5 * np.pi
            half_across, away = (half_length, half_width) if quarter % 2 == 0 else (half_width, half_length)
            self._wall((x, y, 0.0), turned, 2.0 * half_across, away, height, look, 0.0)
            if roof <= 0.0:
                continue
            if (quarter % 2 == 1) != gable:
                self._wall((x, y, height), turned, 2.0 * half_across, away, roof, self._like(look, PLAIN), 0.5)
            else:
                tiles = Look(
                    _ROOFS[self._random.integers(len(_ROOFS))] * self._random.uniform(0.8, 1.3),
                    look.frame, look.accent, ROOF, ROOF, 2.0, 2.0, look.glass,
                )  # fmt: skip
                self._wall((x, y, height), turned, 2.0 * half_across, away, roof, tiles, 0.0, away)
        self.buildings.boxes.append((x, y, heading, half_length, half_width, height + 0.5 * roof))

    def _like(self, look: Look, tile: int) -> Look:
        return Look(look.wall, look.frame, look.accent, tile, tile, look.bay, look.storey, look.glass)

    def _wall(
        self,
        middle: tuple[float, float, float],
        heading: float,
        width: float,
        away: float,
        height: float,
        look: Look,
        taper: float,
        inwards: float = 0.0,
    ) -> None:
        """A panel that faces to the right of a heading, so far from a middle; a roof leans ``inwards`` to its ridge."""
        ax, ay = float(np.cos(heading)), float(np.sin(heading))
        nx, ny = ay, -ax  # outwards
        slope = float(np.hypot(inwards, height))
        up = (-nx * inwards / slope, -ny * inwards / slope, height / slope)
        # As seen from outside, the heading is to the right: the panel begins at its left end.
        x = middle[0] + nx * away - 0.5 * width * ax
        y = middle[1] + ny * away - 0.5 * width * ay
        bays = max(1.0, float(round(width / look.bay)))
        storeys = max(1.0, float(round(slope / look.storey)))
        seed = int(self._random.integers(1 << 30))
        self.buildings.panels.append(
            (
                x, y, middle[2], ax, ay, width, *up, slope, taper, bays, storeys,
                look.ground, look.upper, seed, np.stack([look.wall, look.frame, look.accent]), look.glass,
            )
        )  # fmt: skip

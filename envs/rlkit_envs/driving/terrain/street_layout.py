"""The plan of a street: pavements, parking lanes, side roads, and what is painted on the road.

The plan belongs to the centre line: one record per sample, so that a kernel that draws the ground reads one of them for
each piece of road. Things at one place, such as a crossing, are stored as distances to the nearest one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import LEFT, Circuit
from rlkit_envs.driving.terrain.materials import EARTH, GRASS, PAVING

FAR = 1e6  # m, distance to what a street does not have
SIDE_ROAD_REACH = 34.0  # m of a side road that are drawn
BESIDE = 15.0  # m beyond the border that are drawn elsewhere
PARKING_WIDTH = 2.1  # m

# Lines along the kerb, and along the centre.
NO_EDGE, YELLOW, DOUBLE_YELLOW, WHITE_EDGE, BAYS = range(5)
NO_CENTRE, SHORT_DASHES, LONG_DASHES, SOLID, DOUBLE, HATCHED = range(6)

# One sample of the centre line. Fields with two entries are for the left and the right side.
PLAN = np.dtype(
    [
        ("parking", "f8", 2),  # m of parking lane beyond the border
        ("strip", "f8", 2),  # m of grass between kerb and pavement
        ("pavement", "f8", 2),  # m, its width, without kerb and strip
        ("yard", "i8", 2),  # material beyond the pavement
        ("edge", "i8", 2),  # line along the kerb
        ("mouth", "f8", 2),  # m from the middle of the nearest side road, along the street
        ("mouth_half", "f8", 2),  # m, half of its width
        ("reach", "f8", 2),  # m beyond the border that are drawn
        ("centre", "i8"),  # line along the centre
        ("zebra", "f8"),  # m from the middle of the nearest zebra crossing
        ("stop", "f8", 2),  # m from the nearest stop line, of the lane on that side
        ("yellow_box", "i8"),  # whether the nearest side road has a yellow box before it
        ("repair", "f8", 2),  # m, lowest and highest offset of a strip of another asphalt
        ("arrow", "f8", 2),  # m from the nearest arrow in the lane on that side
        ("cover", "f8", 2),  # m from the nearest manhole cover in that lane
    ],
    align=True,
)

# Kinds of section beside a street.
TERRACE, BLOCKS, HOUSES, SHOPS, PARK, WALLED, OPEN = range(7)
_SHARES = (0.26, 0.2, 0.16, 0.14, 0.1, 0.08, 0.06)  # how often each is drawn
_SET_BACK = ((0.0, 0.5), (0.0, 4.0), (3.5, 8.0), (0.0, 0.3), (0.5, 2.0), (0.0, 0.4), (1.0, 5.0))  # m from the pavement


@dataclass(frozen=True)
class Section:
    """One side of a part of a street.

    Args:
        side: 0 left, 1 right.
        begin: Metres along the centre line.
        end: Likewise; it may exceed the length.
        kind: ``TERRACE`` and so on.
        set_back: Metres from the pavement to the buildings.
    """

    side: int
    begin: float
    end: float
    kind: int
    set_back: float


@dataclass(frozen=True)
class Paving:
    """Pattern of a street's pavement: length along the kerb and width of a slab, in metres."""

    length: float
    width: float


@dataclass(frozen=True, eq=False)
class StreetPlan:
    """The plan of one street.

    Args:
        samples: (n,) records of ``PLAN``.
        sections: What stands beside it.
        paving: Pattern of the pavement.
        wear: Share of paint and surface that is worn, 0 to 1.
        line_width: Of painted lines, in metres.
    """

    samples: npt.NDArray[np.void]
    sections: tuple[Section, ...]
    paving: Paving
    wear: float
    line_width: float

    def kerb(self, circuit: Circuit, index: int, side: int) -> float:
        """Metres from the centre line to the kerb's face."""
        return float(circuit.line[index, LEFT + side] + self.samples["parking"][index, side])

    def clear_of_side_roads(self, index: int, side: int, reach: float) -> bool:
        """Whether a stretch of ``reach`` metres to both sides of a sample is clear of side roads on that side."""
        sample = self.samples[index]
        return bool(abs(sample["mouth"][side]) > sample["mouth_half"][side] + reach)


def plan_street(circuit: Circuit, random: np.random.Generator) -> StreetPlan:
    """Draw the plan of a street."""
    count, length = len(circuit.line), circuit.length
    samples = np.zeros(count, dtype=PLAN)
    station = np.arange(count, dtype=np.float64) * circuit.step
    sections = tuple(section for side in (0, 1) for section in _sections(side, length, random))
    _place_side_roads(samples, circuit, station, random)
    base = random.uniform(1.4, 3.2, 2)
    for section in sections:
        _dress(samples, circuit, section, base[section.side], random)
    _paint(samples, station, length, random)
    slabs = ((0.6, 0.45), (0.9, 0.6), (0.2, 0.1), (40.0, 40.0))
    paving = Paving(*slabs[int(random.choice(4, p=(0.3, 0.25, 0.15, 0.3)))])
    return StreetPlan(samples, sections, paving, float(0.75 * random.random() ** 1.5), float(random.uniform(0.1, 0.16)))


def _sections(side: int, length: float, random: np.random.Generator) -> list[Section]:
    sections = []
    at = 0.0
    shares = np.array(_SHARES) * random.uniform(0.1, 2.0, len(_SHARES))  # a street has a character
    while at < length - 12.0:
        end = min(length, at + random.uniform(22.0, 80.0))
        kind = int(random.choice(len(shares), p=shares / shares.sum()))
        sections.append(Section(side, at, end, kind, float(random.uniform(*_SET_BACK[kind]))))
        at = end
    return sections


def _slice(count: int, step: float, begin: float, end: float) -> npt.NDArray[np.int64]:
    """Samples from one station to another."""
    return np.arange(int(begin / step), max(int(begin / step) + 1, int(end / step))) % count


def _signed(station: npt.NDArray[np.float64], length: float, places: list[float]) -> npt.NDArray[np.float64]:
    """(n,) metres from the nearest of some places, positive beyond it; ``FAR`` without any."""
    if not places:
        return np.full(len(station), FAR)
    away = (station[:, None] - np.array(places) + 0.5 * length) % length - 0.5 * length
    nearest: npt.NDArray[np.float64] = away[np.arange(len(away)), np.abs(away).argmin(axis=1)]
    return nearest


def _place_side_roads(
    samples: npt.NDArray[np.void], circuit: Circuit, station: npt.NDArray[np.float64], random: np.random.Generator
) -> None:
    samples["mouth"], samples["mouth_half"], samples["reach"] = FAR, 3.0, BESIDE
    boxes = random.random() < 0.3
    for side in (0, 1):
        at = random.uniform(15.0, 70.0)
        while at < circuit.length - 15.0:
            # Mostly side roads; some are entries of car parks and squares, which are much wider.
            half = random.uniform(2.2, 4.0) if random.random() < 0.75 else random.uniform(6.0, 14.0)
            away = _signed(station, circuit.length, [at])
            nearest = np.abs(away) < np.abs(samples["mouth"][:, side])
            samples["mouth"][nearest, side], samples["mouth_half"][nearest, side] = away[nearest], half
            samples["reach"][np.abs(away) < half + 8.0, side] = SIDE_ROAD_REACH
            if boxes:
                samples["yellow_box"][np.abs(away) < half + 2.0] = 1
            at += random.uniform(30.0, 130.0) + 2.0 * half


def _dress(
    samples: npt.NDArray[np.void], circuit: Circuit, section: Section, width: float, random: np.random.Generator
) -> None:
    """Choose kerb, pavement and yard of a section."""
    side = section.side
    where = _slice(len(samples), circuit.step, section.begin, section.end)
    samples["pavement"][where, side] = width * random.uniform(0.85, 1.3) + (2.0 if random.random() < 0.12 else 0.0)
    samples["strip"][where, side] = random.uniform(0.6, 2.5) if random.random() < 0.15 else 0.0
    green = 0.75 if section.kind in (PARK, HOUSES) else 0.25
    draw = random.random()
    samples["yard"][where, side] = GRASS if draw < green else PAVING if draw < green + 0.6 else EARTH
    if random.random() < 0.4:
        inside = where[4:-4]
        samples["parking"][inside, side] = PARKING_WIDTH
        # Ends of a parking lane taper off.
        for k, share in enumerate((0.25, 0.5, 0.75)):
            samples["parking"][where[[k + 1, -k - 2]], side] = share * PARKING_WIDTH
        samples["edge"][where, side] = random.choice([NO_EDGE, BAYS])
    else:
        samples["edge"][where, side] = random.choice(
            [NO_EDGE, YELLOW, DOUBLE_YELLOW, WHITE_EDGE], p=(0.35, 0.2, 0.3, 0.15)
        )


def _paint(
    samples: npt.NDArray[np.void], station: npt.NDArray[np.float64], length: float, random: np.random.Generator
) -> None:
    """Choose what is painted on the road, and its repairs."""
    step = length / len(samples)
    at = 0.0
    usual = int(random.integers(6))
    while at < length:
        end = at + random.uniform(30.0, 120.0)
        kind = usual if random.random() < 0.6 else int(random.integers(6))
        samples["centre"][_slice(len(samples), step, at, min(end, length))] = kind
        at = end
    zebras = [float(random.uniform(0.0, length)) for _ in range(int(random.integers(0, 4)))]
    samples["zebra"] = _signed(station, length, zebras)
    for name, most, side_share in (("stop", 4, 1.0), ("arrow", 6, 0.7), ("cover", 14, 1.0)):
        for side in (0, 1):
            number = int(random.integers(0, most)) if random.random() < side_share else 0
            places = [float(place) for place in random.uniform(0.0, length, number)]
            samples[name][:, side] = _signed(station, length, places)
    for _ in range(int(random.integers(0, 8))):
        begin, low = random.uniform(0.0, length), random.uniform(-4.0, 3.5)
        where = _slice(len(samples), step, begin, begin + random.uniform(3.0, 60.0))
        samples["repair"][where] = low, low + random.uniform(0.5, 2.8)

"""A dressed street: its plan, buildings, parked cars, trees, posts and people."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import LEFT, RIGHT, TX, TY, Circuit, X, Y
from rlkit_envs.driving.terrain.buildings import StreetBuilder
from rlkit_envs.driving.terrain.roadside import (
    BARE_TREE,
    BOLLARD,
    BROADLEAF,
    BUSH,
    CONIFER,
    LAMP_POST,
    PERSON,
    PERSONS,
    POPLAR,
    SIGN,
    SIGNS,
    STANDING,
    TRAFFIC_LIGHT,
    tree_shadows,
)
from rlkit_envs.driving.terrain.street_layout import HOUSES, OPEN, PARK, PARKING_WIDTH, StreetPlan, plan_street

# A parked vehicle; the fields are named as those of ``traffic.OTHER``.
PARKED = np.dtype(
    [
        ("x", "f8"),  # m, middle of its box
        ("y", "f8"),  # m
        ("heading", "f8"),  # rad
        ("length", "f8"),  # m
        ("width", "f8"),  # m
        ("height", "f8"),  # m
        ("colour", "i8"),
    ],
    align=True,
)
_MOST_PARKED = 160


@dataclass(frozen=True, eq=False)
class Street:
    """What belongs to one street.

    Args:
        plan: Its plan.
        panels: (m,) records of ``PANEL``.
        standing: (k,) records of ``STANDING``.
        parked: (p,) records of ``PARKED``.
        boxes: (b, 6) boxes that cast shadows.
        trees: (t, 6) ellipses of trees' shadows.
        shadow: Metres of shadow per metre of height.
    """

    plan: StreetPlan
    panels: npt.NDArray[np.void]
    standing: npt.NDArray[np.void]
    parked: npt.NDArray[np.void]
    boxes: npt.NDArray[np.float64]
    trees: npt.NDArray[np.float64]
    shadow: float


def dress_street(circuit: Circuit, seed: int, sun: float) -> Street:
    """Draw all that stands on and beside a street; about 0.1 s.

    Args:
        circuit: The street.
        seed: Seed of the random generator.
        sun: Direction in which shadows fall, in radians.
    """
    random = np.random.default_rng((seed, 1))
    plan = plan_street(circuit, random)
    buildings = StreetBuilder(circuit, plan, random).build()
    standing = _furnish(circuit, plan, random)
    parked = _park(circuit, plan, random)
    cars = np.stack([parked[name] for name in ("x", "y", "heading", "length", "width", "height")], axis=1)
    cars[:, 3:5] *= 0.5
    shadow = float(random.uniform(0.4, 1.8))
    boxes = np.concatenate([buildings.shadow_boxes(), cars])
    trees = tree_shadows(standing[(standing["kind"] <= BUSH) | (standing["kind"] == BARE_TREE)], sun)
    return Street(plan, buildings.records(), standing, parked, boxes, trees, shadow)


def _place(circuit: Circuit, plan: StreetPlan, station: float, side: int, beyond: float) -> tuple[float, float]:
    """Point so far beyond the kerb at a station."""
    index = int(station / circuit.step) % len(circuit.line)
    sample = circuit.line[index]
    offset = (1.0 if side == 0 else -1.0) * (plan.kerb(circuit, index, side) + beyond)
    return float(sample[X] - sample[TY] * offset), float(sample[Y] + sample[TX] * offset)


def _clear_of_road(circuit: Circuit, plan: StreetPlan, x: float, y: float, reach: float) -> bool:
    free = (circuit.line[:, LEFT : RIGHT + 1] + plan.samples["parking"]).max(axis=1)
    squared = (circuit.points[:, 0] - x) ** 2 + (circuit.points[:, 1] - y) ** 2
    return bool((squared > (free + reach) ** 2).all())


def _furnish(circuit: Circuit, plan: StreetPlan, random: np.random.Generator) -> npt.NDArray[np.void]:
    """Trees, lamp posts, signs, traffic lights, bollards and people."""
    rows: list[tuple[float, float, float, float, int, int, int]] = []

    def add(station: float, side: int, beyond: float, size: tuple[float, float], kind: int, tint: int = 0) -> None:
        index = int(station / circuit.step) % len(circuit.line)
        if not plan.clear_of_side_roads(index, side, 1.5):
            return
        x, y = _place(circuit, plan, station, side, beyond)
        if _clear_of_road(circuit, plan, x, y, 0.25):
            rows.append((x, y, *size, kind, tint, int(random.integers(2))))

    bare = random.random() < 0.55  # winter
    kinds = (BARE_TREE, BARE_TREE, BARE_TREE, CONIFER) if bare else (BROADLEAF, BROADLEAF, POPLAR, CONIFER, BARE_TREE)
    for section in plan.sections:
        side = section.side
        share = 0.85 if section.kind == PARK else 0.5 if section.kind in (HOUSES, OPEN) else 0.15
        in_rows = random.random() < 0.3
        at = section.begin
        while at < section.end:
            at += random.uniform(3.0, 14.0)
            if random.random() > share and not in_rows:
                continue
            kind = int(random.choice(kinds))
            height = random.uniform(5.0, 13.0)
            width = height * {BARE_TREE: 0.8, BROADLEAF: 0.72, POPLAR: 0.22, CONIFER: 0.36}[kind]
            index = int(at / circuit.step) % len(circuit.line)
            pavement = float(plan.samples["pavement"][index, side] + plan.samples["strip"][index, side])
            beyond = 0.8 if in_rows and random.random() < 0.8 else pavement + random.uniform(1.0, 14.0)
            if kind in (POPLAR, CONIFER) and beyond < 2.0:
                continue
            add(at, side, beyond, (height, width), kind, int(random.integers(4)))
            if section.kind in (PARK, HOUSES) and random.random() < 0.5:
                tall = random.uniform(0.8, 2.2)
                add(at + 2.0, side, pavement + random.uniform(1.5, 6.0), (tall, 1.5 * tall), BUSH, 1)
    for side in (0, 1):
        at = random.uniform(0.0, 30.0)
        spacing = random.uniform(18.0, 45.0)
        tall = random.uniform(5.0, 10.0)
        while at < circuit.length:
            add(at, side, 0.6, (tall, 0.28 * tall), LAMP_POST)
            at += spacing * random.uniform(0.9, 1.1)
        for kind, size, mean, many in (
            (SIGN, (2.6, 0.9), 30.0, SIGNS),
            (TRAFFIC_LIGHT, (3.4, 0.6), 90.0, 1),
            (BOLLARD, (1.0, 0.22), 25.0, 1),
            (PERSON, (1.75, 0.62), 14.0, PERSONS),
        ):
            at = random.uniform(0.0, mean)
            while at < circuit.length:
                scale = random.uniform(0.85, 1.15)
                beyond = random.uniform(0.3, 2.4) if kind == PERSON else 0.5
                add(at, side, beyond, (scale * size[0], scale * size[1]), kind + int(random.integers(many)))
                if kind == BOLLARD and random.random() < 0.5:  # a row of them
                    for k in range(1, 6):
                        add(at + 1.6 * k, side, beyond, size, kind)
                at += random.exponential(2.0 * mean if random.random() < 0.5 else mean)
    return np.array(rows, dtype=STANDING)


def _park(circuit: Circuit, plan: StreetPlan, random: np.random.Generator) -> npt.NDArray[np.void]:
    """Cars and vans along the kerb in parking lanes, and some on forecourts."""
    rows: list[tuple[float, ...]] = []
    for side in (0, 1):
        at = 0.0
        density = random.uniform(0.2, 0.95)
        while at < circuit.length - 6.0:
            index = int(at / circuit.step) % len(circuit.line)
            parking = float(plan.samples["parking"][index, side])
            length, width, height = _vehicle_size(random)
            clear = plan.clear_of_side_roads(index, side, 7.0)
            if parking >= PARKING_WIDTH - 0.01 and clear and random.random() < density:
                x, y = _place(circuit, plan, at, side, random.uniform(-0.25, -0.1) - 0.5 * width)
                heading = float(np.arctan2(circuit.line[index, TY], circuit.line[index, TX]))
                flipped = np.pi if random.random() < (0.75 if side == 0 else 0.15) else 0.0
                lean = random.normal(0.0, 0.02)
                rows.append((x, y, heading + flipped + lean, length, width, height, int(random.integers(8))))
            at += length + random.uniform(0.6, 2.0)
    return np.array(rows[:_MOST_PARKED], dtype=PARKED)


def _vehicle_size(random: np.random.Generator) -> tuple[float, float, float]:
    if random.random() < 0.12:  # a van
        return float(random.uniform(4.8, 6.0)), 1.95, float(random.uniform(2.1, 2.6))
    return float(random.uniform(3.6, 4.7)), float(random.uniform(1.65, 1.85)), float(random.uniform(1.38, 1.7))

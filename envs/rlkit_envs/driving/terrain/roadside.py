"""Objects beside the road: trees, bushes and marker boards, which the camera shows and which cast shadows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.circuit import CURVATURE, KERB, LEFT, RIGHT, Circuit

# Beside streets there are more kinds than beside race tracks.
SIGNS, PERSONS = 3, 4  # sprites of either
STREET_KINDS = ("bare tree", "lamp post", "traffic light", "bollard", *SIGNS * ("sign",), *PERSONS * ("person",))
KINDS = ("conifer", "broadleaf", "poplar", "bush", "board", *STREET_KINDS)
CONIFER, BROADLEAF, POPLAR, BUSH, BOARD, BARE_TREE, LAMP_POST, TRAFFIC_LIGHT, BOLLARD, SIGN = range(10)
PERSON = SIGN + SIGNS

# One object.
STANDING = np.dtype(
    [
        ("x", "f8"),  # m
        ("y", "f8"),  # m
        ("height", "f8"),  # m
        ("width", "f8"),  # m
        ("kind", "i8"),
        ("tint", "i8"),  # 0 to 3, lighter or darker
        ("turned", "i8"),  # 1 if its sprite is flipped
    ],
    align=True,
)

MOST = 2048  # objects beside one circuit
_CLEAR = 2.0  # m between the border and the nearest crown or bush
# Range of the height (m), and width as a share of the height.
_SIZES = ((7.0, 15.0, 0.36), (5.0, 12.0, 0.72), (9.0, 17.0, 0.22), (0.8, 2.2, 1.5), (1.0, 1.0, 1.1))


@dataclass(frozen=True, eq=False)
class Roadside:
    """Objects beside one circuit.

    Args:
        standing: (m,) records of ``STANDING``.
        sun: Direction in which shadows fall, in radians.
    """

    standing: npt.NDArray[np.void]
    sun: float

    def shadows(self) -> npt.NDArray[np.float64]:
        """(m, 6) ellipses on the ground: middle x, y, direction x, y, half length, half width, as of a low sun."""
        return tree_shadows(self.standing[self.standing["kind"] <= BUSH], self.sun)


def tree_shadows(trees: npt.NDArray[np.void], sun: float) -> npt.NDArray[np.float64]:
    """(m, 6) ellipses of the shadows of (m,) records of ``STANDING``; see ``Roadside.shadows``."""
    direction = np.array([np.cos(sun), np.sin(sun)])
    length = 1.6 * trees["height"]
    # Shadow of the crown only.
    middle = 0.62 * length
    result = np.empty((len(trees), 6))
    result[:, 0] = trees["x"] + middle * direction[0]
    result[:, 1] = trees["y"] + middle * direction[1]
    result[:, 2:4] = direction
    result[:, 4] = 0.45 * length
    result[:, 5] = 0.5 * trees["width"]
    return result


def place_roadside(circuit: Circuit, seed: int, sun: float, flipped: bool = False) -> Roadside:
    """Place objects beside a circuit: trees in groves and alone, bushes, boards before tight curves.

    Args:
        circuit: The circuit.
        seed: Seed of the random generator.
        sun: Direction in which shadows fall, in radians.
        flipped: Whether to exchange left and right, also in sprites; so the mirrored circuit has a mirrored roadside.
    """
    random = np.random.default_rng(seed)
    density = random.uniform(0.3, 1.0)
    favourite = int(random.integers(3))
    rows: list[tuple[float, float, float, float, int, int, int]] = []
    first = -1.0 if flipped else 1.0
    spacing = max(6.0, circuit.length / (MOST / 3.2))
    count = int(circuit.length / spacing)
    groves = np.interp(np.arange(count) % 24 / 24.0 * 7.0, np.arange(8), np.append(random.random(7), 0.5))
    for k in range(count):
        for side in (first, -first):
            chance, kind_draw, away, tall, tint, along = random.random(6)
            if chance > density * (0.25 + groves[k if side == first else count - 1 - k]):
                continue
            kind = favourite if kind_draw < 0.55 else BUSH if kind_draw < 0.75 else int(kind_draw * 1000.0) % 3
            low, high, share = _SIZES[kind]
            height = low + (high - low) * tall
            index = int((k + along) / count * len(circuit.line)) % len(circuit.line)
            distance = 0.5 * share * height + _CLEAR + 26.0 * away**2
            size = height, share * height
            rows.append((*_beside(circuit, index, side, distance), *size, kind, int(4 * tint), int(flipped)))
    entries = np.flatnonzero((circuit.line[:, KERB] > 0.0) & (np.roll(circuit.line[:, KERB], 1) == 0.0))
    for index in entries[:200]:
        bend = circuit.line[(index + 12) % len(circuit.line), CURVATURE]
        for back in (0, 12, 24):
            place = (index - back) % len(circuit.line)
            # On the outside of the curve, pointing into it; the sprite points to the right.
            outside = _beside(circuit, place, -1.0 if bend > 0.0 else 1.0, 2.2)
            rows.append((*outside, 1.0, 1.1, BOARD, 0, int(bend > 0.0)))
    standing = np.array(rows[:MOST], dtype=STANDING)
    return Roadside(standing[_off_the_road(circuit, standing)], sun)


def _beside(circuit: Circuit, index: int, side: float, distance: float) -> tuple[float, float]:
    sample = circuit.line[index]
    offset = side * (sample[LEFT if side > 0.0 else RIGHT] + distance)
    x, y = circuit.points[index] + offset * circuit.normals[index]
    return float(x), float(y)


def _off_the_road(circuit: Circuit, standing: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Which objects are clear of all legs of the road."""
    points = circuit.points[::3]
    free = circuit.line[::3, LEFT : RIGHT + 1].max(axis=1) + 0.8
    good = np.ones(len(standing), dtype=np.bool_)
    for k, thing in enumerate(standing):
        reach = free + 0.3 * thing["width"]
        squared = (points[:, 0] - thing["x"]) ** 2 + (points[:, 1] - thing["y"]) ** 2
        good[k] = bool((squared > reach**2).all())
    return good

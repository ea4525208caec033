"""Procedural circuits: closed roads of several families that do not touch themselves, from a seed.

The two splits have disjoint random streams: the split is part of the key of the seed sequence, not of the seed.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, Circuit, build_circuit
from rlkit_envs.driving.road.shapes import CORNERS, FAMILIES, Points, blur, scale_to, swing, tightest_radius

Split = Literal["train", "test"]
SPLITS: tuple[Split, ...] = ("train", "test")

LENGTHS = (400.0, 700.0)  # m, default
LENGTH_RANGE = (300.0, 8000.0)  # m, allowed
TIGHTEST_RADIUS = 11.0  # m; with the half widths below, curvature times half width stays below 0.46
# Of roads whose width varies:
WIDTH_RANGE = (6.0, 20.0)  # m from border to border, allowed
TIGHTEST_HAIRPIN = 8.0  # m, radius of the centre line; hairpins of real circuits have 6 to 20 m
FOLD = 0.92  # largest curvature times width to one side; from 1 on, the border would fold
RUN_OFF = 5.0  # m of grass at least between two legs of the road

_WIDEST_RADIUS = 40.0  # m, the tightest curve of the easiest circuits
_SPACING = 4.4  # m between the points of long shapes
_MOST_BLURS = 12
_WIDTH_WAVES = 4  # of the width along a circuit
_WIDTH_VARIATION = 0.15  # of half the width, largest amplitude of each wave


@dataclass(frozen=True)
class CircuitStyle:
    """Parameters of the generator.

    Args:
        radius: Of the tightest curve, in metres.
        half_widths: Range of half the road's width, in metres; one is drawn per circuit.
        blur: Standard deviation of the Gaussian that rounds a shape, in metres along it.
        growth: Factor of that at each repetition.
        swings: Radii of additional curves from side to side, in metres.
        swinging: Approximate share of the length with such curves.
    """

    radius: float = TIGHTEST_RADIUS
    half_widths: tuple[float, float] = (4.0, 5.0)
    blur: float = 6.0
    growth: float = 1.0
    swings: tuple[float, ...] = ()
    swinging: float = 0.0


def style_of(difficulty: float, length: float, tightest: float = TIGHTEST_RADIUS) -> CircuitStyle:
    """Parameters for a difficulty: the harder, the narrower and the tighter, with more curves.

    Args:
        difficulty: 0 (wide roads, fast curves) to 1 (narrow roads, half of the length in curves).
        length: Of the circuit, in metres; short ones need tight curves.
        tightest: Radius of the tightest curve at a difficulty of 1, in metres.
    """
    radius = _WIDEST_RADIUS * (tightest / _WIDEST_RADIUS) ** difficulty
    radius = max(tightest, min(radius, length / 14.0))
    half_width = 6.0 - 2.0 * difficulty
    return CircuitStyle(
        radius=radius,
        half_widths=(half_width - 0.5, half_width + 0.5),
        blur=0.45 * radius,
        growth=1.35,
        swings=(2.5 * radius, radius) if length > 60.0 * radius else (radius,),
        swinging=0.1 + 0.5 * difficulty,
    )


def make_circuit(
    seed: int,
    split: Split,
    length: float | tuple[float, float] = LENGTHS,
    difficulty: float | None = None,
    width: tuple[float, float] | None = None,
) -> Circuit:
    """Make the circuit of a seed and a split; the same arguments always give the same circuit.

    It takes about 2 ms for the usual lengths, 4 ms for 1.5 km and 10 ms for 8 km, without compilation. Shapes are drawn
    until one satisfies ``is_safe`` (rejection sampling).

    Args:
        seed: Any integer from 0.
        split: ``train`` or ``test``; circuits of the two never coincide.
        length: In metres, or the range to draw it from; from 300 to 8,000.
        difficulty: 0 (wide, fast curves) to 1 (narrow, tight curves). None: random.
        width: Narrowest and widest road in metres, between which its width varies along the circuit; from 6 to 20.
            None: a constant width by the difficulty.

    Raises:
        ValueError: Length, difficulty or width is out of range.
    """
    low, high = (length, length) if isinstance(length, int | float) else length
    if not LENGTH_RANGE[0] <= low <= high <= LENGTH_RANGE[1]:
        raise ValueError(f"length={length!r}: expected {LENGTH_RANGE[0]:g} to {LENGTH_RANGE[1]:g} m, or two such")
    if difficulty is not None and not 0.0 <= difficulty <= 1.0:
        raise ValueError(f"difficulty={difficulty!r}: expected a number from 0 to 1, or None")
    if width is not None and not WIDTH_RANGE[0] <= width[0] <= width[1] <= WIDTH_RANGE[1]:
        raise ValueError(
            f"width={width!r}: expected two numbers from {WIDTH_RANGE[0]:g} to {WIDTH_RANGE[1]:g} m, or None"
        )
    random = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split),)))
    family = FAMILIES[int(random.integers(len(FAMILIES)))]
    tightest = TIGHTEST_RADIUS if width is None else TIGHTEST_HAIRPIN
    while True:
        metres = random.uniform(low, high)
        if difficulty is not None:
            style = style_of(difficulty, metres, tightest)
        elif high <= LENGTHS[1] and width is None:
            style = CircuitStyle()
        else:  # long circuits need additional curves
            style = style_of(random.random(), metres, tightest)
        shape = family(random, metres)
        half_width = random.uniform(*style.half_widths)
        clockwise = bool(random.random() < 0.5)
        corners = max(CORNERS, math.ceil(metres / _SPACING))
        for radius in style.swings:
            smooth = rounded(shape, metres, style, 1.6 * style.radius, corners)
            if smooth is None:
                break
            shape = swing(random, smooth, metres, radius, style.swinging)
        smooth = rounded(shape, metres, style, 1.05 * style.radius, corners)
        if smooth is None:
            continue
        points = smooth[::-1] if clockwise else smooth
        if width is None:
            left = right = np.full(len(points), half_width)
        else:
            middle = random.uniform(*width)
            left, right = (_varied(random, len(points), 0.5 * middle, 0.5 * width[0], 0.5 * width[1]) for _ in range(2))
        circuit = build_circuit(f"{split}-{seed}", points, left, right)
        if is_safe(circuit, style.radius):
            return begin_on_straight(circuit)


def _varied(random: np.random.Generator, count: int, mean: float, low: float, high: float) -> npt.NDArray[np.float64]:
    """(count,) widths around a mean, periodic and smooth, from ``low`` to ``high``."""
    along = np.arange(count) / count
    share = np.ones(count)
    for wave in range(1, _WIDTH_WAVES + 1):
        share += _WIDTH_VARIATION * random.uniform(-1.0, 1.0) * np.sin(2.0 * np.pi * (wave * along + random.random()))
    return np.clip(mean * share, low, high)


def rounded(shape: Points, metres: float, style: CircuitStyle, radius: float, corners: int) -> Points | None:
    """The shape without curves tighter than a radius; None if it cannot be rounded so far."""
    for k in range(_MOST_BLURS):  # no more than needed, so that tight circuits stay tight
        shape = scale_to(blur(shape, metres, style.blur * style.growth**k, corners), metres)
        if tightest_radius(shape) > radius:
            return shape
    return None


def is_safe(circuit: Circuit, radius: float = TIGHTEST_RADIUS) -> bool:
    """Whether the road does not touch itself: its reach (Federer 1959) exceeds its half width and the run-off.

    The reach is bounded by the tightest curve and by the smallest distance of two legs; both are checked all around.
    Legs are parts of the road with more than a half turn of its clearance between them.

    Args:
        circuit: The circuit.
        radius: Smallest radius allowed, in metres.
    """
    sides = circuit.line[:, [LEFT, RIGHT]].max(axis=1)
    if circuit.tightest_radius < radius or float((np.abs(circuit.line[:, CURVATURE]) * sides).max()) > FOLD:
        return False
    clearance = float((circuit.line[:, LEFT] + circuit.line[:, RIGHT]).max()) + RUN_OFF
    return bool(_has_clearance(circuit.line, circuit.step, clearance))


@kernel
def _has_clearance(line: np.ndarray, step: float, clearance: float) -> bool:
    count = len(line)
    gap = int(0.5 * np.pi * clearance / step) + 1
    limit = clearance * clearance
    for i in range(count):
        last = min(count, i + count - gap + 1)
        j = i + gap
        while j < last:
            dx = line[j, 0] - line[i, 0]
            dy = line[j, 1] - line[i, 1]
            squared = dx * dx + dy * dy
            if squared < limit:
                return False
            # The distance can shrink by one metre per metre at most: skip ahead.
            j += max(1, int((np.sqrt(squared) - clearance) / step))
    return True


def begin_on_straight(circuit: Circuit) -> Circuit:
    """Move the start line to the middle of the straightest 60 metres."""
    bend = np.abs(circuit.line[:, CURVATURE])
    reach = 30
    around = np.cumsum(np.concatenate([bend[-reach:], bend, bend[:reach]]))
    start = int((around[2 * reach :] - around[: -2 * reach]).argmin())
    return Circuit(circuit.name, np.roll(circuit.line, -start, axis=0), circuit.length)

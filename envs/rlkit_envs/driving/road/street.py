"""Procedural streets: blocks of a town with long straights, from a seed. Each is a closed road, like any circuit."""

from dataclasses import replace

import numpy as np

from rlkit_envs.driving.road.circuit import Circuit, build_circuit
from rlkit_envs.driving.road.generator import SPLITS, CircuitStyle, Split, begin_on_straight, is_safe, rounded
from rlkit_envs.driving.road.shapes import CORNERS, Points

HALF_WIDTHS = (2.7, 5.2)  # m of road on each side of the centre line, from kerb to kerb or parking lane
_STYLE = CircuitStyle(radius=12.0, half_widths=HALF_WIDTHS, blur=4.0)
_STREAM = 1  # of the seed sequence, beside those of race tracks


def make_street(seed: int, split: Split, length: tuple[float, float]) -> Circuit:
    """Make the street of a seed and a split; the same arguments always give the same street. It takes about 2 ms.

    Args:
        seed: Any integer from 0.
        split: ``train`` or ``test``; streets of the two never coincide.
        length: Shortest and longest, in metres.
    """
    random = np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split), _STREAM)))
    while True:
        metres = random.uniform(*length)
        half_width = random.uniform(*_STYLE.half_widths)
        shape = _block(random)
        smooth = rounded(shape, metres, _STYLE, 1.05 * _STYLE.radius, CORNERS)
        if smooth is None:
            continue
        points = smooth[::-1] if random.random() < 0.5 else smooth
        width = np.full(len(points), half_width)
        circuit = build_circuit(f"{split}-{seed}", points, width, width)
        if is_safe(circuit, _STYLE.radius):
            return replace(begin_on_straight(circuit), is_street=True)


def _block(random: np.random.Generator) -> Points:
    """(n, 2) outline of a block: a rectangle or pentagon with displaced corners, and bends in some of its sides."""
    corners = int(random.choice([4, 4, 5]))
    angles = 2.0 * np.pi * (np.arange(corners) + 0.5 + random.uniform(-0.12, 0.12, corners)) / corners
    shape = np.stack([np.cos(angles), random.uniform(0.35, 0.9) * np.sin(angles)], axis=1)
    points = []
    for start, end in zip(shape, np.roll(shape, -1, axis=0), strict=True):
        along = end - start
        outward = np.array([along[1], -along[0]])
        bend = random.uniform(-0.1, 0.1) if random.random() < 0.4 else 0.0
        points += [start, start + random.uniform(0.35, 0.65) * along + bend * outward]
    return np.array(points)

"""Appearance of a street: colours of its surfaces in an episode, instead of those of a race track."""

from typing import Any

import numpy as np

from rlkit_envs.driving.terrain.materials import (
    ASPHALT,
    EARTH,
    GRASS,
    KERBSTONE,
    LINE,
    PATCH,
    PAVING,
    YELLOW_LINE,
)

_ROADS = np.array([(0.24, 0.24, 0.25), (0.15, 0.15, 0.16), (0.33, 0.33, 0.33), (0.42, 0.41, 0.39), (0.32, 0.28, 0.27)])
_PAVINGS = np.array(
    [(0.30, 0.30, 0.31), (0.42, 0.41, 0.39), (0.52, 0.50, 0.46), (0.44, 0.36, 0.32), (0.22, 0.22, 0.23)]
)
_YARDS = np.array([(0.20, 0.30, 0.11), (0.26, 0.28, 0.14), (0.30, 0.26, 0.18), (0.15, 0.24, 0.09)])
_FOLIAGES = np.array([(0.13, 0.25, 0.08), (0.20, 0.19, 0.10), (0.22, 0.17, 0.12), (0.10, 0.18, 0.08)])


def dress_appearance(appearance: Any, random: np.random.Generator) -> None:
    """Change a record of ``APPEARANCE`` to that of a street, in place.

    Asphalt and paving often differ little, as in real streets; skies are often overexposed.
    """
    material = appearance["material"]

    def drawn(table: Any, variation: float) -> Any:
        return table[int(random.integers(len(table)))] * random.uniform(1.0 - variation, 1.0 + variation) * tint(0.05)

    def tint(strength: float) -> Any:
        return random.uniform(1.0 - strength, 1.0 + strength, 3)

    material[ASPHALT] = drawn(_ROADS, 0.3)
    material[PATCH] = np.clip(material[ASPHALT] * random.uniform(0.65, 1.3), 0.05, 0.6)
    # A third of the pavements is of the same asphalt as the road.
    material[PAVING] = (
        material[ASPHALT] * random.uniform(0.85, 1.35) if random.random() < 0.33 else drawn(_PAVINGS, 0.3)
    )
    kerb = material[PAVING] if random.random() < 0.5 else np.full(3, random.uniform(0.2, 0.65))
    material[KERBSTONE] = kerb * random.uniform(0.8, 1.3) * tint(0.04)
    material[LINE] = random.uniform(0.6, 0.92) * tint(0.04)
    material[YELLOW_LINE] = np.array([0.72, 0.58, 0.20]) * random.uniform(0.6, 1.15)
    material[GRASS] = drawn(_YARDS, 0.3)
    material[EARTH] = np.array([0.34, 0.29, 0.23]) * random.uniform(0.6, 1.4) * tint(0.1)
    appearance["foliage"] = drawn(_FOLIAGES, 0.3)
    appearance["contrast"] *= random.uniform(0.5, 1.6)
    appearance["hills"] *= random.uniform(0.3, 2.0)
    if random.random() < 0.5:
        for part in ("sky", "horizon", "cloud"):
            appearance[part] += random.uniform(0.2, 1.0) * (1.0 - appearance[part]) * appearance["ambient"].mean()

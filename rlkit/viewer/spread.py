"""How far apart an agent holds the returns of an action to be: the range that eight of ten of them fall into."""

import numpy as np
import numpy.typing as npt

from rlkit.agent import Inspection

LOW, HIGH = 0.1, 0.9  # quantiles

WANTED = ("quantiles", "support", "probabilities")
"""The fields of an `Inspection` that are read here."""


def spread_of(thought: Inspection) -> npt.NDArray[np.float32] | None:
    """The 10 % and 90 % quantiles of each action's return, of the first observation.

    Returns:
        (A, 2) float32; None if the agent knows the mean only.
    """
    if thought.quantiles is not None:
        ends: npt.NDArray[np.float32] = np.quantile(thought.quantiles[0], (LOW, HIGH), axis=1).T.astype(np.float32)
        return ends
    if thought.support is None or thought.probabilities is None:
        return None
    below = np.cumsum(thought.probabilities[0], axis=1)
    places = np.stack([(below < share).sum(axis=1) for share in (LOW, HIGH)], axis=1)
    found: npt.NDArray[np.float32] = thought.support[np.minimum(places, len(thought.support) - 1)].astype(np.float32)
    return found

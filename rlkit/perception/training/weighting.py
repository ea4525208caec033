"""How much a pixel of each class counts for the loss."""

import itertools

import numpy as np
import numpy.typing as npt

from rlkit.perception.data.balance import median_frequency_weights
from rlkit.perception.pictures import PictureSource
from rlkit.perception.training.batches import WEIGHTS, batches_in_a_pass, opened_stream
from rlkit.perception.training.recipe import Recipe

SIMULATED_BATCHES = 32  # by which classes are counted where pictures never end


def class_weights(recipe: Recipe, source: PictureSource, seed: int) -> npt.NDArray[np.float32] | None:
    """(C,) weights by the recipe, or None where all classes count alike; the same whenever it is asked.

    Args:
        recipe: Says how.
        source: Its training pictures are counted: once each, or some hundreds where they never end.
        seed: Fixes which these are.
    """
    if recipe.class_weights == "none":
        return None
    size = recipe.batch_size
    pictures = source.training_pictures
    batches = SIMULATED_BATCHES if pictures is None else batches_in_a_pass(pictures, size)
    with opened_stream(source, size, np.random.default_rng([seed, WEIGHTS])) as stream:
        weights = median_frequency_weights(itertools.islice(stream, batches), len(source.classes))
    return np.sqrt(weights) if recipe.class_weights == "root-median-frequency" else weights

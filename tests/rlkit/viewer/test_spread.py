import numpy as np
import pytest

from rlkit.agent import Inspection
from rlkit.viewer.spread import spread_of


def test_eight_of_ten_returns_lie_between_the_ends():
    quantiles = np.stack([np.linspace(0.0, 100.0, 101), np.full(101, 7.0)])[np.newaxis].astype(np.float32)
    assert spread_of(Inspection(quantiles=quantiles)) == pytest.approx(np.array([[10.0, 90.0], [7.0, 7.0]]))


def test_probabilities_of_fixed_returns_tell_the_same():
    support = np.linspace(-5.0, 5.0, 11, dtype=np.float32)
    probabilities = np.zeros((1, 3, 11), np.float32)
    probabilities[0, 0] = 1.0 / 11.0
    probabilities[0, 1, 8] = 1.0
    probabilities[0, 2, [0, 5, 10]] = 0.05, 0.9, 0.05  # the tails are thinner than a tenth
    found = spread_of(Inspection(support=support, probabilities=probabilities))
    assert found.tolist() == [[-4.0, 4.0], [3.0, 3.0], [0.0, 0.0]]


def test_who_knows_the_mean_only_has_no_spread():
    assert spread_of(Inspection(q=np.zeros((1, 2), np.float32))) is None

import numpy as np
import pytest

from rlkit.replay.priorities import SMALLEST_ERROR, Priorities


def test_each_of_equal_parts_gives_one_place():
    """Schaul et al. 2016, appendix B.2.1: the sum is divided into B ranges, one sample is drawn from each."""
    priorities = Priorities(8, exponent=1.0)
    priorities.welcome(np.arange(8))
    for seed in range(20):
        drawn = priorities.draw(8, np.random.default_rng(seed))
        assert sorted(drawn) == list(range(8))


def test_places_are_drawn_in_proportion_to_the_power_of_their_errors():
    priorities = Priorities(4, exponent=0.5)
    priorities.welcome(np.arange(4))
    priorities.update(np.arange(4), np.array([1.0, -4.0, 9.0, 16.0], dtype=np.float32))
    counts = np.bincount(priorities.draw(100_000, np.random.default_rng(0)), minlength=4)
    np.testing.assert_allclose(counts / counts.sum(), np.array([1, 2, 3, 4]) / 10, atol=1e-4)


def test_weights_are_the_papers_divided_by_their_largest():
    errors = np.array([0.5, 2.0, 8.0])
    priorities = Priorities(3, exponent=0.6)
    priorities.welcome(np.arange(3))
    priorities.update(np.arange(3), errors)
    probabilities = (errors + SMALLEST_ERROR) ** 0.6
    probabilities /= probabilities.sum()
    for beta in (0.0, 0.4, 1.0):
        drawn = np.array([2, 0, 1, 2])
        papers = (3 * probabilities[drawn]) ** -beta
        np.testing.assert_allclose(priorities.weights(drawn, beta), papers / papers.max(), rtol=1e-6)


def test_what_is_new_gets_the_largest_priority_so_far_even_if_nothing_has_it_any_more():
    priorities = Priorities(3, exponent=1.0)
    priorities.welcome(np.array([0, 1]))
    priorities.update(np.array([0]), np.array([7.0]))
    priorities.update(np.array([0]), np.array([0.1]))
    priorities.welcome(np.array([2]))
    assert priorities._tree.values[2] == pytest.approx(7.0, rel=1e-6)


def test_a_place_that_was_cleared_is_neither_drawn_nor_brought_back_by_an_error():
    priorities = Priorities(3, exponent=1.0)
    priorities.welcome(np.arange(3))
    priorities.clear(np.array([1]))
    priorities.update(np.array([0, 1]), np.array([5.0, 5.0]))
    assert 1 not in priorities.draw(1000, np.random.default_rng(0))
    priorities.clear(np.array([0, 2]))
    assert not priorities.any()


def test_an_error_of_nothing_leaves_a_chance():
    priorities = Priorities(2, exponent=0.5)
    priorities.welcome(np.arange(2))
    priorities.update(np.arange(2), np.zeros(2))
    assert priorities.any()

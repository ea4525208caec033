"""The tree is held against numpy's running sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.replay.prioritized import SMALLEST_ERROR, Priorities, SumTree

values = st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any)


def tree_of(numbers):
    tree = SumTree(len(numbers))
    tree.set(np.arange(len(numbers)), np.array(numbers, dtype=np.float64))
    return tree


def in_the_trees_order(size):
    """Places as the leaves lie from left to right: those one level deeper come first."""
    deepest = 2 ** int(np.ceil(np.log2(size)))
    return np.roll(np.arange(size), -(deepest - size))


@given(values)
def test_a_target_is_found_where_numpys_running_sum_exceeds_it(numbers):
    order = in_the_trees_order(len(numbers))
    targets = np.arange(sum(numbers)) + 0.5
    expected = order[np.searchsorted(np.cumsum(np.array(numbers)[order]), targets, side="right")]
    np.testing.assert_array_equal(tree_of(numbers).find(targets), expected)


@given(values)
def test_every_place_is_found_as_often_as_its_value_says(numbers):
    found = tree_of(numbers).find(np.arange(sum(numbers)) + 0.5)
    np.testing.assert_array_equal(np.bincount(found, minlength=len(numbers)), numbers)


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 1e6)), max_size=60), st.integers(1, 7))
def test_values_changed_in_batches_give_the_tree_that_is_made_of_them_at_once(changes, batch):
    tree, plain = SumTree(13), np.zeros(13)
    for start in range(0, len(changes), batch):
        places, news = zip(*changes[start : start + batch], strict=True)
        tree.set(np.array(places), np.array(news))
        for place, new in zip(places, news, strict=True):
            plain[place] = new
    anew = SumTree(13)
    anew.set_all(plain)
    np.testing.assert_array_equal(tree.values, plain)
    assert tree.total == anew.total  # bit for bit, and so is every sum below
    np.testing.assert_array_equal(tree._nodes, anew._nodes)
    np.testing.assert_allclose(tree.total, plain.sum(), rtol=1e-12)


@given(st.lists(st.floats(0, 1e-3), min_size=2, max_size=30).filter(any), st.integers(0, 10**6))
def test_nothing_is_found_that_is_worth_nothing_whatever_rounding_does(numbers, seed):
    tree = tree_of(numbers)
    shares = np.append(np.random.default_rng(seed).random(100), [0.0, np.nextafter(1.0, 0.0), 1.0])
    assert (tree.values[tree.find(shares * tree.total)] > 0).all()


def test_the_memory_of_a_tree_is_what_was_announced():
    assert SumTree(1000)._nodes.nbytes == SumTree.memory_estimate(1000)


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

"""The sum tree is compared with numpy's cumulative sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.replay.prioritized import EPSILON, Priorities, SumTree

values = st.lists(st.integers(0, 1000), min_size=1, max_size=40).filter(any)


def tree_of(numbers):
    tree = SumTree(len(numbers))
    tree.set(np.arange(len(numbers)), np.array(numbers, dtype=np.float64))
    return tree


def order_of_leaves(size):
    """Indices in the order of the leaves from left to right: those one level deeper come first."""
    deepest = 2 ** int(np.ceil(np.log2(size)))
    return np.roll(np.arange(size), -(deepest - size))


@given(values)
def test_find_is_searchsorted_in_the_cumulative_sum(numbers):
    order = order_of_leaves(len(numbers))
    targets = np.arange(sum(numbers)) + 0.5
    expected = order[np.searchsorted(np.cumsum(np.array(numbers)[order]), targets, side="right")]
    np.testing.assert_array_equal(tree_of(numbers).find(targets), expected)


@given(values)
def test_every_index_is_found_in_proportion_to_its_value(numbers):
    found = tree_of(numbers).find(np.arange(sum(numbers)) + 0.5)
    np.testing.assert_array_equal(np.bincount(found, minlength=len(numbers)), numbers)


@given(st.lists(st.tuples(st.integers(0, 12), st.floats(0, 1e6)), max_size=60), st.integers(1, 7))
def test_a_tree_changed_in_batches_equals_one_rebuilt_from_its_values(changes, batch):
    tree, plain = SumTree(13), np.zeros(13)
    for start in range(0, len(changes), batch):
        indices, news = zip(*changes[start : start + batch], strict=True)
        tree.set(np.array(indices), np.array(news))
        for place, new in zip(indices, news, strict=True):
            plain[place] = new
    anew = SumTree(13)
    anew.set_all(plain)
    np.testing.assert_array_equal(tree.values, plain)
    assert tree.total == anew.total  # bit-equal, and so are the partial sums that `find` compares with
    targets = tree.total * np.linspace(0, 1, 200, endpoint=False)
    np.testing.assert_array_equal(tree.find(targets), anew.find(targets))
    np.testing.assert_allclose(tree.total, plain.sum(), rtol=1e-12)


@given(st.lists(st.floats(0, 1e-3), min_size=2, max_size=30).filter(any), st.integers(0, 10**6))
def test_a_value_of_zero_is_never_found_whatever_rounding_does(numbers, seed):
    tree = tree_of(numbers)
    shares = np.append(np.random.default_rng(seed).random(100), [0.0, np.nextafter(1.0, 0.0), 1.0])
    assert (tree.values[tree.find(shares * tree.total)] > 0).all()


def test_stratified_sampling_draws_one_index_from_each_part():
    """Schaul et al. 2016, appendix B.2.1: the sum is divided into B ranges, one sample is drawn from each."""
    priorities = Priorities(8, alpha=1.0)
    priorities.insert(np.arange(8))
    for seed in range(20):
        drawn = priorities.draw(8, np.random.default_rng(seed))
        assert sorted(drawn) == list(range(8))


def test_indices_are_drawn_in_proportion_to_errors_to_the_power_alpha():
    priorities = Priorities(4, alpha=0.5)
    priorities.insert(np.arange(4))
    priorities.update(np.arange(4), np.array([1.0, -4.0, 9.0, 16.0], dtype=np.float32))
    counts = np.bincount(priorities.draw(100_000, np.random.default_rng(0)), minlength=4)
    np.testing.assert_allclose(counts / counts.sum(), np.array([1, 2, 3, 4]) / 10, atol=1e-4)


def test_importance_weights_are_the_papers_divided_by_their_largest():
    errors = np.array([0.5, 2.0, 8.0])
    priorities = Priorities(3, alpha=0.6)
    priorities.insert(np.arange(3))
    priorities.update(np.arange(3), errors)
    probabilities = (errors + EPSILON) ** 0.6
    probabilities /= probabilities.sum()
    for beta in (0.0, 0.4, 1.0):
        drawn = np.array([2, 0, 1, 2])
        papers = (3 * probabilities[drawn]) ** -beta
        np.testing.assert_allclose(priorities.weights(drawn, beta), papers / papers.max(), rtol=1e-6)


def test_new_transitions_get_the_largest_priority_so_far_even_if_none_has_it_now():
    priorities = Priorities(3, alpha=1.0)
    priorities.insert(np.array([0, 1]))
    priorities.update(np.array([0]), np.array([7.0]))
    priorities.update(np.array([0]), np.array([0.1]))
    priorities.insert(np.array([2]))
    assert priorities.state()["values"][2] == pytest.approx(7.0, rel=1e-6)


def test_a_cleared_index_is_not_drawn_and_not_restored_by_an_update():
    priorities = Priorities(3, alpha=1.0)
    priorities.insert(np.arange(3))
    priorities.clear(np.array([1]))
    priorities.update(np.array([0, 1]), np.array([5.0, 5.0]))
    assert 1 not in priorities.draw(1000, np.random.default_rng(0))
    priorities.clear(np.array([0, 2]))
    assert not priorities.any()


def test_an_error_of_zero_keeps_a_positive_priority():
    priorities = Priorities(2, alpha=0.5)
    priorities.insert(np.arange(2))
    priorities.update(np.arange(2), np.zeros(2))
    assert priorities.any()


def test_the_first_transitions_have_priority_1():
    """Schaul et al. 2016, algorithm 1; it counts until a larger error was seen."""
    priorities = Priorities(4, alpha=1.0)
    priorities.insert(np.array([0, 1]))
    priorities.update(np.array([0]), np.array([0.25]))
    priorities.insert(np.array([2]))
    assert priorities.state()["values"].tolist() == pytest.approx([0.25, 1, 1], abs=1e-5)


def test_restored_priorities_are_those_saved_and_the_rest_is_excluded():
    saved, restored = Priorities(6, alpha=1.0), Priorities(6, alpha=1.0)
    for each in (saved, restored):
        each.insert(np.arange(4 if each is saved else 6))
    saved.update(np.array([1, 2]), np.array([3.0, 9.0]))
    restored.load_state(saved.state())
    np.testing.assert_equal(restored.state(), saved.state())
    for each in (saved, restored):
        each.insert(np.array([5]))
    drawn = [each.draw(1_000, np.random.default_rng(0)) for each in (saved, restored)]
    assert np.array_equal(*drawn)
    assert set(drawn[0]) == {0, 1, 2, 3, 5}

"""The tree is held against numpy's running sum."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rlkit.replay.sum_tree import SumTree

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

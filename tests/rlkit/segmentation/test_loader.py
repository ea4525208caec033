"""Training batches have numbers: the same ones from wherever one begins, with a thread or without."""

import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest

from rlkit.segmentation.loader import Prefetcher, TrainingPictures


def noisy(pictures, generator):
    return dataclasses.replace(pictures, images=pictures.images + generator.integers(0, 9, dtype=np.uint8))


def taken(source, first, count, statistics=0):
    pictures = TrainingPictures(source, noisy, 3, seed=7, statistics=statistics)
    batches = [batch.images for batch in itertools.islice(pictures.batches(first), count)]
    return batches, pictures.statistics


@pytest.mark.parametrize("pictures", [None, 10])
@pytest.mark.parametrize("first", [1, 4, 9])
def test_batches_from_a_number_on_are_those_of_an_unbroken_run(pictures, first, make_source):
    whole, unchanged = taken(make_source(pictures), 0, 12, statistics=5)
    parts, again = taken(make_source(pictures), first, 12 - first, statistics=5)
    assert all(np.array_equal(a, b) for a, b in zip(whole[first:], parts, strict=True))
    assert len(unchanged) == 2
    assert all(np.array_equal(a, b) for a, b in zip(unchanged, again, strict=True))


@pytest.mark.parametrize("pictures", [None, 10])
def test_no_batch_comes_twice(pictures, make_source):
    batches, _ = taken(make_source(pictures), 0, 12)
    assert len({batch.tobytes() for batch in batches}) == 12


def test_a_simulator_is_asked_for_no_batch_that_is_passed_over(make_source):
    source = make_source()
    taken(source, 1_000_000, 2)
    assert source.drawn == 2


def test_of_a_folder_no_more_is_passed_over_than_the_pass_under_way(make_source):
    source = make_source(10)  # four batches of three in a pass
    taken(source, 4 * 1_000 + 2, 1)
    assert source.drawn == 3


def test_a_thread_draws_ahead_as_far_as_it_may():
    drawn = []

    def numbers():
        for number in itertools.count():
            drawn.append(number)
            yield number

    with Prefetcher(numbers(), 3) as ahead:
        deadline = time.monotonic() + 60
        while len(drawn) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
        assert drawn == [0, 1, 2, 3]  # three that wait, and one that waits for room
        assert [ahead.take() for _ in range(5)] == [0, 1, 2, 3, 4]
    assert not any(thread.name == "rlkit-pictures" for thread in threading.enumerate())


@pytest.mark.parametrize("ahead", [0, 3])
def test_what_was_waited_for_is_taken_next(ahead):
    with Prefetcher((number for number in range(9)), ahead) as items:
        items.wait()
        assert [items.take() for _ in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("ahead", [0, 2])
def test_what_goes_wrong_is_told_to_who_waits_and_the_source_clears_up(ahead):
    closed = []

    def broken():
        try:
            yield 1
            raise OSError("the disk is gone")
        finally:
            closed.append(True)

    with Prefetcher(broken(), ahead) as items:
        assert items.take() == 1
        with pytest.raises(OSError, match="the disk is gone"):
            items.take()
    assert closed == [True]


@pytest.mark.parametrize("ahead", [0, 2])
def test_a_source_that_is_left_early_clears_up(ahead):
    closed = []

    def endless():
        try:
            yield from itertools.count()
        finally:
            closed.append(True)

    with Prefetcher(endless(), ahead) as items:
        items.take()
    assert closed == [True]

"""Measures over runs, held against hand-worked cases, against rliable itself and against scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from rlkit.experiments import statistics

TABLES = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-1e3, 1e3, allow_nan=False, width=32),
)


def test_the_interquartile_mean_drops_a_quarter_at_each_end():
    assert statistics.interquartile_mean([0, 1, 2, 3, 4, 5, 6, 700]) == 3.5
    assert statistics.interquartile_mean([-500, 1, 2, 3, 4]) == 2.0  # a quarter of five is one
    assert statistics.interquartile_mean([1, 2, 6]) == 3.0  # of three nothing is dropped


def test_no_score_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one score"):
        statistics.interquartile_mean([])


def test_a_single_run_has_an_interval_without_width():
    assert statistics.interval([7.0]) == statistics.Interval(7.0, 7.0, 7.0)


def test_the_bootstrap_keeps_each_run_within_its_task():
    """Tasks of very different scale, each without spread: any mixing of the two would widen the interval."""
    scores = np.tile([0.0, 1000.0], (5, 1))
    assert statistics.interval(scores, statistics.mean) == statistics.Interval(500.0, 500.0, 500.0)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    """Means of 20 normal scores; percentile intervals are known to hold the truth a little less often."""
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        found = statistics.interval(generator.normal(size=20), statistics.mean, generator=generator, repetitions=500)
        hits += found.low <= 0 <= found.high
    assert 0.88 <= hits / 300 <= 0.98


def test_the_same_scores_give_the_same_interval():
    scores = np.random.default_rng(0).normal(size=(5, 3))
    assert statistics.interval(scores) == statistics.interval(scores)


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("rliable.metrics", reason="rliable is not installed: it is in the bench extra")


@given(scores=TABLES)
def test_measures_agree_with_rliable(peer, scores):
    assert statistics.interquartile_mean(scores) == pytest.approx(peer.aggregate_iqm(scores), abs=1e-9)
    assert statistics.mean(scores) == pytest.approx(peer.aggregate_mean(scores), abs=1e-9)


def test_intervals_agree_with_rliable_as_far_as_chance_allows(peer):
    try:
        from rliable import library
    except Exception as error:  # its bootstrap needs `arch`, some versions of which do not load beside a new pandas
        pytest.skip(f"rliable's bootstrap does not load here: {error}")
    scores = np.random.default_rng(3).gamma(2.0, 1.0, (10, 4))
    _, intervals = library.get_interval_estimates(
        {"ours": scores}, lambda table: np.array([peer.aggregate_iqm(table)]), reps=3000
    )
    low, high = intervals["ours"].ravel()
    assert_alike(statistics.interval(scores, repetitions=3000), low, high)


def test_intervals_of_one_task_agree_with_scipys_percentile_bootstrap():
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed: it is in the dev extra")
    scores = np.random.default_rng(3).gamma(2.0, 1.0, 40)
    peer = stats.bootstrap(
        (scores,),
        lambda drawn, axis: stats.trim_mean(drawn, 0.25, axis=axis),
        n_resamples=5000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert_alike(statistics.interval(scores, repetitions=5000), peer.low, peer.high)


def assert_alike(found, low, high):
    """Two bootstraps of some thousand draws differ by some hundredths of the interval's width."""
    assert found.low == pytest.approx(low, abs=0.06 * (high - low))
    assert found.high == pytest.approx(high, abs=0.06 * (high - low))

import numpy as np
import pytest

from rlkit.perception.config import PerceptionConfig
from rlkit.perception.corruptions import Corruptions

KINDS = ("boundary", "blobs", "patches", "pixels")


def road():
    """(48, 64) uint8, a road that narrows towards the horizon."""
    rows, columns = np.mgrid[:48, :64]
    return np.where(np.abs(columns - 32) < np.maximum(0, rows - 16), 255, 0).astype(np.uint8)


def iou(one, other):
    one, other = one >= 128, other >= 128
    return (one & other).sum() / (one | other).sum()


def corrupted(noise, kind="all", seed=0, count=40):
    corruptions = Corruptions(PerceptionConfig(noise=noise, noise_kind=kind), 1)
    corruptions.reset(0, seed)
    return [corruptions.corrupt(0, road()) for _ in range(count)]


def numbered(value):
    return np.full((2, 2), value, np.uint8)


def test_no_corruption_by_default():
    corruptions = Corruptions(PerceptionConfig(), 1)
    assert not corruptions.any
    corruptions.reset(0, 0)
    assert np.array_equal(corruptions.corrupt(0, road()), road())
    assert np.array_equal(corruptions.delay(0, numbered(3)), numbered(3))


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_more_noise_means_a_worse_mask(kind):
    quality = [np.mean([iou(mask, road()) for mask in corrupted(noise, kind)]) for noise in (0.05, 0.3, 1.0)]
    assert 1.0 >= quality[0] > quality[1] > quality[2]
    assert quality[0] > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_the_input_mask_is_not_modified(kind):
    corruptions = Corruptions(PerceptionConfig(noise=1.0, noise_kind=kind), 1)
    corruptions.reset(0, 0)
    mask = road()
    corruptions.corrupt(0, mask)
    assert np.array_equal(mask, road())


def test_corruptions_follow_from_the_seed():
    assert np.array_equal(corrupted(0.5, seed=7), corrupted(0.5, seed=7))
    assert not np.array_equal(corrupted(0.5, seed=7), corrupted(0.5, seed=8))


def test_corruptions_of_one_environment_do_not_depend_on_the_others():
    alone, among = (Corruptions(PerceptionConfig(noise=0.5), count) for count in (1, 3))
    alone.reset(0, 5)
    for index, seed in enumerate((4, 5, 6)):
        among.reset(index, seed)
    for _ in range(3):
        among.corrupt(0, road())
        assert np.array_equal(alone.corrupt(0, road()), among.corrupt(1, road()))


def test_latency_returns_the_view_of_so_many_decisions_ago():
    corruptions = Corruptions(PerceptionConfig(latency=2), 1)
    corruptions.reset(0, 0)
    assert [int(corruptions.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3, 4, 5)] == [1, 1, 1, 2, 3]
    corruptions.reset(0, 1)
    assert int(corruptions.delay(0, numbered(9))[0, 0]) == 9


def test_a_dropped_frame_repeats_the_previous_view():
    corruptions = Corruptions(PerceptionConfig(dropped=1.0), 1)
    corruptions.reset(0, 0)
    assert [int(corruptions.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3)] == [1, 1, 1]


def test_the_fraction_of_dropped_frames_is_the_probability():
    corruptions = Corruptions(PerceptionConfig(dropped=0.25), 1)
    corruptions.reset(0, 0)
    shown = [int(corruptions.delay(0, numbered(value))[0, 0]) for value in range(256)]
    lost = sum(now == before for now, before in zip(shown[1:], shown[:-1], strict=True))
    assert lost == pytest.approx(64, abs=25)


def test_dropped_frames_and_latency_combine():
    corruptions = Corruptions(PerceptionConfig(dropped=1.0, latency=1), 1)
    corruptions.reset(0, 0)
    assert [int(corruptions.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3)] == [1, 1, 1]

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


def spoilt(noise, kind="all", seed=0, count=40):
    faults = Corruptions(PerceptionConfig(noise=noise, noise_kind=kind), 1)
    faults.begin(0, seed)
    return [faults.spoil(0, road()) for _ in range(count)]


def numbered(value):
    return np.full((2, 2), value, np.uint8)


def test_without_faults_nothing_changes():
    faults = Corruptions(PerceptionConfig(), 1)
    assert not faults.any
    faults.begin(0, 0)
    assert np.array_equal(faults.spoil(0, road()), road())
    assert np.array_equal(faults.delay(0, numbered(3)), numbered(3))


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_more_noise_means_a_worse_mask(kind):
    quality = [np.mean([iou(mask, road()) for mask in spoilt(noise, kind)]) for noise in (0.05, 0.3, 1.0)]
    assert 1.0 >= quality[0] > quality[1] > quality[2]
    assert quality[0] > 0.85


@pytest.mark.parametrize("kind", KINDS)
def test_the_mask_that_was_found_is_left_as_it_is(kind):
    faults = Corruptions(PerceptionConfig(noise=1.0, noise_kind=kind), 1)
    faults.begin(0, 0)
    mask = road()
    faults.spoil(0, mask)
    assert np.array_equal(mask, road())


def test_an_episode_has_the_same_faults_every_time():
    assert np.array_equal(spoilt(0.5, seed=7), spoilt(0.5, seed=7))
    assert not np.array_equal(spoilt(0.5, seed=7), spoilt(0.5, seed=8))


def test_faults_of_one_driver_do_not_depend_on_the_others():
    alone, among = (Corruptions(PerceptionConfig(noise=0.5), count) for count in (1, 3))
    alone.begin(0, 5)
    for index, seed in enumerate((4, 5, 6)):
        among.begin(index, seed)
    for _ in range(3):
        among.spoil(0, road())
        assert np.array_equal(alone.spoil(0, road()), among.spoil(1, road()))


def test_a_late_view_is_the_one_of_so_many_decisions_ago():
    faults = Corruptions(PerceptionConfig(latency=2), 1)
    faults.begin(0, 0)
    assert [int(faults.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3, 4, 5)] == [1, 1, 1, 2, 3]
    faults.begin(0, 1)
    assert int(faults.delay(0, numbered(9))[0, 0]) == 9


def test_a_lost_picture_leaves_the_view_before_in_place():
    faults = Corruptions(PerceptionConfig(dropped=1.0), 1)
    faults.begin(0, 0)
    assert [int(faults.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3)] == [1, 1, 1]


def test_so_many_pictures_are_lost_as_was_asked():
    faults = Corruptions(PerceptionConfig(dropped=0.25), 1)
    faults.begin(0, 0)
    shown = [int(faults.delay(0, numbered(value))[0, 0]) for value in range(256)]
    lost = sum(now == before for now, before in zip(shown[1:], shown[:-1], strict=True))
    assert lost == pytest.approx(64, abs=25)


def test_lost_and_late_pictures_add_up():
    faults = Corruptions(PerceptionConfig(dropped=1.0, latency=1), 1)
    faults.begin(0, 0)
    assert [int(faults.delay(0, numbered(value))[0, 0]) for value in (1, 2, 3)] == [1, 1, 1]

import numpy as np
import pytest

from rlkit.capabilities import mirror
from rlkit.errors import UserError
from rlkit.replay.buffer import Batch
from rlkit.replay.mirroring import mirror_every_second
from rlkit.spaces import Mirror

MIRROR = Mirror({"state": (1.0, -1.0)}, (0, 2, 1))


def make_batch(count=6):
    random = np.random.default_rng(0)

    def observations():
        return {
            "picture": random.integers(0, 256, (count, 4, 6, 2), dtype=np.uint8),
            "state": random.standard_normal((count, 2)).astype(np.float32),
        }

    return Batch(
        observations(),
        np.arange(count) % 3,
        random.random(count).astype(np.float32),
        random.random(count).astype(np.float32),
        observations(),
        np.arange(count),
        np.ones(count, np.float32),
    )


def test_every_second_transition_is_mirrored_and_the_others_are_unchanged():
    batch = make_batch()
    half = mirror_every_second(batch, MIRROR)
    assert half.actions.tolist() == [0, 1, 1, 0, 2, 2]
    for before, after in ((batch.observations, half.observations), (batch.next_observations, half.next_observations)):
        assert np.array_equal(after["picture"][::2], before["picture"][::2, :, ::-1])
        assert np.array_equal(after["picture"][1::2], before["picture"][1::2])
        assert np.array_equal(after["state"][::2], before["state"][::2] * [1.0, -1.0])
        assert after["state"].dtype == np.float32
    assert np.array_equal(half.returns, batch.returns)


def test_mirroring_is_an_involution_and_leaves_its_input_unchanged():
    batch, untouched = make_batch(), make_batch()
    twice = mirror_every_second(mirror_every_second(batch, MIRROR), MIRROR)
    for name in ("picture", "state"):
        assert np.array_equal(twice.observations[name], batch.observations[name])
        assert np.array_equal(batch.observations[name], untouched.observations[name])
    assert np.array_equal(twice.actions, batch.actions)


def test_the_declared_mirror_is_read_and_validated():
    entry = {"state": (1.0, -1.0), "actions": (0, 2, 1)}
    assert mirror({"mirror": entry}, {"state": 2}, 3) == MIRROR
    assert mirror({}, {"state": 2}, 3) is None
    assert mirror({"mirror": entry}, {"state": 2, "lidar": 19}, 3) is None
    for wrong, word in (
        ({"actions": (1, 2, 0)}, "pairs"),
        ({"actions": (0, 1)}, "pairs"),
        ({"state": (1.0, 2.0)}, "1 or -1"),
    ):
        with pytest.raises(UserError, match=word):
            mirror({"mirror": entry | wrong}, {"state": 2}, 3)

import numpy as np
from rlkit_envs.driving.road.circuit import LEFT, RIGHT
from rlkit_envs.driving.road.generator import is_safe
from rlkit_envs.driving.road.street import HALF_WIDTHS, make_street

LENGTHS = (400.0, 700.0)


def test_a_street_is_safe_to_drive_and_marked_as_a_street():
    for seed in range(20):
        street = make_street(seed, "train", LENGTHS)
        assert street.is_street
        assert is_safe(street)
        assert LENGTHS[0] - 1.0 < street.length < LENGTHS[1] + 1.0
        assert HALF_WIDTHS[0] <= street.line[:, LEFT : RIGHT + 1].min()
        assert street.line[:, LEFT : RIGHT + 1].max() <= HALF_WIDTHS[1]
        assert street.mirrored().is_street
        assert street.reversed().is_street


def test_seed_and_split_determine_a_street():
    one, same = make_street(3, "train", LENGTHS), make_street(3, "train", LENGTHS)
    assert np.array_equal(one.line, same.line)
    for other in (make_street(4, "train", LENGTHS), make_street(3, "test", LENGTHS)):
        assert len(other.line) != len(one.line) or not np.array_equal(other.line, one.line)

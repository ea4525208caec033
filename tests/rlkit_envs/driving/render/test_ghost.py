import numpy as np
import pytest
from rlkit_envs.driving.render.ghost import Ghost

# Ten metres a second to the east, a pose every 0.1 s, the heading crossing half a turn.
POSES = np.stack([np.arange(50.0), np.zeros(50), np.angle(np.exp(1j * (3.0 + 0.02 * np.arange(50.0))))], axis=1)


def test_it_is_between_its_poses_between_their_times():
    x, y, heading = Ghost(POSES, 0.1).pose(1.25)
    assert (x, y) == (pytest.approx(12.5), 0.0)
    assert heading == pytest.approx(3.25)  # the short way across half a turn


def test_it_waits_at_its_start_and_stays_at_its_end():
    ghost = Ghost(POSES, 0.1)
    assert ghost.pose(-1.0)[0] == 0.0
    assert ghost.pose(99.0)[0] == 49.0


def test_a_single_pose_is_enough():
    ghost = Ghost(POSES[:1], 0.1)
    assert ghost.pose(3.0)[0] == 0.0
    assert ghost.lead((0.0, 1.0), 0.0) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("place", "time", "lead"), [((20.0, 1.0), 2.0, 0.0), ((20.3, -2.0), 1.5, 0.53), ((20.0, 0.0), 2.7, -0.7)]
)
def test_the_lead_is_the_time_by_which_a_car_comes_earlier(place, time, lead):
    ghost = Ghost(POSES, 0.1)
    for k in range(20):
        ghost.lead((float(k), 0.0), 0.1 * k)
    assert ghost.lead(place, time) == pytest.approx(lead, abs=1e-9)


def test_where_its_way_crosses_itself_the_present_leg_counts():
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    eight = np.stack([100.0 * np.sin(angles), 50.0 * np.sin(2.0 * angles), 0.0 * angles], axis=1)
    ghost = Ghost(eight, 0.1)
    leads = [ghost.lead((x, y), 0.1 * k) for k, (x, y, _) in enumerate(eight)]
    assert np.abs(leads).max() < 0.15


def test_it_is_found_again_after_a_while():
    angles = np.linspace(0.0, 2.0 * np.pi, 401)
    lap = np.stack([100.0 * np.cos(angles), 100.0 * np.sin(angles), 0.0 * angles], axis=1)
    ghost = Ghost(lap, 0.1)
    assert ghost.lead((100.0, 0.0), 1.5) == pytest.approx(-1.5, abs=0.01)
    assert ghost.lead((-100.0, 0.0), 21.0) == pytest.approx(-1.0, abs=0.01)
    assert ghost.lead((100.0, 0.0), 41.0) == pytest.approx(-1.0, abs=0.01)  # the end of the lap, not its beginning


def test_far_from_its_way_there_is_no_lead():
    assert Ghost(POSES, 0.1).lead((20.0, 80.0), 2.0) is None


@pytest.mark.parametrize("poses", [np.empty((0, 3)), np.zeros((4, 2)), np.full((4, 3), np.nan)])
def test_poses_of_another_form_are_refused(poses):
    with pytest.raises(ValueError, match="poses"):
        Ghost(poses, 0.1)

import numpy as np
import pytest
from rlkit_envs.driving.vehicle.tyres import ANTI_LOCK, axle, brush, slip_for

HELD, FRICTION, STIFFNESS, CREEP = 6000.0, 1.0, 16.0, 3.5


def forces(forward=20.0, aside=0.0, drive=0.0, brake=0.0, rear=False):
    return axle(forward, aside, HELD, FRICTION, STIFFNESS, CREEP, drive, brake, rear)


@pytest.mark.parametrize("angle", [0.001, 0.02, 0.05, 0.1, 0.15])
def test_the_brush_is_fialas_formula(angle):
    # Pacejka: F = C t - C² t |t| / (3 F0) + C³ t³ / (27 F0²), where t = tan(angle) and F0 = friction load.
    stiffness, tangent = STIFFNESS * HELD / FRICTION, np.tan(angle)
    expected = (
        stiffness * tangent
        - stiffness**2 * tangent * abs(tangent) / (3.0 * HELD)
        + stiffness**3 * tangent**3 / (27.0 * HELD**2)
    )
    assert forces(20.0, -20.0 * tangent)[1] == pytest.approx(expected, rel=1e-12)


def test_a_sliding_axle_gives_friction_times_load_against_its_slip():
    along, across, slip, _ = forces(20.0, -8.0)
    assert slip > 1.0
    assert (along, across) == (0.0, HELD)


def test_slip_for_undoes_the_brush():
    for share in np.linspace(0.0, 0.999, 20):
        assert brush(slip_for(share)) == pytest.approx(share, abs=1e-12)


def test_no_axle_ever_gives_more_than_the_circle_of_friction():
    random = np.random.default_rng(0)
    for _ in range(2000):
        forward, aside = random.uniform(-40.0, 40.0), random.uniform(-20.0, 20.0)
        drive, brake = random.choice([0.0, random.uniform(0.0, 12_000.0)]), 0.0
        if drive == 0.0:
            brake = random.uniform(0.0, 15_000.0)
        along, across, _, _ = forces(forward, aside, drive, brake, bool(random.integers(2)))
        assert np.hypot(along, across) <= HELD * (1.0 + 1e-12)
        assert along * forward <= 0.0 or drive > 0.0  # Brakes only ever take energy away
        assert across * aside <= 0.0


def test_anti_lock_brakes_leave_half_of_the_front_tyres_for_steering():
    braked, rolling = forces(20.0, -0.1, brake=20_000.0), forces(20.0, -0.1)
    assert 0.45 < braked[1] / rolling[1] < 0.55
    assert braked[0] == pytest.approx(-HELD * brush(ANTI_LOCK), rel=5e-3)


def test_the_engine_gets_what_the_slip_leaves_over():
    along, across, _, asked = forces(20.0, -1.0, drive=20_000.0)
    assert across == forces(20.0, -1.0)[1]
    assert np.hypot(along, across) == pytest.approx(HELD)
    assert asked > 1.0


def test_brakes_let_go_towards_rest():
    assert forces(0.0, 0.0, brake=20_000.0)[0] == 0.0
    assert forces(0.1, 0.0, brake=20_000.0)[0] == pytest.approx(-HELD * brush(0.2 * ANTI_LOCK), rel=1e-9)
    assert forces(-3.0, 0.0, brake=20_000.0)[0] > 0.9 * HELD

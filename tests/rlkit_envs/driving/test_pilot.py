import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.circuit import CURVATURE, LEFT, load_circuit
from rlkit_envs.driving.generator import make_circuit
from rlkit_envs.driving.pilot import Plan, profile_time, speed_profile
from rlkit_envs.driving.vehicle import DRAG, GRAVITY, GRIP, REAR_AXLE, ROLLING, SPECIFIC_POWER, WIDTH

HELD = GRIP * GRAVITY


def test_on_a_circle_the_speed_is_what_grip_leaves_after_resistance():
    radius = 40.0
    speed = speed_profile(np.full(251, 1.0 / radius), np.full(251, 2.0 * np.pi * radius / 251), HELD)
    v = float(speed.min())
    assert np.ptp(speed) < 0.05
    across = v * v / radius
    along = (DRAG + REAR_AXLE / radius**2) * v * v + ROLLING
    assert np.hypot(across, along) == pytest.approx(HELD, rel=5e-3)


def test_on_an_endless_straight_the_speed_is_limited_by_power():
    speed = speed_profile(np.zeros(20_000), np.ones(20_000), HELD)
    assert SPECIFIC_POWER / speed[0] == pytest.approx(DRAG * speed[0] ** 2 + ROLLING, rel=5e-3)


def test_before_a_curve_the_car_brakes_as_hard_as_it_can():
    curvature = np.zeros(1000)
    curvature[600:640] = 1.0 / 15.0
    speed = speed_profile(curvature, np.ones(1000), HELD)
    brakes = np.diff(speed[:600] ** 2)[-20:] / 2.0
    middle = 0.5 * (speed[579:599] + speed[580:600])
    assert brakes == pytest.approx(-(HELD + DRAG * middle**2 + ROLLING), rel=0.01)


def test_a_standing_start_takes_longer_and_a_flying_one_as_long_as_the_profile():
    plan = Plan(make_circuit(0, "test"))
    flying = (2.0 * plan.step / (plan.speed + np.roll(plan.speed, -1))).sum()
    assert plan.lap_time(0, 50.0) == pytest.approx(flying, rel=1e-6)
    assert flying + 0.5 < plan.lap_time(0, 0.0) < flying + 5.0


def test_the_line_stays_on_the_road_and_is_faster_than_its_middle():
    for seed in range(20):
        circuit = make_circuit(seed, "test")
        plan = Plan(circuit)
        aside = np.abs(((plan.line - circuit.points) * circuit.normals).sum(axis=1))
        assert (aside <= circuit.line[:, LEFT] - WIDTH / 2).all()
        steps = np.full(len(circuit.line), circuit.step)
        middle = np.ascontiguousarray(circuit.line[:, CURVATURE])
        assert plan.lap_time() < 0.95 * profile_time(middle, steps, speed_profile(middle, steps, HELD), HELD, 0, 0.0)


def test_the_line_through_a_ring_is_the_same_everywhere(circle):
    plan = Plan(load_circuit(circle))
    radius = np.linalg.norm(plan.line, axis=1)
    assert np.ptp(radius) < 0.1


@pytest.mark.parametrize("start", ["line", "anywhere"])
def test_the_expert_finishes_unseen_circuits_near_the_reference_time(start):
    count = 60
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=count, split="test", start=start, autoreset_mode="next_step"
    )
    vector.reset(seed=1000)
    finished, ratios, over = np.zeros(count, dtype=bool), np.full(count, np.nan), np.zeros(count, dtype=bool)
    while not over.all():
        _, _, terminated, truncated, infos = vector.step(np.array(vector.call("expert_action")))
        for i in np.flatnonzero((terminated | truncated) & ~over):
            finished[i], ratios[i] = infos["finished"][i], infos["ratio"][i]
            assert infos["off_road_seconds"][i] == 0.0
        over |= terminated | truncated
    assert finished.all()
    assert 1.0 < np.mean(ratios) < 1.1


def test_the_expert_finishes_real_circuits(real_circuits):
    count = len(real_circuits)
    vector = gymnasium.make_vec("rlkit/Driving-v0", num_envs=count, split="test", autoreset_mode="next_step")
    vector.reset(seed=0, options={"circuit": [str(path) for path in real_circuits]})
    ratios: dict[int, float] = {}
    while len(ratios) < count:
        _, _, terminated, truncated, infos = vector.step(np.array(vector.call("expert_action")))
        for i in np.flatnonzero(terminated | truncated):
            ratios.setdefault(int(i), infos["ratio"][i])
    assert all(1.0 < ratio < 1.08 for ratio in ratios.values()), ratios

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.expert.driver import ExpertDriver, Plan, profile_time, speed_profile
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.vehicle.actions import COMMANDS
from rlkit_envs.driving.vehicle.parameters import GRAVITY, RACE_CAR, ROAD_CAR, SINGLE_TRACK

V = {name: float(ROAD_CAR[name][0]) for name in ROAD_CAR.dtype.names}
DRAG, ROLLING = V["drag"] / V["mass"], V["rolling"] * GRAVITY


def test_on_a_circle_the_speed_is_what_the_front_tyres_hold():
    radius = 40.0
    speed = speed_profile(np.full(251, 1.0 / radius), np.full(251, 2.0 * np.pi * radius / 251), ROAD_CAR[0], 1.0)
    assert np.ptp(speed) < 1e-6
    # The rear has grip to spare, with which the engine keeps that speed up.
    assert speed[0] == pytest.approx(np.sqrt(V["front_friction"] * GRAVITY * radius), rel=5e-3)


def test_on_an_endless_straight_the_speed_is_limited_by_power():
    speed = speed_profile(np.zeros(20_000), np.ones(20_000), ROAD_CAR[0], 1.0)
    assert V["power"] / V["mass"] / speed[0] == pytest.approx(DRAG * speed[0] ** 2 + ROLLING, rel=5e-3)


def test_before_a_curve_the_car_brakes_as_hard_as_it_can():
    curvature = np.zeros(1000)
    curvature[600:640] = 1.0 / 15.0
    for grip in (1.0, 0.5):
        speed = speed_profile(curvature, np.ones(1000), ROAD_CAR[0], grip)
        brakes = -np.diff(speed[:600] ** 2)[-20:] / 2.0
        middle = 0.5 * (speed[579:599] + speed[580:600])
        tyres = brakes - DRAG * middle**2 - ROLLING
        assert tyres == pytest.approx(np.full(20, tyres[0]), rel=1e-3)
        # Between what the poorer axle, anti-locked, and the better one would give for all of the car's weight.
        assert 0.95 * V["front_friction"] * 0.95 < tyres[0] / (grip * GRAVITY) < V["rear_friction"]


def test_less_grip_means_slower_laps():
    circuit = make_circuit(0, "test")
    times = [Plan(circuit, road_grip=grip).lap_time() for grip in (1.0, 0.75, 0.35)]
    assert times[0] < times[1] < times[2]
    # Where only grip counted, times would grow with one over its root.
    assert times[2] / times[0] == pytest.approx(1.0 / np.sqrt(0.35), rel=0.15)


def test_the_race_car_is_faster():
    circuit = make_circuit(0, "test")
    assert Plan(circuit, RACE_CAR).lap_time() < 0.95 * Plan(circuit, ROAD_CAR).lap_time()


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
        assert (aside <= circuit.line[:, LEFT] - V["width"] / 2).all()
        steps = np.full(len(circuit.line), circuit.step)
        middle = np.ascontiguousarray(circuit.line[:, CURVATURE])
        speed = speed_profile(middle, steps, ROAD_CAR[0], 1.0)
        assert plan.lap_time() < 0.95 * profile_time(middle, steps, speed, ROAD_CAR[0], 1.0, 0, 0.0)


def test_the_line_through_a_ring_is_the_same_everywhere(circle):
    plan = Plan(load_circuit(circle))
    radius = np.linalg.norm(plan.line, axis=1)
    assert np.ptp(radius) < 0.1


def drive_all(vector):
    """Let the expert drive until every episode is over: finished, ratio and seconds off the road of each."""
    count = vector.num_envs
    finished, ratios, over = np.zeros(count, dtype=bool), np.full(count, np.nan), np.zeros(count, dtype=bool)
    while not over.all():
        _, _, terminated, truncated, infos = vector.step(np.array(vector.call("expert_action")))
        for i in np.flatnonzero((terminated | truncated) & ~over):
            finished[i], ratios[i] = infos["finished"][i], infos["ratio"][i]
        over |= terminated | truncated
    return finished, ratios


@pytest.mark.parametrize(
    ("start", "kwargs", "most"),
    [
        ("line", {}, 1.08),
        ("anywhere", {}, 1.08),
        ("line", {"vehicle": "race_car"}, 1.08),
        ("line", {"grip": 0.75}, 1.08),
        ("line", {"grip": 0.35}, 1.08),
    ],
)
def test_the_expert_finishes_unseen_circuits_near_the_reference_time(start, kwargs, most):
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=30, split="test", start=start, autoreset_mode="next_step", **kwargs
    )
    vector.reset(seed=1000)
    finished, ratios = drive_all(vector)
    assert finished.all()
    assert 1.0 < np.mean(ratios) < most


@pytest.mark.parametrize("vehicle", list(SINGLE_TRACK))
def test_the_expert_finishes_real_circuits(real_circuits, vehicle):
    count = len(real_circuits)
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=count, split="test", autoreset_mode="next_step", vehicle=vehicle
    )
    vector.reset(seed=0, options={"circuit": [str(path) for path in real_circuits]})
    finished, ratios = drive_all(vector)
    assert finished.all()
    assert ((ratios > 1.0) & (ratios <= 1.05)).all(), ratios


WIDE = [(3.0, 12.0), (12.0, 3.0), (12.0, 12.0), (2.0, 10.0), (4.0, 20.0)]  # m to the right, m to the left


@pytest.mark.parametrize("kwargs", [{}, {"vehicle": "race_car"}, {"actions": "continuous"}, {"grip": 0.35}])
def test_the_expert_finishes_circuits_with_a_wide_side(kwargs, tmp_path):
    angles = np.linspace(0.0, 2.0 * np.pi, 240, endpoint=False)
    radius = 110.0 + 18.0 * np.cos(3.0 * angles)
    paths = []
    for right, left in WIDE:
        path = tmp_path / f"{right}-{left}.csv"
        rows = zip(radius * np.cos(angles), radius * np.sin(angles), strict=True)
        path.write_text("\n".join(f"{x:.3f},{y:.3f},{right},{left}" for x, y in rows))
        paths.append(str(path))
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=len(paths), split="test", autoreset_mode="next_step", **kwargs
    )
    vector.reset(seed=0, options={"circuit": paths})
    finished, ratios = drive_all(vector)
    assert finished.all()
    assert (ratios < 1.12).all(), ratios


def test_with_continuous_actions_the_expert_is_smoother_and_faster():
    times, jerks = [], []
    for continuous in (False, True):
        env = gymnasium.make("rlkit/Driving-v0", split="test").unwrapped
        env.reset(seed=3)
        episodes = env.episodes
        pilot, cars = episodes.expert(0), episodes.simulator.cars
        while not cars["ended"][0]:
            command = pilot.act_continuous(cars[0]) if continuous else COMMANDS[pilot.act(cars[0])]
            assert np.abs(command).max() <= 1.0
            episodes.simulator.step(np.array([command], dtype=np.float64))
        times.append(float(cars["lap_time"][0]))
        jerks.append(float(cars["jerk_squared"][0] / cars["step"][0]))
    assert 0.0 < times[1] < times[0]
    assert jerks[1] < 0.5 * jerks[0]


def test_the_expert_keeps_to_a_speed_limit(circle):
    env = gymnasium.make("rlkit/Driving-v0", split="test", circuit=circle, start="line").unwrapped
    env.reset(seed=0)
    cars = env.episodes.simulator.cars
    pilot = ExpertDriver(env.episodes.simulator.circuit_of(0))
    for _ in range(100):
        env.step(pilot.act(cars[0], limit=8.0))
        assert cars["speed"][0] < 9.0
    assert cars["speed"][0] > 7.0


def test_the_expert_drives_in_traffic_and_hits_nobody():
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=30, split="test", autoreset_mode="next_step", traffic=5, obstacles=3
    )
    vector.reset(seed=0)
    assert drive_all(vector)[0].all()  # An episode that ends in a collision is not finished

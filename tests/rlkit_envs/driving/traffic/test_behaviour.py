from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.circuit_cache import CIRCUIT
from rlkit_envs.driving.jit import kernel
from rlkit_envs.driving.road.circuit import LEFT, RIGHT, TX, TY, X, Y, build_circuit
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.traffic.behaviour import (
    CAR,
    CONE,
    CURVE_GRIP,
    OTHER,
    STOPPED_CAR,
    decide_others,
    lane_middle,
    move_others,
    put_on_road,
)
from rlkit_envs.driving.traffic.collisions import collides, penetration
from rlkit_envs.driving.traffic.lane_changes import GRIP, STANDING_GAP, TIME_GAP, idm_acceleration
from rlkit_envs.driving.traffic.spawn import CLEAR_AHEAD, CLEAR_BEHIND, DRAWS, place_others
from rlkit_envs.driving.vehicle.parameters import CAR as DRIVER

CAR_LENGTH, CAR_WIDTH = 4.5, 1.6  # m, of the driver's car


class Road:
    """A circuit with other road users and the driver's car, which stands still and out of the way unless put there."""

    def __init__(self, circuit, grip=1.0):
        self.circuit, self.grip = circuit, grip
        self.line = circuit.line
        record = np.zeros(1, CIRCUIT)
        record["samples"], record["length"], record["step"] = len(circuit.line), circuit.length, circuit.step
        self.record = record[0]
        self.others = np.zeros(32, OTHER)
        self.count = 0
        self.car = np.zeros(1, DRIVER)
        self.park(0.0, 100.0)

    def park(self, station, offset):
        i = int(station / self.circuit.step)
        self.car["station"], self.car["offset"], self.car["index"] = station, offset, i
        self.car["heading"] = np.arctan2(self.line[i, TY], self.line[i, TX])
        self.car["x"], self.car["y"] = self.line[i, X : Y + 1] + offset * self.circuit.normals[i]

    def add(self, station, lane, speed, desired=None, kind=CAR):
        other = self.others[self.count]
        other["station"], other["lane"], other["speed"], other["kind"] = station, lane, speed, kind
        other["desired_speed"] = speed if desired is None else desired
        other["length"], other["width"], other["active"], other["lane_time"] = 4.5, 1.8, 1, 100.0
        other["offset"] = lane_middle(self.line, int(station / self.circuit.step), lane)
        put_on_road(other, self.line, self.record)
        self.count += 1
        return other

    def fill(self, seed, cars, obstacles, speeds=(8.0, 16.0), start=0.0, clear=CLEAR_AHEAD):
        draws = np.random.default_rng(seed).random((len(self.others), DRAWS))
        self.count = place_others(
            self.others, draws, cars, obstacles, start, clear, *speeds, self.line, self.record, self.grip
        )

    def run(self, seconds):
        _run(self.others, self.count, self.car[0], self.line, self.record, self.grip, round(seconds / 0.1))


@kernel
def _run(others, count, car, line, record, grip, decisions):
    for _ in range(decisions):
        decide_others(others, count, car, CAR_LENGTH, CAR_WIDTH, line, record, grip, 0.1)
        for _ in range(5):
            move_others(others, count, line, record, 0.02)


@kernel
def _contacts(others, count, car, line, record, grip, decisions):
    """Pairs of others, and others and the driver, that touch, summed over all decisions."""
    contacts = 0
    for _ in range(decisions):
        _run(others, count, car, line, record, grip, 1)
        for i in range(count):
            for j in range(i):
                depth, _, _ = penetration(others[i], others[i].length, others[i].width, others[j])
                contacts += depth > 0.0
        contacts += collides(car, CAR_LENGTH, CAR_WIDTH, others, count) >= 0
    return contacts


def ring(radius=200.0, half_width=5.0):
    angles = np.linspace(0.0, 2.0 * np.pi, 400, endpoint=False)
    points = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return build_circuit("ring", points, np.full(400, half_width), np.full(400, half_width))


cached_circuit = cache(make_circuit)


def test_a_car_with_nobody_ahead_reaches_its_desired_speed():
    road = Road(ring())
    other = road.add(10.0, 0, 0.0, desired=15.0)
    road.run(60.0)
    assert other["speed"] == pytest.approx(15.0, rel=1e-3)


@pytest.mark.parametrize("speed", [3.0, 8.0, 14.0])
def test_following_settles_at_the_gap_of_the_formula(speed):
    """Treiber et al. 2000: the equilibrium gap is (s0 + vT) / sqrt(1 - (v/v0)^4)."""
    own, gap = 15.0, 60.0
    for _ in range(30_000):
        own += 0.01 * idm_acceleration(own, 20.0, gap, speed, 1.0)
        gap += 0.01 * (speed - own)
    assert own == pytest.approx(speed, rel=1e-4)
    assert gap == pytest.approx((STANDING_GAP + speed * TIME_GAP) / np.sqrt(1.0 - (speed / 20.0) ** 4), rel=1e-3)


def test_a_faster_car_changes_lanes_and_overtakes():
    road = Road(ring())
    slow, fast = road.add(100.0, 0, 6.0), road.add(60.0, 0, 12.0)
    road.run(30.0)
    assert fast["lane"] == 1
    assert (fast["station"] - slow["station"]) % road.circuit.length < 300.0
    assert fast["speed"] > 11.0


def test_a_car_stays_behind_while_the_other_lane_is_taken():
    road = Road(ring())
    slow, beside, fast = road.add(100.0, 0, 6.0), road.add(99.0, 1, 6.0), road.add(60.0, 0, 12.0)
    road.run(40.0)
    behind = (slow["station"] - fast["station"]) % road.circuit.length
    assert 4.5 < behind < 30.0
    assert fast["speed"] == pytest.approx(6.0, abs=0.3)
    assert beside["lane"] == 1


def test_nobody_changes_lanes_in_front_of_a_fast_car():
    road = Road(ring())
    road.add(100.0, 0, 4.0)
    waiting = road.add(85.0, 0, 6.0, desired=12.0)
    fast = road.add(70.0, 1, 16.0)
    for _ in range(10):
        road.run(0.1)
        assert waiting["lane"] == 0
        assert fast["acceleration"] > -3.0


def test_the_seam_of_the_circuit_hides_nobody():
    road = Road(ring())
    road.add(5.0, 0, 0.0, kind=STOPPED_CAR)
    road.add(5.0, 1, 0.0, kind=STOPPED_CAR)
    other = road.add(road.circuit.length - 60.0, 0, 12.0)
    road.run(30.0)
    assert other["speed"] < 0.1
    assert 4.5 < (5.0 - other["station"]) % road.circuit.length < 8.0


@pytest.mark.parametrize("station", [0.0, 300.0, 620.0])
def test_all_stop_behind_a_driver_who_blocks_the_road(station):
    road = Road(ring(100.0, 3.0))
    road.fill(1, 10, 0)
    road.park(station, 0.0)
    road.others["active"][:10] = 1
    near = np.abs((road.others["station"] - station + 40.0) % road.circuit.length) < 60.0
    road.count = int((~near[: road.count]).sum())
    road.others[: road.count] = road.others[: len(near)][np.flatnonzero(~near)[: road.count]]
    assert _contacts(road.others, road.count, road.car[0], road.line, road.record, 1.0, 600) == 0
    assert road.others["speed"][: road.count].max() < 0.2


def test_a_parked_driver_beside_their_lane_stops_nobody():
    road = Road(ring())
    road.fill(1, 6, 0)
    road.park(200.0, -4.9)
    assert _contacts(road.others, 6, road.car[0], road.line, road.record, 1.0, 1200) == 0
    assert road.others["speed"][:6].min() > 5.0


@pytest.mark.parametrize("seed", range(8))
def test_traffic_never_crashes_nor_jams_among_obstacles(seed):
    road = Road(cached_circuit(seed, "train"))
    road.fill(seed, 8, 4)
    assert _contacts(road.others, road.count, road.car[0], road.line, road.record, 1.0, 2400) == 0
    before = road.others["station"].copy()
    driven = np.zeros(len(before))
    for _ in range(300):
        road.run(0.1)
        moved = (road.others["station"] - before) % road.circuit.length
        driven, before = driven + moved, road.others["station"].copy()
    moving = road.others["kind"][: road.count] == CAR
    assert driven[: road.count][moving].min() > 20.0


@pytest.mark.parametrize("grip", [1.0, 0.35])
def test_curves_are_driven_with_grip_to_spare(grip):
    road = Road(cached_circuit(0, "train"), grip)
    other = road.add(10.0, 0, 5.0, desired=30.0)
    most, heading, seen = 0.0, other["heading"], []
    for _ in range(6000):
        road.run(0.02 * 5)
        turn = (other["heading"] - heading + np.pi) % (2.0 * np.pi) - np.pi
        heading = float(other["heading"])
        most = max(most, abs(turn) / 0.1 * float(other["speed"]))
        seen.append(float(other["speed"]))
    assert most < 1.25 * CURVE_GRIP * GRIP * grip
    assert max(seen) > 1.3 * min(seen[100:])


def test_moves_are_smooth():
    road = Road(cached_circuit(4, "train"))
    road.fill(4, 8, 3)
    for _ in range(600):
        before = road.others.copy()
        road.run(0.1)
        moved = np.hypot(road.others["x"] - before["x"], road.others["y"] - before["y"])
        assert (moved <= 0.1 * np.maximum(before["speed"], road.others["speed"]) * 1.6 + 0.05).all()
        turned = (road.others["heading"] - before["heading"] + np.pi) % (2.0 * np.pi) - np.pi
        assert np.abs(turned).max() < 0.3


def test_where_a_car_stands_is_where_its_station_and_offset_say():
    road = Road(cached_circuit(2, "train"))
    road.fill(2, 12, 0)
    road.run(20.0)
    for other in road.others[: road.count]:
        i = int(other["index"])
        assert 0.0 <= other["station"] < road.circuit.length
        assert other["station"] == pytest.approx(i * road.circuit.step, abs=road.circuit.step)
        reach = np.hypot(*(road.circuit.points[i] - [other["x"], other["y"]]))
        assert reach == pytest.approx(np.hypot(other["station"] - i * road.circuit.step, other["offset"]), abs=0.2)


@settings(max_examples=60)
@given(
    st.integers(0, 2**32),
    st.integers(0, 5),
    st.integers(0, 16),
    st.integers(0, 16),
    st.floats(0.0, 400.0),
    st.floats(0.0, 50.0),
)
def test_others_are_placed_apart_and_clear_of_the_driver(seed, number, cars, obstacles, start, clear):
    circuit = cached_circuit(number, "train")
    road = Road(circuit)
    road.fill(seed, cars, obstacles, start=start, clear=clear)
    placed = road.others[: road.count]
    assert road.count <= cars + obstacles
    assert (road.others["active"][road.count :] == 0).all()
    assert (placed["active"] == 1).all()
    away = (placed["station"] - start) % circuit.length
    assert (away > clear).all()
    assert (away < circuit.length - CLEAR_BEHIND).all()
    if road.count == cars + obstacles:
        assert (placed["kind"] != CAR).sum() == obstacles
    for i, one in enumerate(placed):
        for other in placed[:i]:
            assert penetration(one, one["length"], one["width"], other)[0] == 0.0
        # Past an obstacle, there is room for a car; and everything stands on the road.
        right = one["offset"] - one["width"] / 2 + circuit.line[one["index"], RIGHT]
        left = circuit.line[one["index"], LEFT] - one["offset"] - one["width"] / 2
        assert min(left, right) >= 0.0
        if one["kind"] != CAR:
            assert max(left, right) > 0.5 * (left + right + one["width"]) - 0.5 * one["width"]


def test_both_kinds_of_obstacles_are_placed():
    road = Road(ring())
    road.fill(0, 0, 30)
    assert set(road.others["kind"][: road.count]) == {CONE, STOPPED_CAR}


def test_a_short_circuit_takes_as_many_as_have_room():
    road = Road(ring(50.0))
    road.fill(0, 24, 8)
    assert 15 <= road.count < 20
    assert 3 <= (road.others["kind"][: road.count] != CAR).sum() <= 6


def test_the_same_draws_give_the_same_traffic():
    roads = [Road(cached_circuit(1, "train")) for _ in range(2)]
    for road in roads:
        road.fill(7, 8, 4)
        road.run(60.0)
    assert roads[0].others.tobytes() == roads[1].others.tobytes()


@pytest.mark.parametrize(("politeness", "lane"), [(0.0, 1), (1.0, 0)])
def test_the_polite_do_not_change_lanes_at_the_cost_of_others(politeness, lane):
    road = Road(ring())
    road.add(112.0, 0, 8.0)
    thinking = road.add(85.0, 0, 9.0, desired=10.0)
    thinking["politeness"] = politeness
    road.add(52.0, 1, 13.0)
    road.run(0.1)
    assert thinking["lane"] == lane


def test_a_change_of_lanes_waits_for_whoever_is_beside():
    road = Road(ring())
    other = road.add(196.0, 1, 1.0)
    other["lane"] = 0
    road.park(199.0, -2.0)
    assert _contacts(road.others, 1, road.car[0], road.line, road.record, 1.0, 200) == 0
    assert other["offset"] == pytest.approx(-2.5, abs=0.3)  # Done once it is past


def test_others_foresee_where_the_driver_steers():
    braking = []
    for turn in (0.0, 0.3):
        road = Road(ring())
        other = road.add(85.0, 1, 12.0)
        road.park(100.0, -0.5)
        road.car["speed"] = 10.0
        road.car["heading"] += turn
        road.run(0.1)
        braking.append(float(other["acceleration"]))
    assert braking[1] < braking[0] - 1.0


def test_nobody_changes_lanes_to_and_fro():
    road = Road(cached_circuit(6, "train"))
    road.fill(6, 14, 3)
    last, lanes, changes = np.full(32, -np.inf), road.others["lane"].copy(), 0
    for decision in range(1200):
        road.run(0.1)
        changed = road.others["lane"] != lanes
        assert (decision - last[changed] >= 40).all()
        last[changed] = decision
        lanes, changes = road.others["lane"].copy(), changes + int(changed.sum())
    assert changes > 20


def test_cars_behind_an_obstacle_are_let_into_a_busy_lane():
    road = Road(ring(110.0))
    for k in range(30):
        road.add(k * road.circuit.length / 30, k % 2, 5.0, desired=9.0 * (1.0 + 0.2 * np.sin(7.0 * k)))
    road.add(0.5 * road.circuit.length / 30, 0, 0.0, kind=STOPPED_CAR)
    standing, longest = np.zeros(30), np.zeros(30)
    for _ in range(300):
        road.run(0.5)
        standing = np.where(road.others["speed"][:30] < 0.1, standing + 0.5, 0.0)
        longest = np.maximum(longest, standing)
    assert (longest > 10.0).mean() < 0.15


def test_a_car_at_an_obstacle_drives_around_it_at_once():
    road = Road(ring())
    road.add(100.0, 0, 0.0, kind=STOPPED_CAR)
    other = road.add(92.0, 0, 0.0, desired=10.0)
    assert _contacts(road.others, 2, road.car[0], road.line, road.record, 1.0, 80) == 0
    assert other["station"] > 105.0


@pytest.mark.parametrize(("ahead", "yields"), [(8.0, True), (60.0, False)])
def test_the_driver_behind_an_obstacle_is_let_into_the_free_lane(ahead, yields):
    road = Road(ring())
    road.park(200.0, -2.5)
    road.add(200.0 + ahead, 0, 0.0, kind=STOPPED_CAR)
    other = road.add(170.0, 1, 8.0)
    road.run(1.0)
    assert (other["speed"] < 7.5) == yields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rlkit_envs.driving.traffic.behaviour import CAR, CONE, OTHER, STOPPED_CAR
from rlkit_envs.driving.traffic.collisions import bounce, box_overlap, collides
from rlkit_envs.driving.vehicle.parameters import CAR as DRIVER

LENGTH, WIDTH = 4.5, 1.6  # m


def driver(x=0.0, y=0.0, heading=0.0, speed=0.0):
    car = np.zeros(1, DRIVER)
    car["x"], car["y"], car["heading"], car["speed"] = x, y, heading, speed
    return car


def other(x=0.0, y=0.0, heading=0.0, speed=0.0, kind=CAR):
    others = np.zeros(1, OTHER)
    others["x"], others["y"], others["heading"], others["speed"] = x, y, heading, speed
    others["kind"], others["active"] = kind, 1
    others["length"], others["width"] = (0.4, 0.4) if kind == CONE else (4.2, 1.8)
    return others


def corners(x, y, heading, length, width):
    along = np.array([np.cos(heading), np.sin(heading)]) * length / 2
    aside = np.array([-np.sin(heading), np.cos(heading)]) * width / 2
    return np.array([x, y]) + np.array([along + aside, aside - along, -along - aside, along - aside])


def common_area(polygon, clip):
    """Area that two convex polygons share, by cutting the one along every edge of the other (Sutherland, Hodgman)."""
    for a, b in zip(clip, np.roll(clip, -1, axis=0), strict=True):
        kept = []
        for p, q in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            sides = [(b - a)[0] * (r - a)[1] - (b - a)[1] * (r - a)[0] for r in (p, q)]
            if sides[0] >= 0:
                kept.append(p)
            if sides[0] * sides[1] < 0:
                kept.append(p + (q - p) * sides[0] / (sides[0] - sides[1]))
        if len(kept) < 3:
            return 0.0
        polygon = np.array(kept)
    x, y = polygon.T
    return 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))


coordinate = st.floats(-6.0, 6.0)
angle = st.floats(-4.0, 4.0)
side = st.floats(0.3, 6.0)


@settings(max_examples=300)
@given(coordinate, coordinate, angle, side, side, angle, side, side)
def test_boxes_touch_where_their_polygons_share_area(x, y, heading, length, width, heading2, length2, width2):
    depth, normal_x, normal_y = box_overlap(x, y, heading, length, width, heading2, length2, width2)
    still = corners(0.0, 0.0, heading2, length2, width2)
    area = common_area(corners(x, y, heading, length, width), still)
    if area > 1e-6:
        assert depth > 0.0
        assert np.hypot(normal_x, normal_y) == pytest.approx(1.0)
        freed = common_area(
            corners(x + (depth + 1e-6) * normal_x, y + (depth + 1e-6) * normal_y, heading, length, width), still
        )
        assert freed < 1e-6
    if depth > 1e-3:
        assert area > 0.0


def test_the_first_one_that_is_touched_is_named_and_inactive_ones_are_air():
    others = np.concatenate([other(30.0), other(3.0), other(1.0)])
    car = driver()
    assert collides(car[0], LENGTH, WIDTH, others, 3) == 1
    others["active"][1] = 0
    assert collides(car[0], LENGTH, WIDTH, others, 3) == 2
    assert collides(car[0], LENGTH, WIDTH, others, 2) == -1


@settings(max_examples=200)
@given(st.floats(0.0, 0.02), st.floats(-0.9, 0.9), st.floats(-4.0, 4.0), st.sampled_from([CAR, STOPPED_CAR, CONE]))
def test_nothing_passes_through_anything_at_50_metres_a_second(phase, aside, heading, kind):
    """A car at 50 m/s passes less than half its width beside the middle of another one, which comes the other way."""
    oncoming = 50.0 if kind == CAR else 0.0
    hits = 0
    for time in phase + 0.02 * np.arange(-30, 30):
        forward = 50.0 * time
        car = driver(
            forward * np.cos(heading) - aside * np.sin(heading),
            forward * np.sin(heading) + aside * np.cos(heading),
            heading,
        )
        others = other(-oncoming * time * np.cos(heading), -oncoming * time * np.sin(heading), heading, kind=kind)
        hits += collides(car[0], LENGTH, WIDTH, others, 1) == 0
    assert hits >= 2


def test_a_cone_that_was_run_over_is_gone_and_slows_nobody():
    car, others = driver(speed=20.0), other(2.0, kind=CONE)
    assert bounce(car[0], LENGTH, WIDTH, others[0]) == pytest.approx(20.0)
    assert car["speed"] == 20.0
    assert collides(car[0], LENGTH, WIDTH, others, 1) == -1


def test_two_cars_leave_a_collision_apart_and_equally_fast():
    car, others = driver(speed=20.0), other(4.0, speed=10.0)
    assert bounce(car[0], LENGTH, WIDTH, others[0]) == pytest.approx(10.0)
    assert car["speed"] == pytest.approx(15.0)
    assert others["speed"] == pytest.approx(15.0)
    car["x"] -= 1e-9
    assert collides(car[0], LENGTH, WIDTH, others, 1) == -1


def test_a_parked_car_stops_who_drives_into_it_and_stays_where_it_is():
    car, others = driver(speed=20.0), other(4.0, kind=STOPPED_CAR)
    bounce(car[0], LENGTH, WIDTH, others[0])
    assert car["speed"] == pytest.approx(0.0)
    assert (others["x"], others["speed"]) == (4.0, 0.0)


def test_grazing_a_flank_costs_no_speed_along_it():
    car, others = driver(speed=20.0), other(0.0, 1.6, speed=10.0)
    assert bounce(car[0], LENGTH, WIDTH, others[0]) == pytest.approx(0.0)
    assert car["speed"] == pytest.approx(20.0)
    assert car["y"] < 0.0


def test_a_car_that_slides_into_another_one_sideways_loses_its_slide():
    car, others = driver(y=1.6, speed=20.0), other(kind=STOPPED_CAR)
    car["lateral_velocity"] = -5.0
    assert bounce(car[0], LENGTH, WIDTH, others[0]) == pytest.approx(5.0)
    assert car["lateral_velocity"] == pytest.approx(0.0)
    assert car["speed"] == 20.0

"""Facts of situations made by hand."""

import numpy as np
import pytest

from rlkit.boxes import Boxes
from rlkit.capabilities import Situation
from rlkit.commentary.facts import Cause, Distance, Manoeuvre, ObjectKind, Road, Room, Side, Weather
from rlkit.commentary.moments import SIGNALS, Moment, facts_of, group_values, mirrored_signals, signals_of
from rlkit.errors import UserError

CLASSES = ("car", "cone")
CONTROLS = np.array([(steering, pedal) for steering in (-1.0, 0.0, 1.0) for pedal in (-1.0, 0.0, 1.0)])


def situation(speed=12.0, curvature=0.0, offset=0.0, yaw_rate=0.0, weather="fair", begins=0.0, half=5.0):
    """On a road of one curvature from a distance on; the car is `offset` metres left of its middle."""
    along = np.arange(0.0, 82.0, 2.0)
    bend = np.where(along >= begins, curvature, 0.0)
    heading = np.concatenate([[0.0], np.cumsum(bend * 2.0)[:-1]])
    x = np.concatenate([[0.0], np.cumsum(np.cos(heading) * 2.0)[:-1]])
    y = np.concatenate([[0.0], np.cumsum(np.sin(heading) * 2.0)[:-1]]) - offset
    road = np.stack([along, x, y, np.full(len(along), half), bend], axis=1)
    return Situation(speed, yaw_rate, 0.0, 0.0, weather, road)


def boxes(*objects):
    """Objects of class, distance, bearing, relative speed and speed."""
    rows = np.array(objects, dtype=np.float32).reshape(-1, 5)
    names = ("distance", "bearing", "relative_speed", "speed")
    attributes = {name: rows[:, index + 1] for index, name in enumerate(names)}
    attributes["occlusion"] = np.zeros(len(rows), np.float32)
    return Boxes(np.zeros((len(rows), 4), np.float32), rows[:, 0].astype(np.int64), attributes)


def facts(before, now, *objects, values=None):
    values = np.zeros(6, np.float32) if values is None else np.array(values, np.float32)
    return facts_of([Moment(before, boxes(), CLASSES, values), Moment(now, boxes(*objects), CLASSES, values)])


@pytest.mark.parametrize(
    ("change", "manoeuvre"),
    [(0.0, Manoeuvre.KEEPING_SPEED), (1.0, Manoeuvre.ACCELERATING), (-1.0, Manoeuvre.BRAKING)],
)
def test_the_change_of_speed_is_the_manoeuvre(change, manoeuvre):
    assert facts(situation(12.0), situation(12.0 + change)).manoeuvre is manoeuvre


def test_nothing_ahead_is_a_clear_road():
    told = facts(situation(), situation())
    assert (told.cause, told.object, told.road, told.weather) == (
        Cause.CLEAR_ROAD,
        ObjectKind.NONE,
        Road.AHEAD,
        Weather.FAIR,
    )


def test_a_car_at_rest_is_standing():
    assert facts(situation(0.1), situation(0.0)).manoeuvre is Manoeuvre.STANDING


@pytest.mark.parametrize(
    ("thing", "kind", "distance"),
    [
        ((0, 6.0, 0.0, -5.0, 7.0), ObjectKind.CAR, Distance.M5),
        ((1, 10.0, 0.0, -12.0, 0.0), ObjectKind.CONE, Distance.M10),
        ((0, 18.0, 0.0, -12.0, 0.0), ObjectKind.STANDING_CAR, Distance.M20),
        ((0, 28.0, 0.0, 0.5, 12.5), ObjectKind.CAR, Distance.M30),
    ],
)
def test_braking_for_an_object_in_the_path_names_it_and_its_distance(thing, kind, distance):
    told = facts(situation(13.0), situation(12.0), thing)
    assert (told.manoeuvre, told.object, told.distance, told.side) == (Manoeuvre.BRAKING, kind, distance, Side.AHEAD)
    assert told.cause is (Cause.CONE if kind is ObjectKind.CONE else Cause.CAR)


def test_slots_of_no_object_are_not_told():
    told = facts(situation(), situation())
    assert set(told.told()) == {"manoeuvre", "cause", "weather", "road"}
    assert set(facts(situation(), situation(), (0, 18.0, 0.0, -5.0, 7.0)).told()) >= {"object", "distance", "side"}
    assert type(told).from_slots(told.slots()) == told


def test_objects_beyond_the_reach_are_not_told():
    assert facts(situation(), situation(), (0, 31.0, 0.0, -5.0, 7.0)).object is ObjectKind.NONE
    assert facts(situation(), situation(), (1, 18.0, 0.0, -5.0, 0.0)).object is ObjectKind.NONE


def test_an_object_that_is_mostly_hidden_is_not_told():
    hidden = boxes((0, 10.0, 0.0, -5.0, 7.0))
    hidden.attributes["occlusion"][:] = 0.7
    assert facts_of([Moment(situation(), hidden, CLASSES, np.zeros(6, np.float32))]).object is ObjectKind.NONE


@pytest.mark.parametrize(("curvature", "road"), [(0.03, Road.LEFT), (-0.06, Road.SHARPLY_RIGHT)])
def test_braking_because_of_the_road(curvature, road):
    told = facts(situation(13.0, curvature, begins=4.0), situation(12.0, curvature, begins=4.0))
    assert (told.cause, told.road) == (Cause.ROAD, road)


def test_the_path_is_predicted_by_the_turn_rate():
    beside = (0, 18.0, 0.2, -5.0, 7.0)
    assert facts(situation(13.0), situation(12.0), beside).side is Side.LEFT
    assert facts(situation(13.0), situation(12.0, 0.02, yaw_rate=0.24), beside).side is Side.AHEAD


def test_turning_with_the_road():
    now = situation(curvature=0.03, yaw_rate=0.36)
    assert facts(now, now).manoeuvre is Manoeuvre.TURNING_LEFT
    straight = situation(yaw_rate=0.36)
    assert facts(straight, straight).manoeuvre is Manoeuvre.KEEPING_SPEED


def test_moving_aside_for_a_slower_car_and_passing_it():
    told = facts(situation(), situation(yaw_rate=0.2), (0, 15.0, 0.0, -5.0, 7.0))
    assert (told.manoeuvre, told.cause, told.room) == (Manoeuvre.MOVING_LEFT, Cause.CAR, Room.ENOUGH)
    told = facts(situation(), situation(yaw_rate=-0.2), (0, 15.0, 0.0, -5.0, 7.0))
    assert told.manoeuvre is Manoeuvre.MOVING_RIGHT
    told = facts(situation(offset=2.0), situation(offset=2.0), (0, 6.0, -0.45, -5.0, 7.0))
    assert (told.manoeuvre, told.side) == (Manoeuvre.PASSING, Side.RIGHT)


def test_a_second_car_beside_the_first_leaves_no_room():
    ahead, left = (0, 18.0, 0.0, -5.0, 7.0), (0, 18.0, 0.16, -5.0, 7.0)
    assert facts(situation(13.0), situation(12.0), ahead).room is Room.ENOUGH
    assert facts(situation(13.0), situation(12.0), ahead, left).room is Room.NONE_LEFT
    assert facts(situation(13.0, half=2.5), situation(12.0, half=2.5), ahead).room is Room.NONE


def test_where_the_driver_values_the_left_most_there_is_room():
    ahead, left = (0, 18.0, 0.0, -5.0, 7.0), (0, 18.0, 0.16, -5.0, 7.0)
    values = group_values(np.array([0, 0, 0, 1, 1, 1, 5, 2, 2], np.float32), CONTROLS)
    assert facts(situation(13.0), situation(12.0), ahead, left, values=values).room is Room.ENOUGH


def test_values_of_groups_of_actions_are_shares_of_the_range():
    values = group_values(np.array([0, 1, 2, 3, 4, 5, 6, 7, 8], np.float32), CONTROLS)
    assert values == pytest.approx([-0.25, -0.125, 0.0, 0.0, -0.375, -0.75])
    assert not group_values(None, CONTROLS).any()
    assert not group_values(np.ones(9, np.float32), CONTROLS).any()


def test_signals_tell_the_motion():
    window = [Moment(situation(speed), boxes(), CLASSES, np.zeros(6, np.float32)) for speed in (12.0, 13.5)]
    signals = dict(zip(SIGNALS, signals_of(window).tolist(), strict=True))
    assert signals["speed"] == pytest.approx(0.9)
    assert signals["acceleration"] == pytest.approx(1.0)


def test_signals_of_a_mirror_image():
    values = np.array([-1.0, 0.0, -0.5, -0.2, -0.1, 0.0], np.float32)
    moment = Moment(situation(yaw_rate=0.3), boxes(), CLASSES, values)
    mirrored = dict(zip(SIGNALS, mirrored_signals(signals_of([moment])), strict=True))
    assert mirrored["yaw rate"] < 0.0
    assert mirrored["curvature"] < 0.0
    assert (mirrored["left value"], mirrored["right value"]) == (0.0, pytest.approx(-0.2))


def test_an_unknown_weather_or_object_is_refused():
    with pytest.raises(UserError, match="weather 'hail'; known are fair"):
        facts(situation(), situation(weather="hail"))
    moment = Moment(situation(), boxes((0, 10.0, 0.0, 0.0, 0.0)), ("tree",), np.zeros(6, np.float32))
    with pytest.raises(UserError, match="knows no 'tree'"):
        facts_of([moment])

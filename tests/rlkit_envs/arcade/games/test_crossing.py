import numpy as np
import pytest
from rlkit_envs.arcade.games.crossing import (
    APPLE,
    CROSSED,
    CROSSINGS_PER_LEVEL,
    HOME,
    ISLAND,
    LANE_HEIGHT,
    LIVES,
    NEW_LANE,
    PLACES,
    TIME,
    TOP,
    hit_at,
)


def empty(game, **values) -> None:
    """Remove the cars, and put the apple aside."""
    game.set(counts=np.zeros(PLACES, dtype=np.int8), apple=HOME - 1, apple_x=80, **values)


def test_a_hop_takes_two_steps_and_crosses_one_lane(play) -> None:
    game = play("crossing")
    empty(game, x=20)
    game.act("up", 2)
    assert game.record["place"] == HOME - 1
    game.act("up", 2)
    assert game.record["place"] == HOME - 2
    game.act("down", 2)
    assert game.record["place"] == HOME - 1


def test_a_lane_counts_once_in_a_crossing_and_not_when_a_car_hits(play) -> None:
    game = play("crossing")
    empty(game, x=20)
    won = [game.act(action, 2) for action in ("up", "up", "down", "up", "up")]
    assert won == [NEW_LANE, NEW_LANE, 0.0, 0.0, NEW_LANE]
    game.record["counts"][HOME - 4] = 1
    game.record["cars"][HOME - 4, 0] = 20.0 + 20.0 - game.record["speeds"][HOME - 4]
    assert game.act("up") == 0.0
    assert game.record["lives"] == LIVES - 1


def test_the_hedgehog_stays_on_the_canvas(play) -> None:
    game = play("crossing")
    empty(game, x=4)
    game.act("left", 8)
    assert game.record["x"] == 0
    game.act("right", 60)
    assert game.record["x"] == 79
    game.act("down", 4)
    assert game.record["place"] == HOME


def test_reaching_the_far_side_gives_more_than_a_lane_and_starts_a_new_crossing(play) -> None:
    game = play("crossing")
    empty(game, place=1, x=20, time=50)
    game.set(nearest=1)
    assert game.act("up") == NEW_LANE + CROSSED
    assert game.record["place"] == HOME
    assert game.record["time"] == TIME
    assert game.record["crossings"] == 1


def test_five_crossings_make_traffic_faster(play) -> None:
    speeds = {level: [] for level in (1, 9)}
    for seed in range(20):
        for level, found in speeds.items():
            game = play("crossing", seed)
            empty(game, place=1, x=20, crossings=CROSSINGS_PER_LEVEL - 1, level=level)
            game.act("up")
            assert game.record["level"] == level + 1
            found.append(np.abs(game.record["speeds"]).sum())
    assert np.mean(speeds[9]) > 1.5 * np.mean(speeds[1])


def test_an_apple_counts_once(play) -> None:
    game = play("crossing")
    empty(game, place=ISLAND + 1, x=40)
    game.set(apple=ISLAND, apple_x=40, nearest=ISLAND)
    assert game.act("up") == APPLE
    assert game.record["apple"] == -1
    assert game.act("stay") == 0.0


def test_a_car_costs_a_life_and_the_last_one_the_game(play) -> None:
    game = play("crossing")
    for left in range(LIVES - 1, -1, -1):
        empty(game, place=3, x=40, rest=0)
        game.record["counts"][3] = 1
        game.record["cars"][3, 0] = 20.0 + 40.0 - game.record["speeds"][3]
        game.act("stay")
        assert game.record["lives"] == left
    assert game.record["over"] == 1


def test_running_out_of_time_costs_a_life(play) -> None:
    game = play("crossing")
    empty(game, time=1)
    game.act("stay")
    assert game.record["lives"] == LIVES - 1
    assert game.record["place"] == HOME


def test_no_car_hits_outside_the_lanes(play) -> None:
    game = play("crossing")
    assert not any(hit_at(game.record, place, float(x), 0.0, 5.0) for place in (0, ISLAND, HOME) for x in range(80))


@pytest.mark.parametrize("seed", range(3))
def test_the_observation_shows_every_car_that_hits(play, seed: int) -> None:
    game = play("crossing", seed)
    game.act("stay", 30)
    street = game.batch.game.palette["r"], game.batch.game.palette["d"]
    for place in (1, 4, 6, 9):
        rows = game.canvas()[TOP + LANE_HEIGHT * place + 3]
        for x in range(80):
            shown = np.isin(rows[x : x + 5], street, invert=True)
            if hit_at(game.record, place, float(x), 0.0, -1.0):
                assert shown.any()

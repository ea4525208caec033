import numpy as np
import pytest
from rlkit_envs.arcade.games.duel import BOTTOM, LEVELS, LIVES, POINTS_PER_LEVEL, TOP, landing, player_length


def fly(game, **values) -> None:
    game.set(wait=0, **values)


def test_a_ball_that_the_opponent_misses_scores(play) -> None:
    game = play("duel")
    fly(game, x=3.0, y=20.0, vx=-4.0, vy=0.0, rival=60.0)
    assert game.act("stay", 3) == 1.0
    assert game.record["score"] == 1
    assert game.record["lives"] == LIVES
    assert game.record["wait"] > 0


def test_a_missed_ball_costs_a_life_and_gives_minus_one(play) -> None:
    game = play("duel")
    fly(game, x=80.5, y=20.0, vx=4.0, vy=0.0, own=60.0)
    assert game.act("stay", 1) == -1.0
    assert game.record["lives"] == LIVES - 1
    assert game.record["score"] == 0


def test_the_last_life_ends_the_game(play) -> None:
    game = play("duel")
    fly(game, x=80.5, y=20.0, vx=4.0, vy=0.0, own=60.0, lives=1)
    game.act("stay")
    assert game.record["over"] == 1


def test_three_points_raise_the_level(play) -> None:
    game = play("duel")
    fly(game, x=3.0, y=20.0, vx=-4.0, vy=0.0, rival=60.0, points=POINTS_PER_LEVEL - 1)
    game.act("stay", 3)
    assert game.record["level"] == 2
    assert game.record["points"] == 0


def test_beating_the_last_opponent_ends_the_game(play) -> None:
    game = play("duel")
    fly(game, x=3.0, y=20.0, vx=-4.0, vy=0.0, rival=60.0, points=POINTS_PER_LEVEL - 1, level=LEVELS)
    assert game.act("stay", 3) == 1.0
    assert game.record["over"] == 1
    assert game.record["lives"] == LIVES


def test_the_ball_leaves_by_where_it_met_the_paddle_and_faster(play) -> None:
    slopes = []
    for own in (40.0, 34.0, 30.0):
        game = play("duel")
        fly(game, x=75.0, y=40.0, vx=2.0, vy=0.0, own=own)
        game.act("stay", 1)
        assert game.record["vx"] < -2.0
        slopes.append(float(game.record["vy"]))
    assert slopes[0] < slopes[1] < slopes[2]
    assert slopes[0] < 0.0 < slopes[2]


def test_a_moving_paddle_passes_on_part_of_its_motion(play) -> None:
    speeds = {}
    for action in ("up", "stay", "down"):
        game = play("duel")
        start = {"up": 37.6, "stay": 35.0, "down": 32.4}[action]  # all at the same row when the ball arrives
        fly(game, x=75.0, y=40.0, vx=2.0, vy=0.0, own=start)
        game.act(action, 1)
        speeds[action] = float(game.record["vy"])
    assert speeds["up"] < speeds["stay"] < speeds["down"]


def test_the_paddle_gets_shorter(play) -> None:
    game = play("duel")
    long = player_length(game.record)
    game.set(level=LEVELS)
    assert player_length(game.record) < long


@pytest.mark.parametrize("seed", range(5))
def test_the_predicted_landing_is_where_the_ball_arrives(play, seed: int) -> None:
    random = np.random.default_rng(seed)
    game = play("duel", seed)
    fly(game, x=20.0, y=random.uniform(TOP, BOTTOM - 2), vx=1.5, vy=random.uniform(-2, 2))
    ball = game.record.copy()
    predicted = landing(ball["x"], ball["y"], ball["vx"], ball["vy"], 74.0)
    game.act("stay", 36)
    assert game.record["x"] == pytest.approx(74.0)
    assert game.record["y"] == pytest.approx(predicted, abs=1e-9)


def test_the_observation_shows_lives_and_points(play) -> None:
    game = play("duel")
    before = game.count("l")
    game.set(lives=LIVES - 2, points=2)
    game.act("stay")
    assert game.count("l") == before - 2 * 12
    assert game.count("h") == 2 * 12

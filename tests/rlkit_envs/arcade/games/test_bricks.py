from itertools import pairwise

import numpy as np
import pytest
from rlkit_envs.arcade.games.bricks import (
    BRICK_HEIGHT,
    BRICK_WIDTH,
    CLEARED,
    COLUMNS,
    LENGTH,
    LIVES,
    PADDLE_Y,
    ROW_POINTS,
    ROWS,
    SHORT_LENGTH,
    WALL_TOP,
    WIDE_LENGTH,
    paddle_length,
)


def fly(game, **values) -> None:
    game.set(wait=0, **values)


@pytest.mark.parametrize("row", range(ROWS))
def test_a_bricks_points_depend_on_its_row(play, row: int) -> None:
    game = play("bricks")
    bricks = np.zeros((ROWS, COLUMNS), dtype=np.int8)
    bricks[row, 5] = bricks[0, 0] = 1
    fly(game, bricks=bricks, x=37.0, y=WALL_TOP + BRICK_HEIGHT * (row + 1) + 0.5, vx=0.0, vy=-2.0)
    assert game.act("stay") == ROW_POINTS[row]
    assert game.record["bricks"][row, 5] == 0
    assert game.record["vy"] > 0.0


def test_silver_bricks_take_two_hits(play) -> None:
    game = play("bricks")
    bricks = np.zeros((ROWS, COLUMNS), dtype=np.int8)
    bricks[5, 5], bricks[0, 0] = 2, 1
    where = {"x": 37.0, "y": WALL_TOP + BRICK_HEIGHT * ROWS + 0.5, "vx": 0.0, "vy": -2.0}
    fly(game, bricks=bricks, **where)
    assert game.act("stay") == 0.0
    assert game.record["bricks"][5, 5] == 1
    fly(game, **where)
    assert game.act("stay") == ROW_POINTS[5]


def test_the_last_brick_starts_the_next_wall(play) -> None:
    game = play("bricks")
    bricks = np.zeros((ROWS, COLUMNS), dtype=np.int8)
    bricks[5, 5] = 1
    fly(game, bricks=bricks, x=37.0, y=WALL_TOP + BRICK_HEIGHT * ROWS + 0.5, vx=0.0, vy=-2.0)
    assert game.act("stay") == ROW_POINTS[5] + CLEARED
    assert game.record["level"] == 2
    assert game.record["bricks"].sum() > 20
    assert (game.record["bricks"] == 2).any()


def test_every_wall_has_twenty_bricks_and_differs_from_the_one_before(play) -> None:
    walls = []
    for level in range(1, 13):
        game = play("bricks")
        bricks = np.zeros((ROWS, COLUMNS), dtype=np.int8)
        bricks[5, 5] = 1
        fly(game, level=level, bricks=bricks, x=37.0, y=WALL_TOP + BRICK_HEIGHT * ROWS + 0.5, vx=0.0, vy=-2.0)
        game.act("stay")
        walls.append(game.record["bricks"].copy())
        assert (walls[-1] > 0).sum() >= 20
    assert all((one != other).any() for one, other in pairwise(walls))


def test_a_missed_ball_costs_a_life_and_the_last_one_the_game(play) -> None:
    game = play("bricks")
    for left in range(LIVES - 1, -1, -1):
        fly(game, x=60.0, y=82.0, vx=0.0, vy=3.0, paddle=0.0)
        assert game.act("stay") == 0.0
        assert game.record["lives"] == left
    assert game.record["over"] == 1


def test_the_ball_leaves_to_the_side_on_which_it_met_the_paddle(play) -> None:
    directions = []
    for paddle in (30.0, 36.0, 42.0):
        game = play("bricks")
        fly(game, x=42.0, y=PADDLE_Y - 4.0, vx=0.0, vy=3.0, paddle=paddle)
        game.act("stay")
        assert game.record["vy"] < 0.0
        directions.append(float(game.record["vx"]))
    assert directions[0] > directions[1] > directions[2]
    assert directions[0] > 0.0 > directions[2]


def test_a_capsule_widens_the_paddle_for_a_time(play) -> None:
    game = play("bricks")
    game.set(capsule=1, capsule_x=40.0, capsule_y=PADDLE_Y - 4.0, paddle=35.0, wait=1000)
    game.act("stay", 3)
    assert paddle_length(game.record) == WIDE_LENGTH
    game.act("stay", 300)
    assert paddle_length(game.record) == LENGTH
    game.set(level=3)
    assert paddle_length(game.record) == SHORT_LENGTH


def test_the_ball_never_enters_a_brick_or_leaves_at_the_sides(play) -> None:
    game = play("bricks", 3)
    names = game.names
    for _ in range(2000):
        game.act(names[int(game.batch.expert_actions()[0])])
        assert 0.0 <= game.record["x"] <= 82.0
        column, row = int(game.record["x"] // BRICK_WIDTH), int((game.record["y"] - WALL_TOP) // BRICK_HEIGHT)
        if 0 <= row < ROWS and game.record["y"] >= WALL_TOP:
            assert game.record["bricks"][row, column] == 0


def test_the_observation_shows_every_brick(play) -> None:
    game = play("bricks")
    game.act("stay")
    assert game.count("1") == COLUMNS * (BRICK_WIDTH - 1) * (BRICK_HEIGHT - 1)

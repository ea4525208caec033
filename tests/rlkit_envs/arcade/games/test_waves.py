import numpy as np
import pytest
from rlkit_envs.arcade.games.waves import (
    BUNKER_FROM,
    BUNKER_Y,
    CANNON_Y,
    CLEARED,
    COLUMNS,
    HEIGHT,
    LIVES,
    PITCH_X,
    PITCH_Y,
    ROW_POINTS,
    ROWS,
    SAUCER_POINTS,
    SAUCER_Y,
    march_interval,
)


def quiet(game, **values) -> None:
    """Stop the march, and remove bombs, saucer and diver."""
    game.set(pause=1000, saucer=0, diver=-1, **values)
    game.record["bombs"][:] = 0


@pytest.mark.parametrize("row", range(ROWS))
def test_an_invaders_points_depend_on_its_row(play, row: int) -> None:
    game = play("waves")
    alive = np.zeros((ROWS, COLUMNS), dtype=np.int8)
    alive[row, 2] = alive[0, 5] = 1
    quiet(game, alive=alive, x=4, y=20)
    game.set(shot=1, shot_x=4.0 + 2 * PITCH_X + 3, shot_y=20.0 + row * PITCH_Y + HEIGHT + 1)
    assert game.act("stay") == ROW_POINTS[row]
    assert game.record["alive"].sum() == 1
    assert game.record["shot"] == 0


def test_a_diving_invader_gives_twice_the_points(play) -> None:
    game = play("waves")
    quiet(game, x=4, y=20)
    game.set(diver=0, diver_x=50.0, diver_y=55.0, shot=1, shot_x=53.0, shot_y=62.0, cannon=50.0)
    assert game.act("stay") == 2 * ROW_POINTS[0]
    assert game.record["diver"] == -1


def test_the_saucer_gives_points(play) -> None:
    game = play("waves")
    quiet(game, x=4, y=40)
    game.set(saucer=1, saucer_x=40.0, shot=1, shot_x=44.0, shot_y=SAUCER_Y + 5.0)
    assert game.act("stay") == SAUCER_POINTS
    assert game.record["saucer"] == 0


def test_a_cleared_wave_starts_a_lower_one(play) -> None:
    game = play("waves")
    height = int(game.record["y"])
    alive = np.zeros((ROWS, COLUMNS), dtype=np.int8)
    alive[3, 0] = 1
    quiet(game, alive=alive, x=30, y=20)
    game.set(shot=1, shot_x=33.0, shot_y=20.0 + 3 * PITCH_Y + HEIGHT + 1)
    assert game.act("stay") == ROW_POINTS[3] + CLEARED
    assert game.record["level"] == 2
    assert game.record["alive"].all()
    assert game.record["y"] > height


def test_only_one_shot_is_in_flight(play) -> None:
    game = play("waves")
    quiet(game)
    game.act("fire")
    first = float(game.record["shot_y"])
    game.act("fire")
    assert game.record["shot_y"] < first


def test_a_bomb_costs_a_life_unless_invulnerable(play) -> None:
    game = play("waves")
    for lives in (2, 2, 1, 0):
        quiet(game, cannon=40.0, safe=10 if lives == game.record["lives"] else 0)
        game.record["bombs"][0], game.record["bomb_x"][0], game.record["bomb_y"][0] = 1, 43.0, CANNON_Y - 3.0
        game.act("stay")
        assert game.record["lives"] == lives
    assert game.record["over"] == 1


def test_bunkers_stop_bombs_and_crumble(play) -> None:
    game = play("waves")
    quiet(game)
    before = int(game.record["bunkers"].sum())
    game.record["bombs"][0], game.record["bomb_x"][0], game.record["bomb_y"][0] = 1, BUNKER_FROM + 4.0, BUNKER_Y - 3.0
    game.act("stay", 2)
    assert game.record["bombs"][0] == 0
    assert game.record["bunkers"].sum() < before


def test_invaders_that_land_end_the_game(play) -> None:
    game = play("waves")
    quiet(game, x=60, y=CANNON_Y - 3 * PITCH_Y - 4)
    game.set(pause=1, direction=1, x=84 - 5 * PITCH_X - 7)
    game.act("stay")
    assert game.record["over"] == 1
    assert game.record["lives"] == LIVES


def test_fewer_invaders_march_faster(play) -> None:
    game = play("waves")
    intervals = []
    for left in (24, 12, 1):
        alive = np.zeros(ROWS * COLUMNS, dtype=np.int8)
        alive[:left] = 1
        game.set(alive=alive.reshape(ROWS, COLUMNS))
        intervals.append(march_interval(game.record))
    assert intervals[0] > intervals[1] > intervals[2] == 1


def test_the_formation_turns_and_descends_at_the_side(play) -> None:
    game = play("waves")
    game.set(pause=1, direction=1, x=84 - 5 * PITCH_X - 7, y=20)
    game.act("stay")
    assert (game.record["direction"], game.record["y"]) == (-1, 23)

from collections import deque

import numpy as np
import pytest
from rlkit_envs.arcade.games.maze import CATS, CAUGHT, CHEESE, CLEARED, CRUMB, LIVES, START_COLUMN, START_ROW
from rlkit_envs.arcade.grid import DY, SIDE, TUNNEL, is_open, next_column


def calm(game, **values) -> None:
    """Everything can move, but the cats stay in their den."""
    game.set(ready=0, waits=np.full(CATS, 10_000), **values)


def reachable(record) -> int:
    seen = {(START_ROW, START_COLUMN)}
    queue = deque(seen)
    while queue:
        row, column = queue.popleft()
        for d in range(4):
            if is_open(record, column, row, d):
                cell = (row + int(DY[d]), next_column(column, d))
                if cell not in seen:
                    seen.add(cell)
                    queue.append(cell)
    return len(seen)


@pytest.mark.parametrize("seed", range(25))
def test_mazes_are_connected_symmetric_and_without_dead_ends(play, seed: int) -> None:
    record = play("maze", seed).record
    assert reachable(record) == SIDE * SIDE
    for row in range(SIDE):
        for column in range(SIDE):
            ways = [d for d in range(4) if is_open(record, column, row, d)]
            assert len(ways) >= 2
            for d in ways:
                assert 0 <= row + DY[d] < SIDE
                assert is_open(record, next_column(column, d), row + int(DY[d]), d ^ 1)
                assert is_open(record, SIDE - 1 - column, row, d if d < 2 else d ^ 1)
            assert row == TUNNEL or not (column == 0 and 2 in ways)


def test_crumbs_and_cheese_give_points_once(play) -> None:
    game = play("maze")
    for food, points in ((1, CRUMB), (2, CHEESE)):
        calm(game)
        game.record["food"][START_ROW, START_COLUMN] = food
        assert game.act("go on") == points
        assert game.record["food"][START_ROW, START_COLUMN] == 0


def test_cheese_frightens_cats_for_a_while(play) -> None:
    game = play("maze")
    game.set(ready=0, waits=np.array([0, 0, 0, 50]))
    game.record["food"][START_ROW, START_COLUMN] = 2
    game.act("go on")
    assert game.record["afraid"].tolist() == [1, 1, 1, 0]
    game.set(columns=np.array([0, 0, 0, 5, 5]), rows=np.array([0, 0, 0, 4, 8]), fright=1)
    game.act("go on")
    assert not game.record["afraid"].any()


def test_each_further_afraid_cat_gives_five_points_more(play) -> None:
    game = play("maze")
    calm(game, fright=50)
    for k, points in ((0, CAUGHT), (1, 2 * CAUGHT), (2, 3 * CAUGHT)):
        game.record["afraid"][k] = 1
        game.record["columns"][k], game.record["rows"][k] = START_COLUMN, START_ROW
        assert game.act("go on") == points
        assert (game.record["afraid"][k], game.record["waits"][k]) == (0, 44)


def test_a_cat_costs_a_life_and_the_last_one_the_game(play) -> None:
    game = play("maze")
    for left in range(LIVES - 1, -1, -1):
        calm(game)
        game.record["columns"][0], game.record["rows"][0] = START_COLUMN, START_ROW
        game.act("go on")
        assert game.record["lives"] == left
    assert game.record["over"] == 1


def test_the_last_crumb_starts_a_new_maze(play) -> None:
    game = play("maze")
    before = game.record["open"].copy()
    food = np.zeros((SIDE, SIDE), dtype=np.int8)
    food[START_ROW, START_COLUMN] = 1
    calm(game, food=food)
    assert game.act("go on") == CRUMB + CLEARED
    assert game.record["level"] == 2
    assert (game.record["open"] != before).any()
    assert (game.record["food"] > 0).sum() == SIDE * SIDE - 2


def test_the_tunnel_joins_the_sides(play) -> None:
    game = play("maze")
    calm(game)
    game.record["columns"][CATS], game.record["rows"][CATS] = 0, TUNNEL
    game.act("left", 4)
    assert (game.record["columns"][CATS], game.record["rows"][CATS]) == (SIDE - 1, TUNNEL)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_moves_through_walls(play, seed: int) -> None:
    game = play("maze", seed)
    random = np.random.default_rng(seed)
    for _ in range(600):
        if game.record["over"]:
            break
        game.act(game.names[random.integers(5)])
        record = game.record
        for k in range(CATS + 1):
            column, row, d = (int(record[name][k]) for name in ("columns", "rows", "directions"))
            assert 0 <= record["ways"][k] < 7
            if record["ways"][k] > 0:
                assert is_open(record, column, row, d)


def test_the_mouse_can_turn_back_between_cells(play) -> None:
    game = play("maze")
    calm(game)
    way = next(d for d in range(4) if is_open(game.record, START_COLUMN, START_ROW, d))
    game.act(game.names[way + 1], 1)
    game.act(game.names[(way ^ 1) + 1], 1)
    assert game.record["ways"][CATS] in (0.0, 7.0 - 2.0 + 2.0)
    assert (game.record["columns"][CATS], game.record["rows"][CATS]) == (START_COLUMN, START_ROW)


def test_the_observation_shows_every_crumb(play) -> None:
    game = play("maze")
    food = np.zeros((SIDE, SIDE), dtype=np.int8)
    food[0, :7] = 1
    calm(game, food=food)
    game.act("go on")
    assert game.count("c") == 7 * 4

import pytest
from rlkit_envs.arcade.games.undersea import (
    AIR,
    DIVER,
    DIVERS_PER_LEVEL,
    FLOOR,
    FULL_POINTS,
    LIVES,
    MOST_ABOARD,
    RESCUED_POINTS,
    SHARK,
    SUBMARINE,
    SURFACE_Y,
    lane_y,
)


def alone(game, **values) -> None:
    """Remove swimmers, torpedoes and invulnerability."""
    game.record["kinds"][:] = 0
    game.record["torpedoes"][:] = 0.0
    game.set(safe=0, **values)


def put(game, kind: int, x: float, lane: int = 1, speed: float = 0.0) -> None:
    game.record["kinds"][0], game.record["lanes"][0] = kind, lane
    game.record["swimmer_x"][0], game.record["speeds"][0] = x, speed


@pytest.mark.parametrize(("kind", "points"), [(SHARK, 1.0), (SUBMARINE, 2.0)])
def test_a_shot_swimmer_gives_its_points(play, kind: int, points: float) -> None:
    game = play("undersea")
    alone(game, x=20.0, y=lane_y(1), looks=1)
    put(game, kind, 45.0)
    assert game.act("fire", 6) == points
    assert game.record["kinds"][0] != kind or game.record["swimmer_x"][0] != 45.0


def test_divers_are_taken_aboard_and_not_shot(play) -> None:
    game = play("undersea")
    alone(game, x=20.0, y=float(lane_y(1)), looks=1)
    put(game, DIVER, 29.0)
    assert game.act("fire", 3) == 0.0
    game.act("right", 3)
    assert game.record["aboard"] == 1


def test_a_full_boat_leaves_divers_where_they_are(play) -> None:
    game = play("undersea")
    alone(game, x=30.0, y=float(lane_y(1)), aboard=MOST_ABOARD)
    put(game, DIVER, 30.0)
    game.act("stay")
    assert game.record["aboard"] == MOST_ABOARD
    assert game.record["kinds"][0] == DIVER


@pytest.mark.parametrize("aboard", [1, 3, MOST_ABOARD])
def test_divers_brought_to_the_surface_give_points(play, aboard: int) -> None:
    game = play("undersea")
    alone(game, y=SURFACE_Y + 2.0, aboard=aboard, air=40)
    bonus = FULL_POINTS if aboard == MOST_ABOARD else 0
    assert game.act("up") == RESCUED_POINTS * aboard + bonus
    assert game.record["aboard"] == 0
    assert game.record["rescued"] == aboard
    assert game.record["air"] > 200


def test_a_boat_without_divers_is_refilled_slowly(play) -> None:
    game = play("undersea")
    alone(game, y=SURFACE_Y + 2.0, aboard=0, air=40)
    game.act("up")
    assert 40 < game.record["air"] < 60


def test_ten_divers_raise_the_level(play) -> None:
    game = play("undersea")
    alone(game, y=SURFACE_Y + 2.0, aboard=2, rescued=DIVERS_PER_LEVEL - 1)
    game.act("up")
    assert game.record["level"] == 2
    assert game.record["rescued"] == 1


def test_running_out_of_air_costs_a_life_and_the_divers(play) -> None:
    game = play("undersea")
    alone(game, y=40.0, air=1, aboard=4)
    assert game.act("stay") == 0.0
    assert game.record["lives"] == LIVES - 1
    assert game.record["aboard"] == 0
    assert game.record["air"] == AIR


@pytest.mark.parametrize("kind", [SHARK, SUBMARINE])
def test_a_collision_costs_a_life_and_the_last_one_the_game(play, kind: int) -> None:
    game = play("undersea")
    for left in range(LIVES - 1, -1, -1):
        alone(game, x=30.0, y=float(lane_y(1)))
        put(game, kind, 32.0)
        game.act("stay")
        assert game.record["lives"] == left
    assert game.record["over"] == 1


def test_a_torpedo_costs_a_life_unless_invulnerable(play) -> None:
    game = play("undersea")
    for safe, left in ((5, LIVES), (0, LIVES - 1)):
        alone(game, x=30.0, y=float(lane_y(1)))
        game.set(safe=safe)
        game.record["torpedoes"][0], game.record["torpedo_x"][0] = 2.2, 28.0
        game.record["torpedo_y"][0] = lane_y(1) + 2.0
        game.act("stay")
        assert game.record["lives"] == left


def test_the_boat_stays_between_surface_and_sea_bed(play) -> None:
    game = play("undersea")
    game.act("up", 5)
    assert game.record["y"] == SURFACE_Y
    for _ in range(60):
        game.record["kinds"][:] = 0
        game.act("down")
    assert game.record["y"] + 5 == FLOOR


def test_the_bar_shows_the_air(play) -> None:
    game = play("undersea")
    alone(game, y=40.0, air=AIR)
    game.act("stay")
    full = game.count("a")
    game.set(air=AIR // 2)
    game.act("stay")
    assert 20 < full - game.count("a") < 80

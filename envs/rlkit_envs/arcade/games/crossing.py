"""Crossing: lead a hedgehog across eight lanes of traffic.

## Description
One hop is one lane up or down, or 4 pixels sideways, and takes two steps. A crossing has to be done in 180 steps; the
bar at the top shows the time that is left. An apple lies on the island or in a lane. Every fifth crossing raises the
level: traffic is faster and has more lorries.

## Action Space
``Discrete(5)``: 0 stay, 1 up, 2 down, 3 left, 4 right.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. The top rows show level, crossings of this level, lives and time.

## Rewards
+1 for each lane or island reached for the first time in a crossing, +6 for the far side, +3 for the apple.

## Starting State
Five lives, random traffic, the hedgehog at a random column of the near side.

## Episode End
Terminated when no life is left: being hit and running out of time cost one each. Truncated after
``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, blit, copy, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random, uniform

ACTION_NAMES = ("stay", "up", "down", "left", "right")
STAY, HOP_UP, HOP_DOWN, HOP_LEFT, HOP_RIGHT = range(5)

LIVES = 5
LANE_HEIGHT = 7  # pixels
TOP = 7  # first row of the far side
PLACES = 11  # from the top: far side, four lanes, island, four lanes, near side
ISLAND, HOME = 5, 10
CARS = 3  # per lane
LENGTHS = np.array([8, 8, 10, 16], dtype=np.int64)  # pixels of two kinds of cars, a van, a lorry
HEDGEHOG = 5  # pixels a side
SIDE_HOP = 4  # pixels of a hop sideways
REST = 2  # steps from one hop to the next
TIME = 180  # steps per crossing
CROSSINGS_PER_LEVEL = 5
NEW_LANE, CROSSED, APPLE = 1, 5, 3  # points
RING = SIZE + 24  # pixels after which cars reappear on the other side

PALETTE = Palette(
    {
        "r": (45, (46, 48, 58)),  # street
        "d": (75, (112, 112, 122)),  # dashes
        "g": (95, (66, 128, 74)),  # grass
        "G": (105, (80, 148, 84)),  # tufts
        "p": (115, (150, 140, 128)),  # pavement
        "q": (120, (164, 154, 142)),  # its slabs
        "1": (150, (240, 98, 92)),  # cars
        "2": (165, (96, 168, 250)),
        "3": (180, (250, 196, 84)),
        "4": (140, (178, 126, 232)),
        "w": (70, (38, 52, 74)),  # windows
        "y": (235, (255, 244, 180)),  # lamps
        "h": (255, (255, 226, 184)),  # hedgehog's face
        "s": (215, (196, 132, 88)),  # its spines
        "n": (20, (30, 22, 24)),  # nose and eyes
        "a": (225, (255, 66, 84)),  # apple
        "l": (205, (240, 84, 106)),  # lives
        "b": (190, (112, 216, 150)),  # time
    }
)
CAR_SPRITES = PALETTE.sprites(
    (".111111.        ", "11ww11w1        ", "11ww11wy        ", "11ww11w1        ", ".111111.        "),
    (".222222.        ", "22ww22w2        ", "22ww22wy        ", "22ww22w2        ", ".222222.        "),
    (".33333333.      ", "333333ww33      ", "333333ww3y      ", "333333ww33      ", ".33333333.      "),
    ("44444444444.4444", "44444444444.4ww4", "4444444444444wwy", "44444444444.4ww4", "44444444444.4444"),
)
HEDGEHOG_SPRITES = PALETTE.sprites(
    (".nhn.", "shhhs", "sssss", "sssss", ".sss."),
    (".sss.", "sssss", "sssss", "shhhs", ".nhn."),
)
APPLE_SPRITE = PALETTE.sprite("..g..", ".aaa.", "aaaaa", "aaaaa", ".aaa.")
_STREET, _DASH, _GRASS, _TUFT, _PAVEMENT, _SLAB, _LIFE, _TIME, _CROSSING = (PALETTE[letter] for letter in "rdgGpqlbs")

STATE = state_type(
    ("x", "i8"),  # left side of the hedgehog
    ("place", "i8"),  # of the hedgehog: 0 is the far side, HOME the near side
    ("nearest", "i8"),  # smallest place of this crossing
    ("down", "i8"),  # 1 if it faces down
    ("rest", "i8"),  # steps until the next hop
    ("time", "i8"),  # steps left for this crossing
    ("crossings", "i8"),  # of this level
    ("apple", "i8"),  # its place, or -1
    ("apple_x", "i8"),
    ("speeds", "f8", (PLACES,)),  # of each lane, pixels per step, to the right
    ("cars", "f8", (PLACES, CARS)),  # left ends, modulo RING
    ("kinds", "i1", (PLACES, CARS)),
    ("counts", "i1", (PLACES,)),  # number of cars
)


@kernel
def is_lane(place: int) -> bool:
    """Whether a place is a lane of traffic."""
    return 0 < place < HOME and place != ISLAND


@kernel
def _fill_lanes(game: Record) -> None:
    """Draw the traffic: to the right above the island, to the left below it, fastest in the middle lanes."""
    for place in range(PLACES):
        game.counts[place] = 0
        if not is_lane(place):
            continue
        within = place if place < ISLAND else place - ISLAND
        pace = 0.8 + 0.22 * min(within, 5 - within) + 0.12 * min(game.level - 1, 8)
        speed = pace * uniform(game, 0.75, 1.35)
        game.speeds[place] = speed if place < ISLAND else -speed
        count = 2 + (1 if random(game) < 0.35 + 0.06 * game.level else 0)
        game.counts[place] = count
        start, room = uniform(game, 0.0, RING), RING / count
        for k in range(count):
            kind = integers(game, 3)
            if random(game) < 0.08 + 0.05 * game.level:
                kind = 3
            game.kinds[place, k] = kind
            game.cars[place, k] = (start + k * room + uniform(game, 0.0, room - LENGTHS[kind] - 9.0)) % RING


@kernel
def _begin_crossing(game: Record) -> None:
    game.x, game.place = 4 * integers(game, 20), HOME
    game.nearest = HOME
    game.down = 0
    game.rest = 0
    game.time = TIME
    if game.apple < 0:
        game.apple = 1 + integers(game, HOME - 1)
        if random(game) < 0.4:
            game.apple = ISLAND
        game.apple_x = 4 * integers(game, 20)


@kernel
def car_x(game: Record, place: int, k: int, ahead: float) -> float:
    """Left end of a car in ``ahead`` steps."""
    return float((game.cars[place, k] + ahead * game.speeds[place]) % RING - 20.0)


@kernel
def hit_at(game: Record, place: int, x: float, ahead: float, margin: float) -> bool:
    """Whether a car hits a hedgehog at (x, place) in ``ahead`` steps."""
    if not is_lane(place):
        return False
    for k in range(game.counts[place]):
        left = car_x(game, place, k, ahead)
        if x + HEDGEHOG + margin > left and left + LENGTHS[game.kinds[place, k]] + margin > x:
            return True
    return False


@kernel
def _hop(game: Record, action: int) -> None:
    if game.rest > 0:
        game.rest -= 1
        return
    if action == STAY:
        return
    game.rest = REST - 1
    if action == HOP_UP:
        game.place -= 1
        game.down = 0
    elif action == HOP_DOWN:
        game.place = min(HOME, game.place + 1)
        game.down = 1
    elif action == HOP_LEFT:
        game.x = max(0, game.x - SIDE_HOP)
    else:
        game.x = min(SIZE - HEDGEHOG, game.x + SIDE_HOP)


@kernel
def reset(game: Record) -> None:
    """Start an episode."""
    game.apple = -1
    _fill_lanes(game)
    _begin_crossing(game)


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    for place in range(PLACES):
        for k in range(game.counts[place]):
            game.cars[place, k] = (game.cars[place, k] + game.speeds[place]) % RING
    _hop(game, action)
    game.time -= 1
    reward = 0.0
    if game.apple == game.place and abs(game.apple_x - game.x) < HEDGEHOG:
        game.apple = -1
        reward += APPLE
    if game.place == 0:
        reward += NEW_LANE + CROSSED
        game.crossings += 1
        if game.crossings == CROSSINGS_PER_LEVEL:
            game.crossings = 0
            game.level += 1
            _fill_lanes(game)
        _begin_crossing(game)
    elif game.time == 0 or hit_at(game, game.place, game.x, 0.0, -1.0):
        lose_life(game)
        if game.over == 0:
            _begin_crossing(game)
    elif game.place < game.nearest:
        game.nearest = game.place
        reward += NEW_LANE
    return reward


@kernel
def row_of(place: int) -> int:
    """First row of pixels of a place."""
    return TOP + LANE_HEIGHT * place


def _ground() -> Canvas:
    """The canvas without anything that moves."""
    canvas = np.zeros((SIZE, SIZE), dtype=np.uint8)
    canvas[TOP : TOP + LANE_HEIGHT * PLACES] = _STREET
    for place, grey in ((0, _GRASS), (ISLAND, _PAVEMENT), (HOME, _GRASS)):
        canvas[TOP + LANE_HEIGHT * place :][:LANE_HEIGHT] = grey
    island, home = TOP + LANE_HEIGHT * ISLAND, TOP + LANE_HEIGHT * HOME
    canvas[island : island + LANE_HEIGHT, 6::LANE_HEIGHT] = _SLAB
    for k in range(12):
        canvas[TOP + 2 + (3 * k) % 4, min(SIZE - 1, 4 + 7 * k)] = _TUFT
        canvas[home + 1 + (3 * k) % 5, 2 + 7 * k] = _TUFT
    for place in range(2, HOME):
        if place not in (ISLAND, ISLAND + 1):
            for k in range(3):
                canvas[TOP + LANE_HEIGHT * place, 2 + k :: 8] = _DASH
    return canvas


GROUND = _ground()


@kernel
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    copy(canvas, GROUND)
    fill_row(canvas, SIZE - 4, 0, -4, 3, 3, game.lives, _LIFE)
    fill_row(canvas, 44, 0, 4, 3, 3, game.crossings, _CROSSING)
    fill_row(canvas, 1, 0, 4, 3, 3, min(game.level, 10), _TIME)
    fill(canvas, 0, 4, (game.time * SIZE) // TIME, 2, _TIME)
    if game.apple >= 0:
        blit(canvas, APPLE_SPRITE, game.apple_x, row_of(game.apple) + 1)
    for place in range(PLACES):
        for k in range(game.counts[place]):
            kind = game.kinds[place, k]
            left = int(np.floor(car_x(game, place, k, 0.0) + 0.5))
            sprite = CAR_SPRITES[kind, :, : LENGTHS[kind]]
            blit(canvas, sprite, left, row_of(place) + 1, game.speeds[place] < 0.0)
    if game.over == 0:
        blit(canvas, HEDGEHOG_SPRITES[game.down], game.x, row_of(game.place) + 1)


@kernel
def _safe(game: Record, place: int, x: float, begin: int, end: int) -> bool:
    """Whether no car hits a hedgehog at (x, place) from ``begin`` up to ``end`` steps ahead."""
    for ahead in range(begin, end):  # noqa: SIM110  (numba compiles no generators)
        if hit_at(game, place, x, float(ahead), 0.5):
            return False
    return True


@kernel
def expert(game: Record) -> int:
    """Scripted player: fetch an apple that is near, hop into gaps, and evade cars."""
    place, x = game.place, game.x
    if game.rest > 0:
        return STAY
    aside = game.apple_x - x if game.apple == place or (game.apple == place - 1 and place == HOME) else 0
    if abs(aside) >= HEDGEHOG - 1 and game.time > 60:
        move = HOP_RIGHT if aside > 0 else HOP_LEFT
        if _safe(game, place, x + (SIDE_HOP if aside > 0 else -SIDE_HOP), 1, 6):
            return move
    if _safe(game, place - 1, x, 1, 5):
        return HOP_UP
    if _safe(game, place, x, 1, 4):
        return STAY
    if x >= SIDE_HOP and _safe(game, place, x - SIDE_HOP, 1, 4):
        return HOP_LEFT
    if x <= SIZE - HEDGEHOG - SIDE_HOP and _safe(game, place, x + SIDE_HOP, 1, 4):
        return HOP_RIGHT
    return HOP_DOWN if _safe(game, place + 1, x, 1, 4) else HOP_UP


GAME = Game("Crossing", STATE, ACTION_NAMES, LIVES, PALETTE, ((20, 22, 32), (20, 22, 32)), reset, step, draw, expert)

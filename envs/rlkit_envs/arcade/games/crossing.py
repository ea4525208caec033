"""Crossing: a hedgehog wants to get across eight lanes of traffic, and likes apples.

Each lane reached for the first time in a crossing is worth a point, the other side five more, and an apple that lies on
the way three: it has to be fetched, from the island in the middle or from a lane. Five crossings raise the level:
traffic gets faster and lorries more frequent. Being hit costs one of five lives, and so does dawdling: the bar at the
top runs down while a crossing takes its time. One hop is one lane up or down, or half a lane sideways.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill, lay, stamp
from rlkit_envs.arcade.game import Game, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import between, heard_action, pick, share

ACTION_NAMES = ("stay", "up", "down", "left", "right")
STAY, HOP_UP, HOP_DOWN, HOP_LEFT, HOP_RIGHT = range(5)

LIVES = 5
LANE_HEIGHT = 7  # pixels, of streets and pavements alike
TOP = 7  # first row of the far side
PLACES = 11  # rows of places: the far side, four lanes, the island, four lanes, the near side
ISLAND, HOME = 5, 10
CARS = 3  # per lane
CAR_HEIGHT = 5
LENGTHS = np.array([8, 8, 10, 16], dtype=np.int64)  # of the kinds of cars, in pixels: two of them, a van, a lorry
WALKER = 5  # pixels a side
SIDESTEP = 4  # pixels of a hop sideways
REST = 2  # decisions from one hop to the next
TIME = 180  # decisions that a crossing may take
CROSSINGS_PER_LEVEL = 5
NEARER, CROSSED, APPLE = 1, 5, 3  # points
FRAME = SIZE + 24  # pixels of the ring on which cars come round again

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
CAR_PICTURES = PALETTE.sprites(
    (".111111.        ", "11ww11w1        ", "11ww11wy        ", "11ww11w1        ", ".111111.        "),
    (".222222.        ", "22ww22w2        ", "22ww22wy        ", "22ww22w2        ", ".222222.        "),
    (".33333333.      ", "333333ww33      ", "333333ww3y      ", "333333ww33      ", ".33333333.      "),
    ("44444444444.4444", "44444444444.4ww4", "4444444444444wwy", "44444444444.4ww4", "44444444444.4444"),
)
WALKER_PICTURES = PALETTE.sprites(
    (".nhn.", "shhhs", "sssss", "sssss", ".sss."),
    (".sss.", "sssss", "sssss", "shhhs", ".nhn."),
)
APPLE_PICTURE = PALETTE.sprite("..g..", ".aaa.", "aaaaa", "aaaaa", ".aaa.")
_STREET, _DASH, _GRASS, _TUFT, _PAVEMENT, _SLAB, _LIFE, _TIME, _OWN = (PALETTE[letter] for letter in "rdgGpqlbs")

STATE = state_type(
    ("x", "i8"),  # of the hedgehog's left side
    ("place", "i8"),  # row of places in which it is: 0 is the far side
    ("nearest", "i8"),  # to the far side that it has been in this crossing
    ("down", "i8"),  # 1 while it looks down
    ("rest", "i8"),  # decisions until it may hop again
    ("time", "i8"),  # decisions left for this crossing
    ("crossings", "i8"),  # of this level
    ("apple", "i8"),  # row of places where one lies, or -1
    ("apple_x", "i8"),
    ("speeds", "f8", (PLACES,)),  # of each lane, pixels per decision, to the right
    ("cars", "f8", (PLACES, CARS)),  # left ends on the ring
    ("kinds", "i1", (PLACES, CARS)),
    ("counts", "i1", (PLACES,)),  # cars of each lane
)


@kernel
def is_lane(place: int) -> bool:
    """Whether cars drive there."""
    return 0 < place < HOME and place != ISLAND


@kernel
def _fill_lanes(game: Record) -> None:
    """Let traffic drive: its directions alternate, and lanes in the middle are the fastest."""
    for place in range(PLACES):
        game.counts[place] = 0
        if not is_lane(place):
            continue
        within = place if place < ISLAND else place - ISLAND
        pace = 0.8 + 0.22 * min(within, 5 - within) + 0.12 * min(game.level - 1, 8)
        speed = pace * between(game, 0.75, 1.35)
        game.speeds[place] = speed if place < ISLAND else -speed
        count = 2 + (1 if share(game) < 0.35 + 0.06 * game.level else 0)
        game.counts[place] = count
        start, room = between(game, 0.0, FRAME), FRAME / count
        for k in range(count):
            kind = pick(game, 3)
            if share(game) < 0.08 + 0.05 * game.level:
                kind = 3
            game.kinds[place, k] = kind
            game.cars[place, k] = (start + k * room + between(game, 0.0, room - LENGTHS[kind] - 9.0)) % FRAME


@kernel
def _begin_crossing(game: Record) -> None:
    game.x, game.place = 4 * pick(game, 20), HOME
    game.nearest = HOME
    game.down = 0
    game.rest = 0
    game.time = TIME
    if game.apple < 0:
        game.apple = 1 + pick(game, HOME - 1)
        if share(game) < 0.4:
            game.apple = ISLAND
        game.apple_x = 4 * pick(game, 20)


@kernel
def car_x(game: Record, place: int, k: int, ahead: float) -> float:
    """Left end of a car, some decisions ahead."""
    return float((game.cars[place, k] + ahead * game.speeds[place]) % FRAME - 20.0)


@kernel
def hit_at(game: Record, place: int, x: float, ahead: float, margin: float) -> bool:
    """Whether a hedgehog at (x, place) is under a car some decisions ahead."""
    if not is_lane(place):
        return False
    for k in range(game.counts[place]):
        left = car_x(game, place, k, ahead)
        if x + WALKER + margin > left and left + LENGTHS[game.kinds[place, k]] + margin > x:
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
        game.x = max(0, game.x - SIDESTEP)
    else:
        game.x = min(SIZE - WALKER, game.x + SIDESTEP)


@kernel
def advance(game: Record, action: int) -> float:
    """Carry out one decision, and return its reward."""
    for place in range(PLACES):
        for k in range(game.counts[place]):
            game.cars[place, k] = (game.cars[place, k] + game.speeds[place]) % FRAME
    _hop(game, action)
    game.time -= 1
    reward = 0.0
    if game.apple == game.place and abs(game.apple_x - game.x) < WALKER:
        game.apple = -1
        reward += APPLE
    if game.place == 0:
        reward += NEARER + CROSSED
        game.crossings += 1
        if game.crossings == CROSSINGS_PER_LEVEL:
            game.crossings = 0
            game.level += 1
            _fill_lanes(game)
        _begin_crossing(game)
    elif game.time == 0 or hit_at(game, game.place, game.x, 0.0, -1.0):
        game.lives -= 1
        game.over = 1 if game.lives == 0 else 0
        if game.over == 0:
            _begin_crossing(game)
    elif game.place < game.nearest:
        game.nearest = game.place
        reward += NEARER
    game.score += int(reward)
    return reward


@kernel
def row_of(place: int) -> int:
    """First row of pixels of a place."""
    return TOP + LANE_HEIGHT * place


def _ground() -> Canvas:
    """Streets, pavements and grass, which are the same in each picture."""
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
def paint(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    lay(canvas, GROUND)
    for k in range(game.lives):
        fill(canvas, SIZE - 4 - 4 * k, 0, 3, 3, _LIFE)
    for k in range(game.crossings):
        fill(canvas, 44 + 4 * k, 0, 3, 3, _OWN)
    for k in range(min(game.level, 10)):
        fill(canvas, 1 + 4 * k, 0, 3, 3, _TIME)
    fill(canvas, 0, 4, (game.time * SIZE) // TIME, 2, _TIME)
    if game.apple >= 0:
        stamp(canvas, APPLE_PICTURE, game.apple_x, row_of(game.apple) + 1)
    for place in range(PLACES):
        for k in range(game.counts[place]):
            kind = game.kinds[place, k]
            left = int(np.floor(car_x(game, place, k, 0.0) + 0.5))
            picture = CAR_PICTURES[kind, :, : LENGTHS[kind]]
            stamp(canvas, picture, left, row_of(place) + 1, game.speeds[place] < 0.0)
    if game.over == 0:
        stamp(canvas, WALKER_PICTURES[game.down], game.x, row_of(game.place) + 1)


@kernel
def _safe(game: Record, place: int, x: float, begin: int, end: int) -> bool:
    for ahead in range(begin, end):  # noqa: SIM110  (numba knows neither all() nor generators)
        if hit_at(game, place, x, float(ahead), 0.5):
            return False
    return True


@kernel
def good_action(game: Record) -> int:
    """What a good player does: fetch an apple that lies near, hop into gaps, and step aside where a car comes."""
    place, x = game.place, game.x
    if game.rest > 0:
        return STAY
    aside = game.apple_x - x if game.apple == place or (game.apple == place - 1 and place == HOME) else 0
    if abs(aside) >= WALKER - 1 and game.time > 60:
        move = HOP_RIGHT if aside > 0 else HOP_LEFT
        if _safe(game, place, x + (SIDESTEP if aside > 0 else -SIDESTEP), 1, 6):
            return move
    if _safe(game, place - 1, x, 1, 5):
        return HOP_UP
    if _safe(game, place, x, 1, 4):
        return STAY
    if x >= SIDESTEP and _safe(game, place, x - SIDESTEP, 1, 4):
        return HOP_LEFT
    if x <= SIZE - WALKER - SIDESTEP and _safe(game, place, x + SIDESTEP, 1, 4):
        return HOP_RIGHT
    return HOP_DOWN if _safe(game, place + 1, x, 1, 4) else HOP_UP


@kernel
def begin(games: np.ndarray, mask: np.ndarray) -> None:
    """Start episodes in the records of a mask."""
    for i in range(len(games)):
        if mask[i]:
            game = games[i]
            game.level, game.lives = 1, LIVES
            game.apple = -1
            _fill_lanes(game)
            _begin_crossing(game)


@kernel
def step(low: int, high: int, games: np.ndarray, actions: np.ndarray, repeat: float, rewards: np.ndarray) -> None:
    """Carry out a decision in each game of a range."""
    for i in range(low, high):
        games[i].steps += 1
        rewards[i] = advance(games[i], heard_action(games[i], actions[i], repeat))


@kernel
def draw(low: int, high: int, games: np.ndarray, mask: np.ndarray, pictures: np.ndarray) -> None:
    """Draw those games of a range that are in a mask."""
    for i in range(low, high):
        if mask[i]:
            paint(games[i], pictures[i])


@kernel
def expert(games: np.ndarray, actions: np.ndarray) -> None:
    """Write what a good player would do in each game."""
    for i in range(len(games)):
        actions[i] = good_action(games[i])


GAME = Game("Crossing", STATE, ACTION_NAMES, PALETTE, ((20, 22, 32), (20, 22, 32)), begin, step, draw, expert)

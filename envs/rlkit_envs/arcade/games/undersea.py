"""Undersea: bring divers up before the air runs out, through sharks and hostile submarines.

Divers drift through the deep: touch one to take it aboard, six at most. Bring them to the surface for two points each;
six at once are worth six more. A shark that is shot is worth one point, a submarine two; divers are not hit. Air runs
down below the surface and fills at the surface, but only for a boat that brings somebody: one that comes up empty gets
its air slowly. Ten rescued divers raise the level: everything swims faster, and submarines shoot more. Running out of
air and running into what swims there cost one of three lives; those who were aboard are lost.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill, stamp
from rlkit_envs.arcade.game import Game, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import between, heard_action, pick, share

ACTION_NAMES = ("stay", "up", "down", "left", "right", "fire")
STAY, MOVE_UP, MOVE_DOWN, MOVE_LEFT, MOVE_RIGHT, FIRE = range(6)

LIVES = 3
SURFACE = 14  # row of the waves; the boat is at the surface when its top is SURFACE_Y
SURFACE_Y = 11
FLOOR = 76  # first row of the sea bed
BOAT_WIDTH, BOAT_HEIGHT = 9, 5
BOAT_SPEED = 2.0  # pixels per decision
LANES, LANE_TOP, LANE_PITCH = 4, 24, 13
SWIMMERS = 8  # at a time: sharks, submarines and divers
SHARK, SUBMARINE, DIVER = 1, 2, 3  # kinds; 0 is none
SWIMMER_WIDTH, SWIMMER_HEIGHT = 8, 5
SHOT_WIDTH, SHOT_SPEED = 3, 4.0
TORPEDOES, TORPEDO_WIDTH, TORPEDO_SPEED = 2, 3, 2.2
AIR = 420  # decisions below the surface
REFILL, SLOW_REFILL = 14, 3  # air per decision at the surface, and without anybody aboard
MOST_ABOARD = 6
RESCUED_POINTS, FULL_POINTS = 2, 6
DIVERS_PER_LEVEL = 10
SAFE = 24  # decisions without harm after a life is lost

PALETTE = Palette(
    {
        "k": (150, (126, 196, 240)),  # sky
        "v": (170, (214, 240, 255)),  # waves
        "f": (70, (196, 168, 110)),  # sea bed
        "F": (80, (214, 188, 130)),
        "t": (60, (38, 120, 96)),  # weed
        "p": (255, (255, 214, 72)),  # your boat
        "q": (215, (214, 150, 40)),  # its shade
        "w": (110, (150, 230, 255)),  # its window
        "s": (195, (142, 156, 178)),  # shark
        "e": (20, (20, 22, 30)),  # eyes
        "h": (205, (240, 100, 92)),  # submarine
        "H": (140, (160, 56, 66)),
        "d": (235, (255, 176, 120)),  # diver's face
        "D": (180, (80, 226, 180)),  # diver's suit
        "o": (245, (255, 255, 255)),  # shot
        "m": (225, (255, 96, 200)),  # torpedo
        "a": (200, (120, 220, 255)),  # air
        "x": (120, (220, 70, 80)),  # little air
        "l": (210, (240, 84, 104)),  # lives
        "b": (40, (30, 44, 70)),  # behind the bar
    }
)
BOAT = PALETTE.sprite("...pp....", "...ppp...", ".ppppppp.", "ppppwpwpp", ".qqqqqqq.")
SWIMMER_PICTURES = PALETTE.sprites(
    ("....s...", "s..ssss.", "ssssssse", "s.sssss.", "....s..."),
    ("...hh...", "h..hhh..", "hhhhhhhh", "hhhwhwhh", "h.HHHHH."),
    ("........", "D....dd.", ".DDDDdd.", "DDDDD...", "........"),
)
_SKY, _WAVE, _BED, _SAND, _WEED, _AIR, _LOW, _LIFE, _BEHIND, _SHOT, _TORPEDO, _FACE = (
    PALETTE[letter] for letter in "kvfFtaxlbomd"
)

STATE = state_type(
    ("x", "f8"),  # of the boat's left side
    ("y", "f8"),  # of its top
    ("looks", "i8"),  # 1 to the right, -1 to the left
    ("air", "i8"),  # decisions that it lasts
    ("aboard", "i8"),
    ("rescued", "i8"),  # of this level
    ("safe", "i8"),
    ("shot", "i8"),  # 0 if none flies, else 1 or -1 as it does
    ("shot_x", "f8"),
    ("shot_y", "f8"),
    ("kinds", "i1", (SWIMMERS,)),
    ("lanes", "i1", (SWIMMERS,)),
    ("swimmer_x", "f8", (SWIMMERS,)),
    ("speeds", "f8", (SWIMMERS,)),  # pixels per decision, to the right
    ("torpedoes", "f8", (TORPEDOES,)),  # speed of each; 0 if there is none
    ("torpedo_x", "f8", (TORPEDOES,)),
    ("torpedo_y", "f8", (TORPEDOES,)),
)


@kernel
def lane_y(lane: int) -> int:
    """First row of pixels of what swims in a lane."""
    return LANE_TOP + LANE_PITCH * lane


@kernel
def overlap(ax: float, ay: float, aw: float, ah: float, bx: float, by: float, bw: float, bh: float) -> bool:
    """Whether two rectangles share something."""
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah


@kernel
def _begin_dive(game: Record) -> None:
    game.x, game.y = 0.5 * (SIZE - BOAT_WIDTH), SURFACE_Y + 0.0
    game.air = AIR
    game.aboard = 0
    game.shot = 0
    game.torpedoes[:] = 0.0
    game.safe = SAFE


@kernel
def _let_swim(game: Record) -> None:
    """Let somebody come in from a side; from the second level on also behind a shark or submarine, as fast as that."""
    if share(game) >= 0.07 + 0.012 * min(game.level, 8):
        return
    free = -1
    for k in range(SWIMMERS):
        if game.kinds[k] == 0:
            free = k
    lane = pick(game, LANES)
    divers, leader = 0, -1
    for k in range(SWIMMERS):
        if game.kinds[k] == DIVER:
            divers += 1
        if game.kinds[k] != 0 and game.lanes[k] == lane:
            gone = game.swimmer_x[k] + SWIMMER_WIDTH if game.speeds[k] > 0.0 else SIZE - game.swimmer_x[k]
            if game.level < 2 or game.kinds[k] == DIVER or gone < 24.0:
                return
            leader = k
    if free < 0:
        return
    chance = share(game)
    kind = SHARK if chance < 0.5 else SUBMARINE if chance < 0.5 + min(0.25, 0.08 * game.level) else DIVER
    if divers == 0 and chance > 0.4:
        kind = DIVER
    speed = between(game, 0.7, 1.3) * (1.0 + 0.1 * min(game.level - 1, 8))
    if kind == DIVER:
        speed = between(game, 0.4, 0.7)
    to_right = pick(game, 2) == 0
    if leader >= 0:
        speed, to_right = abs(game.speeds[leader]), game.speeds[leader] > 0.0
        kind = SHARK if kind == DIVER else kind
    game.kinds[free] = kind
    game.lanes[free] = lane
    game.speeds[free] = speed if to_right else -speed
    game.swimmer_x[free] = -SWIMMER_WIDTH + 0.0 if to_right else SIZE + 0.0


@kernel
def _fire_torpedo(game: Record, k: int) -> None:
    """A submarine that looks at the boat shoots at times."""
    towards = (game.x - game.swimmer_x[k]) * game.speeds[k] > 0.0
    if towards and share(game) < 0.008 + 0.004 * min(game.level, 6):
        for j in range(TORPEDOES):
            if game.torpedoes[j] == 0.0:
                game.torpedoes[j] = TORPEDO_SPEED if game.speeds[k] > 0.0 else -TORPEDO_SPEED
                game.torpedo_x[j] = game.swimmer_x[k] + (SWIMMER_WIDTH if game.speeds[k] > 0.0 else -TORPEDO_WIDTH)
                game.torpedo_y[j] = lane_y(game.lanes[k]) + 2.0
                return


@kernel
def _meet_swimmers(game: Record) -> bool:
    """Move what swims, take divers aboard, and say whether the boat was hit."""
    hit = False
    for k in range(SWIMMERS):
        if game.kinds[k] == 0:
            continue
        game.swimmer_x[k] += game.speeds[k]
        x, y = game.swimmer_x[k], lane_y(game.lanes[k]) + 0.0
        if x < -SWIMMER_WIDTH or x > SIZE:
            game.kinds[k] = 0
            continue
        if game.kinds[k] == SUBMARINE:
            _fire_torpedo(game, k)
        if overlap(game.x + 1.0, game.y, BOAT_WIDTH - 2.0, BOAT_HEIGHT, x, y, SWIMMER_WIDTH, SWIMMER_HEIGHT):
            if game.kinds[k] == DIVER:
                if game.aboard < MOST_ABOARD:
                    game.aboard += 1
                    game.kinds[k] = 0
            elif game.safe == 0:
                game.kinds[k] = 0
                hit = True
    for j in range(TORPEDOES):
        if game.torpedoes[j] != 0.0:
            game.torpedo_x[j] += game.torpedoes[j]
            x, y = game.torpedo_x[j], game.torpedo_y[j]
            if x < -TORPEDO_WIDTH or x > SIZE:
                game.torpedoes[j] = 0.0
            elif overlap(game.x, game.y, BOAT_WIDTH, BOAT_HEIGHT, x, y, TORPEDO_WIDTH, 1.0):
                game.torpedoes[j] = 0.0
                hit = hit or game.safe == 0
    return hit


@kernel
def _move_shot(game: Record) -> float:
    """Let the shot fly, and return the points of what it hits."""
    for _ in range(2):
        game.shot_x += 0.5 * SHOT_SPEED * game.shot
        if game.shot_x < -SHOT_WIDTH or game.shot_x > SIZE:
            game.shot = 0
            return 0.0
        for k in range(SWIMMERS):
            if game.kinds[k] in (SHARK, SUBMARINE):
                x, y = game.swimmer_x[k], lane_y(game.lanes[k]) + 0.0
                if overlap(game.shot_x, game.shot_y, SHOT_WIDTH, 1.0, x, y, SWIMMER_WIDTH, SWIMMER_HEIGHT):
                    points = 1.0 if game.kinds[k] == SHARK else 2.0
                    game.kinds[k] = 0
                    game.shot = 0
                    return points
    return 0.0


@kernel
def _breathe(game: Record) -> float:
    """Use air or take it in, and return the points of those who are brought up."""
    if game.y > SURFACE_Y:
        game.air -= 1
        return 0.0
    reward = 0.0
    if game.aboard > 0:
        reward = RESCUED_POINTS * game.aboard + (FULL_POINTS if game.aboard == MOST_ABOARD else 0.0)
        game.rescued += game.aboard
        game.aboard = 0
        game.air = max(game.air, AIR - 4 * REFILL)
        if game.rescued >= DIVERS_PER_LEVEL:
            game.rescued -= DIVERS_PER_LEVEL
            game.level += 1
    game.air = min(AIR, game.air + (REFILL if game.air >= AIR - 4 * REFILL else SLOW_REFILL))
    return reward


@kernel
def advance(game: Record, action: int) -> float:
    """Carry out one decision, and return its reward."""
    if action == MOVE_UP:
        game.y = max(SURFACE_Y + 0.0, game.y - BOAT_SPEED)
    elif action == MOVE_DOWN:
        game.y = min(FLOOR - BOAT_HEIGHT + 0.0, game.y + BOAT_SPEED)
    elif action == MOVE_LEFT:
        game.x, game.looks = max(0.0, game.x - BOAT_SPEED), -1
    elif action == MOVE_RIGHT:
        game.x, game.looks = min(SIZE - BOAT_WIDTH + 0.0, game.x + BOAT_SPEED), 1
    elif action == FIRE and game.shot == 0 and game.y > SURFACE_Y:
        game.shot = game.looks
        game.shot_x = game.x + (BOAT_WIDTH if game.looks > 0 else -SHOT_WIDTH)
        game.shot_y = game.y + 3.0
    if game.safe > 0:
        game.safe -= 1
    reward = _move_shot(game) if game.shot != 0 else 0.0
    _let_swim(game)
    hit = _meet_swimmers(game)
    reward += _breathe(game)
    if hit or game.air <= 0:
        game.lives -= 1
        game.over = 1 if game.lives == 0 else 0
        if game.over == 0:
            _begin_dive(game)
    game.score += int(reward)
    return float(reward)


@kernel
def _paint_sea(game: Record, canvas: Canvas) -> None:
    fill(canvas, 0, 0, SIZE, 4, 0)
    fill(canvas, 0, 4, SIZE, SURFACE - 4, _SKY)
    fill(canvas, 0, SURFACE, SIZE, FLOOR - SURFACE, 0)
    drift = (game.steps // 3) % 12
    for k in range(8):
        fill(canvas, 12 * k - drift, SURFACE, 6, 1, _WAVE)
        fill(canvas, 12 * k - drift + 6, SURFACE + 1, 6, 1, _WAVE)
    fill(canvas, 0, FLOOR, SIZE, 4, _BED)
    for k in range(9):
        fill(canvas, 10 * k + 3, FLOOR + k % 3, 3, 1, _SAND)
        sway = ((game.steps // 5) + k) % 2
        if k % 2 == 0:
            fill(canvas, 10 * k + 6, FLOOR - 3, 1, 3, _WEED)
            fill(canvas, 10 * k + 6 + sway, FLOOR - 5, 1, 2, _WEED)


@kernel
def paint(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    _paint_sea(game, canvas)
    for k in range(game.lives):
        fill(canvas, SIZE - 5 - 5 * k, 0, 4, 3, _LIFE)
    for k in range(min(game.level, 12)):
        fill(canvas, 1 + 4 * k, 0, 3, 3, _AIR)
    fill(canvas, 0, FLOOR + 4, SIZE, SIZE - FLOOR - 4, _BEHIND)
    air = (game.air * (SIZE - 30)) // AIR
    fill(canvas, 1, FLOOR + 5, air, 2, _AIR if 4 * game.air > AIR else _LOW)
    for k in range(game.aboard):
        fill(canvas, SIZE - 27 + 4 * k, FLOOR + 5, 3, 2, _FACE)
    for k in range(SWIMMERS):
        if game.kinds[k] != 0:
            picture = SWIMMER_PICTURES[game.kinds[k] - 1]
            x = int(np.floor(game.swimmer_x[k] + 0.5))
            stamp(canvas, picture, x, lane_y(game.lanes[k]), game.speeds[k] < 0.0)
    for j in range(TORPEDOES):
        if game.torpedoes[j] != 0.0:
            x = int(np.floor(game.torpedo_x[j] + 0.5))
            fill(canvas, x, int(game.torpedo_y[j]), TORPEDO_WIDTH, 1, _TORPEDO)
    if game.shot != 0:
        fill(canvas, int(np.floor(game.shot_x + 0.5)), int(game.shot_y), SHOT_WIDTH, 1, _SHOT)
    if game.over == 0 and game.safe % 4 < 2:
        stamp(canvas, BOAT, int(game.x), int(game.y), game.looks < 0)


@kernel
def _threat(game: Record, x: float, y: float, ahead: float) -> bool:
    """Whether a boat at (x, y) is in the way of something within some decisions."""
    for k in range(SWIMMERS):
        if game.kinds[k] in (SHARK, SUBMARINE):
            top = lane_y(game.lanes[k]) + 0.0
            left, speed = game.swimmer_x[k], game.speeds[k]
            start, width = min(left, left + ahead * speed), SWIMMER_WIDTH + abs(ahead * speed)
            if overlap(x - 1.0, y - 1.0, BOAT_WIDTH + 2.0, BOAT_HEIGHT + 2.0, start, top, width, SWIMMER_HEIGHT):
                return True
    for j in range(TORPEDOES):
        if game.torpedoes[j] != 0.0:
            left, speed = game.torpedo_x[j], game.torpedoes[j]
            start, width = min(left, left + ahead * speed), TORPEDO_WIDTH + abs(ahead * speed)
            if overlap(x, y - 1.0, BOAT_WIDTH, BOAT_HEIGHT + 2.0, start, game.torpedo_y[j], width, 1.0):
                return True
    return False


@kernel
def _target(game: Record) -> int:
    """The diver that is nearest, or -1."""
    best, found = 1e9, -1
    for k in range(SWIMMERS):
        if game.kinds[k] == DIVER and 0.0 <= game.swimmer_x[k] <= SIZE - SWIMMER_WIDTH:
            away = abs(game.swimmer_x[k] - game.x) + abs(lane_y(game.lanes[k]) - game.y)
            if away < best:
                best, found = away, k
    return found


@kernel
def _shootable(game: Record) -> bool:
    """Whether a shot in the direction in which the boat looks would hit something."""
    for k in range(SWIMMERS):
        if game.kinds[k] in (SHARK, SUBMARINE):
            top = lane_y(game.lanes[k])
            ahead = (game.swimmer_x[k] - game.x) * game.looks
            if top <= game.y + 3.0 < top + SWIMMER_HEIGHT and 0.0 < ahead < 50.0:
                return True
    return False


@kernel
def _step_x(action: int) -> float:
    return BOAT_SPEED if action == MOVE_RIGHT else -BOAT_SPEED if action == MOVE_LEFT else 0.0


@kernel
def _step_y(action: int) -> float:
    return BOAT_SPEED if action == MOVE_DOWN else -BOAT_SPEED if action == MOVE_UP else 0.0


@kernel
def _wish(game: Record) -> int:
    needed = 2.0 * (game.y - SURFACE_Y) / BOAT_SPEED + 40.0
    full = game.aboard == MOST_ABOARD
    if game.y <= SURFACE_Y and game.air < AIR:
        return STAY
    if full or (game.air < needed and game.y > SURFACE_Y):
        return MOVE_UP
    if game.shot == 0 and _shootable(game):
        return FIRE
    k = _target(game)
    if k < 0:
        middle = lane_y(1) + 7.0 - game.y
        return STAY if abs(middle) <= BOAT_SPEED else MOVE_DOWN if middle > 0.0 else MOVE_UP
    down = lane_y(game.lanes[k]) - game.y
    aside = game.swimmer_x[k] - game.x
    if abs(down) > BOAT_SPEED:
        return MOVE_DOWN if down > 0.0 else MOVE_UP
    return MOVE_RIGHT if aside > 0.0 else MOVE_LEFT


@kernel
def good_action(game: Record) -> int:
    """What a good player does: fetch divers, shoot what is ahead, come up in time, and keep out of harm's way."""
    wish = _wish(game)
    if not _threat(game, game.x + _step_x(wish), game.y + _step_y(wish), 5.0):
        return int(wish)
    if game.shot == 0 and _shootable(game):
        return FIRE
    for action in (STAY, MOVE_UP, MOVE_DOWN, MOVE_LEFT, MOVE_RIGHT):
        x = max(0.0, min(SIZE - BOAT_WIDTH + 0.0, game.x + 2.0 * _step_x(action)))
        y = max(SURFACE_Y + 0.0, min(FLOOR - BOAT_HEIGHT + 0.0, game.y + 2.0 * _step_y(action)))
        if not _threat(game, x, y, 5.0):
            return action
    return MOVE_UP


@kernel
def begin(games: np.ndarray, mask: np.ndarray) -> None:
    """Start episodes in the records of a mask."""
    for i in range(len(games)):
        if mask[i]:
            game = games[i]
            game.level, game.lives = 1, LIVES
            game.looks = 1 if pick(game, 2) == 0 else -1
            _begin_dive(game)


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


GAME = Game("Undersea", STATE, ACTION_NAMES, PALETTE, ((24, 84, 142), (8, 26, 66)), begin, step, draw, expert)

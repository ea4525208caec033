"""Undersea: bring divers to the surface before the air runs out.

## Description
The boat takes up to six divers aboard by touching them, and has to avoid or shoot sharks and submarines, which fire
torpedoes. Air lasts 420 steps below the surface; at the surface it is refilled, slowly for a boat without divers.
Every ten rescued divers raise the level: everything is faster, and submarines come and fire more often.

## Action Space
``Discrete(6)``: 0 stay, 1 up, 2 down, 3 left, 4 right, 5 fire. Only one shot can be in flight, and none is fired at the
surface.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. Level and lives are at the top, air and divers aboard at the bottom.

## Rewards
+2 for each diver brought to the surface, +6 more for six at once; +1 for a shark that is shot, +2 for a submarine.

## Starting State
Three lives, an empty sea, the boat at the surface with full air, facing a random side.

## Episode End
Terminated when no life is left: a collision, a torpedo and running out of air cost one each, and the divers aboard.
Truncated after ``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, blit, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random, uniform

ACTION_NAMES = ("stay", "up", "down", "left", "right", "fire")
STAY, MOVE_UP, MOVE_DOWN, MOVE_LEFT, MOVE_RIGHT, FIRE = range(6)

LIVES = 3
SURFACE = 14  # row of the waves
SURFACE_Y = 11  # top of the boat at the surface
FLOOR = 76  # first row of the sea bed
BOAT_WIDTH, BOAT_HEIGHT = 9, 5
BOAT_SPEED = 2.0  # pixels per step
STEP_X, STEP_Y = BOAT_SPEED * np.array([[0, 0, 0, -1, 1, 0], [0, -1, 1, 0, 0, 0]])  # of each action
LANES, LANE_TOP, LANE_PITCH = 4, 24, 13
SWIMMERS = 8  # at a time
SHARK, SUBMARINE, DIVER = 1, 2, 3  # kinds; 0 is none
SWIMMER_WIDTH, SWIMMER_HEIGHT = 8, 5
SHOT_WIDTH, SHOT_SPEED = 3, 4.0
TORPEDOES, TORPEDO_WIDTH, TORPEDO_SPEED = 2, 3, 2.2
AIR = 420  # steps below the surface
REFILL, SLOW_REFILL = 14, 3  # air per step at the surface, with and without divers
MOST_ABOARD = 6
RESCUED_POINTS, FULL_POINTS = 2, 6
DIVERS_PER_LEVEL = 10
SAFE = 24  # steps of invulnerability after the loss of a life

PALETTE = Palette(
    {
        "k": (150, (126, 196, 240)),  # sky
        "v": (170, (214, 240, 255)),  # waves
        "f": (70, (196, 168, 110)),  # sea bed
        "F": (80, (214, 188, 130)),
        "t": (60, (38, 120, 96)),  # seaweed
        "p": (255, (255, 214, 72)),  # boat
        "q": (215, (214, 150, 40)),  # its lower side
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
        "b": (40, (30, 44, 70)),  # background of the bar
    }
)
BOAT = PALETTE.sprite("...pp....", "...ppp...", ".ppppppp.", "ppppwpwpp", ".qqqqqqq.")
SWIMMER_SPRITES = PALETTE.sprites(
    ("....s...", "s..ssss.", "ssssssse", "s.sssss.", "....s..."),
    ("...hh...", "h..hhh..", "hhhhhhhh", "hhhwhwhh", "h.HHHHH."),
    ("........", "D....dd.", ".DDDDdd.", "DDDDD...", "........"),
)
_SKY, _WAVE, _BED, _SAND, _WEED, _AIR, _LOW, _LIFE, _BAR, _SHOT, _TORPEDO, _FACE = map(
    PALETTE.__getitem__, "kvfFtaxlbomd"
)

STATE = state_type(
    ("x", "f8"),  # left side of the boat
    ("y", "f8"),  # top of the boat
    ("looks", "i8"),  # direction of the boat: 1 to the right, -1 to the left
    ("air", "i8"),  # steps
    ("aboard", "i8"),
    ("rescued", "i8"),  # of this level
    ("safe", "i8"),  # steps of invulnerability
    ("shot", "i8"),  # its direction, 1 or -1; 0 if there is none
    ("shot_x", "f8"),
    ("shot_y", "f8"),
    ("kinds", "i1", (SWIMMERS,)),
    ("lanes", "i1", (SWIMMERS,)),
    ("swimmer_x", "f8", (SWIMMERS,)),
    ("speeds", "f8", (SWIMMERS,)),  # pixels per step, to the right
    ("torpedoes", "f8", (TORPEDOES,)),  # speeds; 0 if there is none
    ("torpedo_x", "f8", (TORPEDOES,)),
    ("torpedo_y", "f8", (TORPEDOES,)),
)


@kernel
def lane_y(lane: int) -> int:
    """First row of pixels of a lane."""
    return LANE_TOP + LANE_PITCH * lane


@kernel
def overlap(ax: float, ay: float, aw: float, ah: float, bx: float, by: float, bw: float, bh: float) -> bool:
    """Whether two rectangles overlap."""
    return ax < bx + bw and bx < ax + aw and ay < by + bh and by < ay + ah


@kernel
def _begin_dive(game: Record) -> None:
    game.x, game.y = 0.5 * (SIZE - BOAT_WIDTH), SURFACE_Y + 0.0
    game.air, game.safe = AIR, SAFE
    game.aboard = game.shot = 0
    game.torpedoes[:] = 0.0


@kernel
def _spawn(game: Record) -> None:
    """Let a swimmer enter, at times; from the second level on also behind another one, at its speed."""
    if random(game) >= 0.07 + 0.012 * min(game.level, 8):
        return
    free = -1
    for k in range(SWIMMERS):
        if game.kinds[k] == 0:
            free = k
    lane = integers(game, LANES)
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
    chance = random(game)
    kind = SHARK if chance < 0.5 else SUBMARINE if chance < 0.5 + min(0.25, 0.08 * game.level) else DIVER
    if divers == 0 and chance > 0.4:
        kind = DIVER
    speed = uniform(game, 0.7, 1.3) * (1.0 + 0.1 * min(game.level - 1, 8))
    if kind == DIVER:
        speed = uniform(game, 0.4, 0.7)
    to_right = integers(game, 2) == 0
    if leader >= 0:
        speed, to_right = abs(game.speeds[leader]), game.speeds[leader] > 0.0
        kind = SHARK if kind == DIVER else kind
    game.kinds[free], game.lanes[free] = kind, lane
    game.speeds[free] = speed if to_right else -speed
    game.swimmer_x[free] = -SWIMMER_WIDTH + 0.0 if to_right else SIZE + 0.0


@kernel
def _fire_torpedo(game: Record, k: int) -> None:
    """Let a submarine that faces the boat fire, at times."""
    towards = (game.x - game.swimmer_x[k]) * game.speeds[k] > 0.0
    if towards and random(game) < 0.008 + 0.004 * min(game.level, 6):
        for j in range(TORPEDOES):
            if game.torpedoes[j] == 0.0:
                game.torpedoes[j] = TORPEDO_SPEED if game.speeds[k] > 0.0 else -TORPEDO_SPEED
                game.torpedo_x[j] = game.swimmer_x[k] + (SWIMMER_WIDTH if game.speeds[k] > 0.0 else -TORPEDO_WIDTH)
                game.torpedo_y[j] = lane_y(game.lanes[k]) + 2.0
                return


@kernel
def _move_swimmers(game: Record) -> bool:
    """Move swimmers and torpedoes, take divers aboard, and return whether the boat was hit."""
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
    """Move the shot, and return the points of what it hits."""
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
                    game.kinds[k] = game.shot = 0
                    return points
    return 0.0


@kernel
def _breathe(game: Record) -> float:
    """Use or refill air, and return the points of the divers that are brought up."""
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
def reset(game: Record) -> None:
    """Start an episode."""
    game.looks = 1 if integers(game, 2) == 0 else -1
    _begin_dive(game)


@kernel
def _moved(game: Record, action: int, steps: float) -> tuple[float, float]:
    """Position of the boat after an action has been repeated for some steps."""
    x, y = game.x + steps * STEP_X[action], game.y + steps * STEP_Y[action]
    return max(0.0, min(SIZE - BOAT_WIDTH + 0.0, x)), max(SURFACE_Y + 0.0, min(FLOOR - BOAT_HEIGHT + 0.0, y))


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    game.x, game.y = _moved(game, action, 1.0)
    if action in (MOVE_LEFT, MOVE_RIGHT):
        game.looks = 1 if action == MOVE_RIGHT else -1
    elif action == FIRE and game.shot == 0 and game.y > SURFACE_Y:
        game.shot = game.looks
        game.shot_x = game.x + (BOAT_WIDTH if game.looks > 0 else -SHOT_WIDTH)
        game.shot_y = game.y + 3.0
    if game.safe > 0:
        game.safe -= 1
    reward = _move_shot(game) if game.shot != 0 else 0.0
    _spawn(game)
    hit = _move_swimmers(game)
    reward += _breathe(game)
    if hit or game.air <= 0:
        lose_life(game)
        if game.over == 0:
            _begin_dive(game)
    return float(reward)


@kernel
def _draw_sea(game: Record, canvas: Canvas) -> None:
    """Draw sky, waves, and the sea bed with seaweed."""
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
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    _draw_sea(game, canvas)
    fill_row(canvas, SIZE - 5, 0, -5, 4, 3, game.lives, _LIFE)
    fill_row(canvas, 1, 0, 4, 3, 3, min(game.level, 12), _AIR)
    fill(canvas, 0, FLOOR + 4, SIZE, SIZE - FLOOR - 4, _BAR)
    fill(canvas, 1, FLOOR + 5, (game.air * (SIZE - 30)) // AIR, 2, _AIR if 4 * game.air > AIR else _LOW)
    fill_row(canvas, SIZE - 27, FLOOR + 5, 4, 3, 2, game.aboard, _FACE)
    for k in range(SWIMMERS):
        if game.kinds[k] != 0:
            sprite = SWIMMER_SPRITES[game.kinds[k] - 1]
            x = int(np.floor(game.swimmer_x[k] + 0.5))
            blit(canvas, sprite, x, lane_y(game.lanes[k]), game.speeds[k] < 0.0)
    for j in range(TORPEDOES):
        if game.torpedoes[j] != 0.0:
            x = int(np.floor(game.torpedo_x[j] + 0.5))
            fill(canvas, x, int(game.torpedo_y[j]), TORPEDO_WIDTH, 1, _TORPEDO)
    if game.shot != 0:
        fill(canvas, int(np.floor(game.shot_x + 0.5)), int(game.shot_y), SHOT_WIDTH, 1, _SHOT)
    if game.over == 0 and game.safe % 4 < 2:
        blit(canvas, BOAT, int(game.x), int(game.y), game.looks < 0)


@kernel
def _threat(game: Record, x: float, y: float, ahead: float) -> bool:
    """Whether something hits a boat at (x, y) within ``ahead`` steps."""
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
def _nearest_diver(game: Record) -> int:
    """Index of the nearest diver, or -1."""
    best, found = 1e9, -1
    for k in range(SWIMMERS):
        if game.kinds[k] == DIVER and 0.0 <= game.swimmer_x[k] <= SIZE - SWIMMER_WIDTH:
            away = abs(game.swimmer_x[k] - game.x) + abs(lane_y(game.lanes[k]) - game.y)
            if away < best:
                best, found = away, k
    return found


@kernel
def _shootable(game: Record) -> bool:
    """Whether a shot would hit something."""
    for k in range(SWIMMERS):
        if game.kinds[k] in (SHARK, SUBMARINE):
            top = lane_y(game.lanes[k])
            ahead = (game.swimmer_x[k] - game.x) * game.looks
            if top <= game.y + 3.0 < top + SWIMMER_HEIGHT and 0.0 < ahead < 50.0:
                return True
    return False


@kernel
def _task_action(game: Record) -> int:
    """The scripted player's action where nothing threatens."""
    needed = 2.0 * (game.y - SURFACE_Y) / BOAT_SPEED + 40.0
    if game.y <= SURFACE_Y and game.air < AIR:
        return STAY
    if game.aboard == MOST_ABOARD or (game.air < needed and game.y > SURFACE_Y):
        return MOVE_UP
    if game.shot == 0 and _shootable(game):
        return FIRE
    k = _nearest_diver(game)
    if k < 0:
        middle = lane_y(1) + 7.0 - game.y
        return STAY if abs(middle) <= BOAT_SPEED else MOVE_DOWN if middle > 0.0 else MOVE_UP
    down = lane_y(game.lanes[k]) - game.y
    if abs(down) > BOAT_SPEED:
        return MOVE_DOWN if down > 0.0 else MOVE_UP
    return MOVE_RIGHT if game.swimmer_x[k] > game.x else MOVE_LEFT


@kernel
def expert(game: Record) -> int:
    """Scripted player: fetch divers, shoot, surface in time, and evade what comes."""
    action = _task_action(game)
    if not _threat(game, game.x + STEP_X[action], game.y + STEP_Y[action], 5.0):
        return int(action)
    if game.shot == 0 and _shootable(game):
        return FIRE
    for action in (STAY, MOVE_UP, MOVE_DOWN, MOVE_LEFT, MOVE_RIGHT):
        x, y = _moved(game, action, 2.0)
        if not _threat(game, x, y, 5.0):
            return action
    return MOVE_UP


GAME = Game("Undersea", STATE, ACTION_NAMES, LIVES, PALETTE, ((24, 84, 142), (8, 26, 66)), reset, step, draw, expert)

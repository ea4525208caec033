"""Bricks: keep the ball in play and clear one wall of bricks after the other.

## Description
Walls have six patterns; from the second on some bricks are silver and take two hits. The ball speeds up with every
eighth return and with bricks of the two upper rows; its angle depends on where it meets the paddle. Some bricks
drop a capsule that widens the paddle for 300 steps. From the third wall on the paddle is shorter.

## Action Space
``Discrete(3)``: 0 stay, 1 left, 2 right.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. The top rows show level and lives.

## Rewards
+3 for a brick of the two upper rows, +2 in the middle, +1 in the two lower rows; +5 for a cleared wall.

## Starting State
Three lives, the first wall, the paddle centred. The ball starts at a random column and drops after 10 steps.

## Episode End
Terminated when no life is left: each missed ball costs one. Truncated after ``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random, uniform

ACTION_NAMES = ("stay", "left", "right")
STAY, MOVE_LEFT, MOVE_RIGHT = range(3)

LIVES = 3
ROWS, COLUMNS = 6, 12
BRICK_WIDTH, BRICK_HEIGHT = 7, 4  # pixels, the joint included
WALL_TOP = 14  # first row of pixels
CEILING = 6  # first row below the ceiling
PADDLE_Y = 78
PADDLE_HEIGHT = 2
LENGTH, SHORT_LENGTH, WIDE_LENGTH = 14, 11, 20
SHORT_FROM = 3  # level
WIDE_STEPS = 300
BALL = 2  # pixels a side
PADDLE_SPEED = 3.6  # pixels per step
SLOWEST, FASTEST = 2.8, 4.4  # pixels per step
CLEARED = 5  # points
CAPSULE_PROBABILITY = 0.06  # per brick
CAPSULE_SPEED = 1.0  # pixels per step
STEEPEST = 1.05  # rad from vertical, after a hit with the end of the paddle
WAIT = 10  # steps before a serve

PALETTE = Palette(
    {
        "o": (255, (255, 252, 235)),  # ball
        "p": (215, (92, 200, 255)),  # paddle
        "1": (200, (255, 92, 108)),  # rows of bricks, from the top
        "2": (185, (255, 138, 76)),
        "3": (170, (255, 196, 72)),
        "4": (155, (150, 220, 96)),
        "5": (140, (72, 196, 190)),
        "6": (125, (104, 132, 246)),
        "s": (230, (204, 212, 228)),  # silver
        "w": (95, (92, 98, 132)),  # ceiling
        "c": (242, (255, 120, 220)),  # capsule
        "l": (210, (240, 84, 104)),  # lives
    }
)
_BALL, _PADDLE, _SILVER, _CEILING, _CAPSULE, _LIFE = (PALETTE[letter] for letter in "opswcl")
_ROW_GREYS = np.array([PALETTE[letter] for letter in "123456"], dtype=np.int64)
ROW_POINTS = np.array([3, 3, 2, 2, 1, 1], dtype=np.int64)

STATE = state_type(
    ("bricks", "i1", (ROWS, COLUMNS)),  # hits that each brick takes
    ("x", "f8"),  # upper left corner of the ball
    ("y", "f8"),
    ("vx", "f8"),  # pixels per step
    ("vy", "f8"),
    ("speed", "f8"),
    ("paddle", "f8"),  # left end
    ("returns", "i8"),  # since the serve
    ("wide", "i8"),  # steps that the paddle stays wide
    ("wait", "i8"),  # steps until the serve
    ("capsule", "i8"),  # whether one is falling
    ("capsule_x", "f8"),
    ("capsule_y", "f8"),
)


@kernel
def paddle_length(game: Record) -> int:
    """Length of the paddle."""
    if game.wide > 0:
        return WIDE_LENGTH
    return SHORT_LENGTH if game.level >= SHORT_FROM else LENGTH


@kernel
def _build_wall(game: Record) -> None:
    """Build one of six patterns; from the second wall on some bricks are silver."""
    pattern = (game.level - 1) % 6
    for row in range(ROWS):
        for column in range(COLUMNS):
            edge = min(column, COLUMNS - 1 - column)
            filled = (
                pattern == 0
                or (pattern == 1 and edge + 1 >= row)
                or (pattern == 2 and (row + column) % 2 == 0)
                or (pattern == 3 and row % 2 == 0)
                or (pattern == 4 and column % 3 != 2)
                or (pattern == 5 and (row in (0, ROWS - 1) or edge == 0 or (1 < row < 4 and 3 < column < 8)))
            )
            silver = game.level > 1 and (row == (game.level - 2) % ROWS or (pattern == 5 and edge == 0))
            game.bricks[row, column] = 0 if not filled else 2 if silver else 1


@kernel
def _prepare_serve(game: Record) -> None:
    game.x, game.y = uniform(game, 20.0, 62.0), 46.0
    game.vx = game.vy = 0.0
    game.speed = min(FASTEST - 0.6, SLOWEST + 0.1 * (game.level - 1))
    game.returns = 0
    game.wide = 0
    game.capsule = 0
    game.wait = WAIT


@kernel
def _hit_brick(game: Record, x: float, y: float) -> float:
    """Hit the brick at a point: its points, 0 if it takes another hit, -1 if there is none."""
    row, column = int((y - WALL_TOP) // BRICK_HEIGHT), int(x // BRICK_WIDTH)
    if not (0 <= row < ROWS and 0 <= column < COLUMNS) or game.bricks[row, column] == 0:
        return -1.0
    game.bricks[row, column] -= 1
    if game.bricks[row, column] > 0:
        return 0.0
    if row < 2:
        game.speed = min(FASTEST, game.speed + 0.05)
    if game.capsule == 0 and random(game) < CAPSULE_PROBABILITY:
        game.capsule = 1
        game.capsule_x, game.capsule_y = column * BRICK_WIDTH + 1.0, WALL_TOP + row * BRICK_HEIGHT + 0.0
    return float(ROW_POINTS[row])


@kernel
def _hit_bricks(game: Record, x: float, y: float) -> float:
    """Hit at most one brick that a ball at (x, y) overlaps; returns as ``_hit_brick``."""
    for k in range(4):
        hit = _hit_brick(game, x + (BALL - 0.01) * (k % 2), y + (BALL - 0.01) * (k // 2))
        if hit >= 0.0:
            return float(hit)
    return -1.0


@kernel
def _launch(game: Record, angle: float) -> None:
    """Send the ball upwards at an angle from vertical."""
    game.vx, game.vy = game.speed * np.sin(angle), -game.speed * np.cos(angle)


@kernel
def _move_ball(game: Record) -> float:
    """Move the ball in two half steps, one axis after the other, so that it cannot pass through a brick."""
    reward = 0.0
    for _ in range(2):
        x = game.x + 0.5 * game.vx
        hit = _hit_bricks(game, x, game.y)
        if hit >= 0.0:
            reward += hit
            game.vx = -game.vx
        elif x < 0.0 or x > SIZE - BALL:
            game.vx = -game.vx
        else:
            game.x = x
        y = game.y + 0.5 * game.vy
        hit = _hit_bricks(game, game.x, y)
        if hit >= 0.0:
            reward += hit
            game.vy = -game.vy
        elif y < CEILING:
            game.vy = -game.vy
        else:
            before, game.y = game.y, y
            _hit_paddle(game, before)
    return reward


@kernel
def _hit_paddle(game: Record, before: float) -> None:
    if game.vy <= 0.0 or not before + BALL <= PADDLE_Y < game.y + BALL:
        return
    length = paddle_length(game)
    offset = (game.x + 0.5 * BALL - game.paddle - 0.5 * length) / (0.5 * (length + BALL))
    if abs(offset) > 1.0:
        return
    game.y = float(PADDLE_Y - BALL)
    game.returns += 1
    if game.returns % 8 == 0:
        game.speed = min(FASTEST, game.speed + 0.15)
    # The random part keeps the ball from bouncing vertically forever.
    _launch(game, STEEPEST * offset + uniform(game, -0.04, 0.04))


@kernel
def _move_capsule(game: Record) -> None:
    game.capsule_y += CAPSULE_SPEED
    if game.capsule_y > SIZE:
        game.capsule = 0
    elif game.capsule_y + 3 >= PADDLE_Y and game.capsule_y < PADDLE_Y + PADDLE_HEIGHT:
        length = paddle_length(game)
        if game.capsule_x + 5 > game.paddle and game.capsule_x < game.paddle + length:
            game.capsule = 0
            middle = game.paddle + 0.5 * length
            game.wide = WIDE_STEPS
            game.paddle = max(0.0, min(float(SIZE - WIDE_LENGTH), middle - 0.5 * WIDE_LENGTH))


@kernel
def reset(game: Record) -> None:
    """Start an episode."""
    game.paddle = 0.5 * (SIZE - LENGTH)
    _build_wall(game)
    _prepare_serve(game)


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    move = -PADDLE_SPEED if action == MOVE_LEFT else PADDLE_SPEED if action == MOVE_RIGHT else 0.0
    if game.wide > 0:
        game.wide -= 1
        if game.wide == 0:
            game.paddle += 0.5 * (WIDE_LENGTH - paddle_length(game))
    game.paddle = max(0.0, min(float(SIZE - paddle_length(game)), game.paddle + move))
    if game.capsule == 1:
        _move_capsule(game)
    if game.wait > 0:
        game.wait -= 1
        if game.wait == 0:
            _launch(game, uniform(game, 0.25, 0.7) * (1.0 if integers(game, 2) == 0 else -1.0))
            game.vy = -game.vy
        return 0.0
    reward = _move_ball(game)
    if game.y >= SIZE:
        lose_life(game)
        _prepare_serve(game)
    elif not game.bricks.any():
        reward += CLEARED
        game.level += 1
        _build_wall(game)
        _prepare_serve(game)
    return float(reward)


@kernel
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill(canvas, 0, CEILING - 2, SIZE, 2, _CEILING)
    fill_row(canvas, SIZE - 5, 0, -5, 4, 3, game.lives, _LIFE)
    fill_row(canvas, 1, 0, 4, 3, 3, min(game.level, 12), _PADDLE)
    for row in range(ROWS):
        for column in range(COLUMNS):
            if game.bricks[row, column] > 0:
                grey = _SILVER if game.bricks[row, column] > 1 else _ROW_GREYS[row]
                fill(
                    canvas, column * BRICK_WIDTH, WALL_TOP + row * BRICK_HEIGHT, BRICK_WIDTH - 1, BRICK_HEIGHT - 1, grey
                )
    if game.capsule == 1:
        fill(canvas, int(game.capsule_x), int(game.capsule_y), 5, 3, _CAPSULE)
    fill(canvas, round(game.paddle), PADDLE_Y, paddle_length(game), PADDLE_HEIGHT, _PADDLE)
    if game.over == 0:
        fill(canvas, round(game.x), round(game.y), BALL, BALL, _BALL)


@kernel
def _landing(game: Record) -> float:
    """Column at which the ball reaches the paddle if it hits no brick."""
    time = (PADDLE_Y - BALL - game.y) / game.vy
    room = float(SIZE - BALL)
    folded = (game.x + game.vx * time) % (2.0 * room)
    return float(folded if folded <= room else 2.0 * room - folded)


@kernel
def _wanted_offset(game: Record, landing: float) -> float:
    """Where on the paddle to meet the ball, -1 to 1, to send it to the column with most bricks."""
    best, column = 0, COLUMNS // 2
    for k in range(COLUMNS):
        count = 0
        for row in range(ROWS):
            count += game.bricks[row, k]
        if count > best or (count == best and (k + game.returns) % 3 == 0):
            best, column = count, k
    low = ROWS - 1
    while low > 0 and game.bricks[low, column] == 0:
        low -= 1
    angle = np.arctan2((column + 0.5) * BRICK_WIDTH - landing - 1.0, PADDLE_Y - WALL_TOP - low * BRICK_HEIGHT)
    return float(max(-0.75, min(0.75, angle / STEEPEST)))


@kernel
def expert(game: Record) -> int:
    """Scripted player: meet the ball where it arrives, and send it to the column with most bricks."""
    length = paddle_length(game)
    target = game.x + 0.5 * BALL
    if game.vy > 0.0:
        landing = _landing(game)
        target = landing + 0.5 * BALL - _wanted_offset(game, landing) * 0.5 * (length + BALL)
    away = target - (game.paddle + 0.5 * length)
    if abs(away) <= 0.5 * PADDLE_SPEED:
        return STAY
    return MOVE_RIGHT if away > 0.0 else MOVE_LEFT


GAME = Game("Bricks", STATE, ACTION_NAMES, LIVES, PALETTE, ((14, 16, 34), (34, 22, 52)), reset, step, draw, expert)

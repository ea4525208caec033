"""Bricks: keep the ball in play and take the wall down, brick by brick; then a harder one comes.

A brick is worth a point in the lower rows, two in the middle and three at the top; silver bricks take two hits.
Clearing a wall is worth five more. The ball flies faster with every eighth return, and off bricks of the upper rows;
where it meets the paddle decides its angle. Some bricks let a capsule fall that makes the paddle wide for a while. A
ball that is missed costs one of three lives, and from the third wall on the paddle is shorter.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill
from rlkit_envs.arcade.game import Game, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import between, heard_action, pick, share

ACTION_NAMES = ("stay", "left", "right")
STAY, MOVE_LEFT, MOVE_RIGHT = range(3)

LIVES = 3
ROWS, COLUMNS = 6, 12
BRICK_WIDTH, BRICK_HEIGHT = 7, 4  # pixels, the joint included
WALL_TOP = 14  # first row of pixels of the wall
CEILING = 6  # first row below the ceiling
PADDLE_Y = 78
PADDLE_HEIGHT = 2
LENGTH, SHORT_LENGTH, WIDE_LENGTH = 14, 11, 20
SHORT_FROM = 3  # wall
WIDE_FOR = 300  # decisions
BALL = 2  # pixels a side
PADDLE_SPEED = 3.6  # pixels per decision
SLOWEST, FASTEST = 2.8, 4.4  # pixels per decision
CLEARED = 5  # points for a wall
CAPSULE_SHARE = 0.06  # of bricks
CAPSULE_SPEED = 1.0
STEEPEST = 1.05  # rad from straight up, off the ends of the paddle
WAIT = 10  # decisions before a serve

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
    ("bricks", "i1", (ROWS, COLUMNS)),  # hits that each brick still takes
    ("x", "f8"),  # of the ball's upper left corner
    ("y", "f8"),
    ("vx", "f8"),  # pixels per decision
    ("vy", "f8"),
    ("speed", "f8"),
    ("paddle", "f8"),  # left end
    ("returns", "i8"),  # of this ball
    ("wide", "i8"),  # decisions for which the paddle stays wide
    ("wait", "i8"),  # decisions until the serve
    ("capsule", "i8"),  # whether one falls
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
    """One of six patterns; from the second wall on some bricks are silver."""
    pattern = (game.level - 1) % 6
    for row in range(ROWS):
        for column in range(COLUMNS):
            out = min(column, COLUMNS - 1 - column)
            stands = (
                pattern == 0
                or (pattern == 1 and out + 1 >= row)
                or (pattern == 2 and (row + column) % 2 == 0)
                or (pattern == 3 and row % 2 == 0)
                or (pattern == 4 and column % 3 != 2)
                or (pattern == 5 and (row in (0, ROWS - 1) or out == 0 or (1 < row < 4 and 3 < column < 8)))
            )
            silver = game.level > 1 and (row == (game.level - 2) % ROWS or (pattern == 5 and out == 0))
            game.bricks[row, column] = 0 if not stands else 2 if silver else 1


@kernel
def _serve(game: Record) -> None:
    game.x, game.y = between(game, 20.0, 62.0), 46.0
    game.vx = game.vy = 0.0
    game.speed = min(FASTEST - 0.6, SLOWEST + 0.1 * (game.level - 1))
    game.returns = 0
    game.wide = 0
    game.capsule = 0
    game.wait = WAIT


@kernel
def _hit_brick(game: Record, x: float, y: float) -> float:
    """Hit the brick at a point, if there is one: its points, or 0 for a crack; -1 where there is none."""
    row, column = int((y - WALL_TOP) // BRICK_HEIGHT), int(x // BRICK_WIDTH)
    if not (0 <= row < ROWS and 0 <= column < COLUMNS) or game.bricks[row, column] == 0:
        return -1.0
    game.bricks[row, column] -= 1
    if game.bricks[row, column] > 0:
        return 0.0
    if row < 2:
        game.speed = min(FASTEST, game.speed + 0.05)
    if game.capsule == 0 and share(game) < CAPSULE_SHARE:
        game.capsule = 1
        game.capsule_x, game.capsule_y = column * BRICK_WIDTH + 1.0, WALL_TOP + row * BRICK_HEIGHT + 0.0
    return float(ROW_POINTS[row])


@kernel
def _hit_bricks(game: Record, x: float, y: float) -> float:
    """Hit what the ball at (x, y) overlaps, one brick at most: as ``_hit_brick``."""
    for k in range(4):
        hit = _hit_brick(game, x + (BALL - 0.01) * (k % 2), y + (BALL - 0.01) * (k // 2))
        if hit >= 0.0:
            return float(hit)
    return -1.0


@kernel
def _turn(game: Record, angle: float) -> None:
    """Send the ball upwards, at an angle from straight up."""
    game.vx, game.vy = game.speed * np.sin(angle), -game.speed * np.cos(angle)


@kernel
def _move_ball(game: Record) -> float:
    """Move the ball in two halves, one axis after the other, so that it cannot pass through a brick."""
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
            _meet_paddle(game, before)
    return reward


@kernel
def _meet_paddle(game: Record, before: float) -> None:
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
    # Never quite straight, or a ball could go up and down for ever.
    _turn(game, STEEPEST * offset + between(game, -0.04, 0.04))


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
            game.wide = WIDE_FOR
            game.paddle = max(0.0, min(float(SIZE - WIDE_LENGTH), middle - 0.5 * WIDE_LENGTH))


@kernel
def advance(game: Record, action: int) -> float:
    """Carry out one decision, and return its reward."""
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
            _turn(game, between(game, 0.25, 0.7) * (1.0 if pick(game, 2) == 0 else -1.0))
            game.vy = -game.vy
        return 0.0
    reward = _move_ball(game)
    if game.y >= SIZE:
        game.lives -= 1
        game.over = 1 if game.lives == 0 else 0
        _serve(game)
    elif not game.bricks.any():
        reward += CLEARED
        game.level += 1
        _build_wall(game)
        _serve(game)
    game.score += int(reward)
    return float(reward)


@kernel
def paint(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill(canvas, 0, CEILING - 2, SIZE, 2, _CEILING)
    for k in range(game.lives):
        fill(canvas, SIZE - 5 - 5 * k, 0, 4, 3, _LIFE)
    for k in range(min(game.level, 12)):
        fill(canvas, 1 + 4 * k, 0, 3, 3, _PADDLE)
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
    """Where the ball comes down, were there no bricks."""
    time = (PADDLE_Y - BALL - game.y) / game.vy
    room = float(SIZE - BALL)
    folded = (game.x + game.vx * time) % (2.0 * room)
    return float(folded if folded <= room else 2.0 * room - folded)


@kernel
def _wanted_offset(game: Record, landing: float) -> float:
    """Where on the paddle to meet the ball, from -1 to 1, so that it flies towards the column with most bricks."""
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
def good_action(game: Record) -> int:
    """What a good player does: be where the ball comes down, and send it where most bricks stand."""
    length = paddle_length(game)
    target = game.x + 0.5 * BALL
    if game.vy > 0.0:
        landing = _landing(game)
        target = landing + 0.5 * BALL - _wanted_offset(game, landing) * 0.5 * (length + BALL)
    away = target - (game.paddle + 0.5 * length)
    if abs(away) <= 0.5 * PADDLE_SPEED:
        return STAY
    return MOVE_RIGHT if away > 0.0 else MOVE_LEFT


@kernel
def begin(games: np.ndarray, mask: np.ndarray) -> None:
    """Start episodes in the records of a mask."""
    for i in range(len(games)):
        if mask[i]:
            game = games[i]
            game.level, game.lives = 1, LIVES
            game.paddle = 0.5 * (SIZE - LENGTH)
            _build_wall(game)
            _serve(game)


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


GAME = Game("Bricks", STATE, ACTION_NAMES, PALETTE, ((14, 16, 34), (34, 22, 52)), begin, step, draw, expert)

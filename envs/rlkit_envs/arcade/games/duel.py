"""Duel: a paddle game against eight opponents.

## Description
The player's paddle is on the right. Three points beat an opponent; the next is faster and aims better. Each return
speeds the ball up, its angle depends on where it meets the paddle, and a moving paddle passes on part of its motion.
Opponents misjudge steep balls most. From the fifth level on the player's paddle is shorter.

## Action Space
``Discrete(3)``: 0 stay, 1 up, 2 down.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. The top rows show points, level and lives.

## Rewards
+1 for a ball that the opponent misses, −1 for one that the player misses.

## Starting State
Five lives, both paddles centred, the ball at a random height. It is served after 8 steps, to a random side.

## Episode End
Terminated when the eighth opponent is beaten or no life is left: each missed ball costs one. Truncated after
``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random, uniform

ACTION_NAMES = ("stay", "up", "down")
STAY, MOVE_UP, MOVE_DOWN = range(3)

LIVES = 5
POINTS_PER_LEVEL = 3
LEVELS = 8  # opponents
TOP, BOTTOM = 9, 81  # rows between the walls, without BOTTOM
BALL = 2  # pixels a side
PADDLE_WIDTH = 2
LENGTH, SHORT_LENGTH = 12, 9  # pixels of the player's paddle
SHORT_FROM = 5  # level
OPPONENT_LENGTH = 11
OPPONENT_X, PLAYER_X = 4, 78  # left edges of the paddles
PADDLE_SPEED = 3.0  # pixels per step
SERVE_SPEED, FASTEST = 2.5, 5.2  # pixels per step, sideways
ACCELERATION = 0.2  # with every return
STEEPEST = 1.15  # vertical speed / horizontal speed after a hit with the end of a paddle
SPIN = 0.35  # fraction of a paddle's motion that is passed on to the ball
WAIT = 8  # steps before a serve

PALETTE = Palette(
    {
        "o": (255, (255, 250, 220)),  # ball
        "p": (220, (74, 222, 200)),  # player
        "r": (170, (255, 106, 92)),  # opponent
        "w": (110, (96, 108, 156)),  # walls
        "n": (60, (52, 60, 96)),  # net
        "h": (190, (255, 208, 96)),  # points of this level
        "l": (200, (240, 84, 104)),  # lives
    }
)
_BALL, _PLAYER, _OPPONENT, _WALL, _NET, _POINT, _LIFE = (PALETTE[letter] for letter in "oprwnhl")

STATE = state_type(
    ("x", "f8"),  # upper left corner of the ball
    ("y", "f8"),
    ("vx", "f8"),  # pixels per step
    ("vy", "f8"),
    ("own", "f8"),  # upper end of the player's paddle
    ("rival", "f8"),  # upper end of the opponent's paddle
    ("aim", "f8"),  # row at which the opponent expects the ball
    ("points", "i8"),  # of this level
    ("wait", "i8"),  # steps until the serve
    ("side", "f8"),  # direction of the serve: 1 to the player, -1 to the opponent
)


@kernel
def player_length(game: Record) -> int:
    """Length of the player's paddle."""
    return SHORT_LENGTH if game.level >= SHORT_FROM else LENGTH


@kernel
def _prepare_serve(game: Record, side: float) -> None:
    game.x, game.y = 0.5 * (SIZE - BALL), uniform(game, TOP + 8.0, BOTTOM - 10.0)
    game.vx = game.vy = 0.0
    game.wait = WAIT
    game.side = side
    game.aim = 0.5 * (TOP + BOTTOM)


@kernel
def _launch(game: Record) -> None:
    game.vx = game.side * (SERVE_SPEED + 0.08 * (game.level - 1))
    game.vy = game.vx * uniform(game, -0.7, 0.7)
    if game.side < 0.0:
        _aim_opponent(game)


@kernel
def landing(x: float, y: float, vx: float, vy: float, target: float) -> float:
    """Row at which a ball that the walls reflect reaches column ``target``."""
    distance = y - TOP + vy * (target - x) / vx
    room = float(BOTTOM - TOP - BALL)
    folded = distance % (2.0 * room)
    return TOP + (folded if folded <= room else 2.0 * room - folded)


@kernel
def _aim_opponent(game: Record) -> None:
    """Predict where the ball will arrive, with an error that grows with its slope and falls with the level."""
    slope = abs(game.vy / game.vx)
    error = (20.0 - 1.1 * game.level) * (0.25 + 0.75 * slope)
    expected = landing(game.x, game.y, game.vx, game.vy, OPPONENT_X + PADDLE_WIDTH)
    game.aim = expected + error * (random(game) + random(game) - 1.0) * 1.3


@kernel
def _bounce(game: Record, offset: float, motion: float, direction: float) -> None:
    """Return the ball, which met the paddle at ``offset``, -1 to 1; ``motion`` is the paddle's of this step."""
    speed = min(abs(game.vx) + ACCELERATION, FASTEST)
    slope = max(-STEEPEST - 0.3, min(STEEPEST + 0.3, STEEPEST * offset + SPIN * motion / speed))
    game.vx = direction * speed
    game.vy = speed * slope


@kernel
def _moved_paddle(y: float, distance: float, speed: float, length: int) -> float:
    moved = y + max(-speed, min(speed, distance))
    return max(float(TOP), min(float(BOTTOM - length), moved))


@kernel
def reset(game: Record) -> None:
    """Start an episode."""
    game.own = 0.5 * (TOP + BOTTOM - LENGTH)
    game.rival = 0.5 * (TOP + BOTTOM - OPPONENT_LENGTH)
    _prepare_serve(game, 1.0 if integers(game, 2) == 0 else -1.0)


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    length = player_length(game)
    before_player, before_opponent = game.own, game.rival
    distance = -PADDLE_SPEED if action == MOVE_UP else PADDLE_SPEED if action == MOVE_DOWN else 0.0
    game.own = _moved_paddle(game.own, distance, PADDLE_SPEED, length)
    opponent_speed = 1.1 + 0.19 * game.level
    aim = game.aim if game.vx < 0.0 else 0.5 * (TOP + BOTTOM)
    game.rival = _moved_paddle(
        game.rival, aim + 1.0 - (game.rival + 0.5 * OPPONENT_LENGTH), opponent_speed, OPPONENT_LENGTH
    )
    if game.wait > 0:
        game.wait -= 1
        if game.wait == 0:
            _launch(game)
        return 0.0

    before_x, before_y = game.x, game.y
    before_vx, before_vy = game.vx, game.vy
    game.x += game.vx
    game.y += game.vy
    if game.y < TOP:
        game.y, game.vy = 2.0 * TOP - game.y, -game.vy
    elif game.y > BOTTOM - BALL:
        game.y, game.vy = 2.0 * (BOTTOM - BALL) - game.y, -game.vy
    if game.vx > 0.0 and before_x + BALL <= PLAYER_X < game.x + BALL:
        met = landing(before_x, before_y, before_vx, before_vy, PLAYER_X - BALL)
        offset = (met + 0.5 * BALL - game.own - 0.5 * length) / (0.5 * (length + BALL))
        if abs(offset) <= 1.0:
            game.x, game.y = float(PLAYER_X - BALL), met
            _bounce(game, offset, game.own - before_player, -1.0)
            _aim_opponent(game)
    elif game.vx < 0.0 and before_x >= OPPONENT_X + PADDLE_WIDTH > game.x:
        met = landing(before_x, before_y, before_vx, before_vy, OPPONENT_X + PADDLE_WIDTH)
        offset = (met + 0.5 * BALL - game.rival - 0.5 * OPPONENT_LENGTH) / (0.5 * (OPPONENT_LENGTH + BALL))
        if abs(offset) <= 1.0:
            game.x, game.y = float(OPPONENT_X + PADDLE_WIDTH), met
            _bounce(game, offset, game.rival - before_opponent, 1.0)
    if game.x <= -BALL:
        return float(_score_point(game))
    if game.x >= SIZE:
        lose_life(game)
        _prepare_serve(game, 1.0)
        return -1.0
    return 0.0


@kernel
def _score_point(game: Record) -> float:
    game.points += 1
    if game.points == POINTS_PER_LEVEL:
        if game.level == LEVELS:
            game.over = 1
            return 1.0
        game.points = 0
        game.level += 1
        game.rival = 0.5 * (TOP + BOTTOM - OPPONENT_LENGTH)
    _prepare_serve(game, -1.0)
    return 1.0


@kernel
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill(canvas, 0, TOP - 2, SIZE, 2, _WALL)
    fill(canvas, 0, BOTTOM, SIZE, 2, _WALL)
    for k in range(9):
        fill(canvas, SIZE // 2 - 1, TOP + 3 + 8 * k, 2, 4, _NET)
    fill_row(canvas, 3, 2, 5, 4, 3, POINTS_PER_LEVEL, _NET)
    fill_row(canvas, 3, 2, 5, 4, 3, game.points, _POINT)
    fill_row(canvas, SIZE - 7, 2, -5, 4, 3, game.lives, _LIFE)
    fill_row(canvas, 27, 2, 4, 3, 3, game.level, _OPPONENT)
    fill(canvas, OPPONENT_X, round(game.rival), PADDLE_WIDTH, OPPONENT_LENGTH, _OPPONENT)
    fill(canvas, PLAYER_X, round(game.own), PADDLE_WIDTH, player_length(game), _PLAYER)
    if game.over == 0:
        fill(canvas, round(game.x), round(game.y), BALL, BALL, _BALL)


@kernel
def expert(game: Record) -> int:
    """Scripted player: meet the ball where it arrives, and send it away from the opponent."""
    length = player_length(game)
    if game.vx > 0.0:
        arrival = landing(game.x, game.y, game.vx, game.vy, PLAYER_X - BALL) + 0.5 * BALL
        far = 1.0 if game.rival + 0.5 * OPPONENT_LENGTH < 0.5 * (TOP + BOTTOM) else -1.0
        wanted = arrival - far * (0.5 * length - 2.5)
    else:
        wanted = 0.5 * (TOP + BOTTOM)
    away = wanted - (game.own + 0.5 * length)
    if abs(away) <= 0.5 * PADDLE_SPEED:
        return STAY
    return MOVE_DOWN if away > 0.0 else MOVE_UP


GAME = Game("Duel", STATE, ACTION_NAMES, LIVES, PALETTE, ((16, 18, 38), (30, 26, 62)), reset, step, draw, expert)

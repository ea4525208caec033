"""Duel: two paddles and a ball. Beat eight rivals, each quicker and steadier than the last.

You are the paddle on the right. A ball that your rival misses is a point (+1), one that you miss costs a life (−1).
Three points beat a rival, and the next one comes; whoever beats the eighth has won, whoever loses five lives has lost.
The ball flies faster with every return; where it meets the paddle decides its angle, and a paddle that moves gives it
some of its motion. From the fifth rival on your paddle is shorter. Rivals misjudge where the ball will come down, the
more so the steeper it flies: play wide angles, off the ends of the paddle.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill
from rlkit_envs.arcade.game import Game, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import between, heard_action, pick, share

ACTION_NAMES = ("stay", "up", "down")
STAY, MOVE_UP, MOVE_DOWN = range(3)

LIVES = 5
POINTS_PER_RIVAL = 3
RIVALS = 8
TOP, BOTTOM = 9, 81  # rows between the walls: first, and first below
BALL = 2  # pixels a side
PADDLE_WIDTH = 2
LENGTH, SHORT_LENGTH = 12, 9  # pixels of your paddle, and from which rival on
SHORT_FROM = 5
RIVAL_LENGTH = 11
RIVAL_X, OWN_X = 4, 78  # left edges of the paddles
PADDLE_SPEED = 3.0  # pixels per decision
SERVE_SPEED, FASTEST = 2.5, 5.2  # pixels per decision, sideways
QUICKENING = 0.2  # with every return
STEEPEST = 1.15  # up or down per pixel sideways, off the ends of a paddle
SPIN = 0.35  # share of a paddle's motion that a ball takes along
WAIT = 8  # decisions before a serve

PALETTE = Palette(
    {
        "o": (255, (255, 250, 220)),  # ball
        "p": (220, (74, 222, 200)),  # you
        "r": (170, (255, 106, 92)),  # rival
        "w": (110, (96, 108, 156)),  # walls
        "n": (60, (52, 60, 96)),  # net
        "h": (190, (255, 208, 96)),  # points against the rival
        "l": (200, (240, 84, 104)),  # lives
    }
)
_BALL, _OWN, _RIVAL, _WALL = PALETTE["o"], PALETTE["p"], PALETTE["r"], PALETTE["w"]
_NET, _POINT, _LIFE = PALETTE["n"], PALETTE["h"], PALETTE["l"]

STATE = state_type(
    ("x", "f8"),  # of the ball's upper left corner
    ("y", "f8"),
    ("vx", "f8"),  # pixels per decision
    ("vy", "f8"),
    ("own", "f8"),  # upper end of your paddle
    ("rival", "f8"),  # upper end of the rival's
    ("aim", "f8"),  # where the rival expects the ball
    ("points", "i8"),  # against this rival
    ("wait", "i8"),  # decisions until the serve
    ("side", "f8"),  # to which the serve goes: 1 to you, -1 to the rival
)


@kernel
def own_length(game: Record) -> int:
    """Length of your paddle."""
    return SHORT_LENGTH if game.level >= SHORT_FROM else LENGTH


@kernel
def _serve(game: Record, side: float) -> None:
    game.x, game.y = 0.5 * (SIZE - BALL), between(game, TOP + 8.0, BOTTOM - 10.0)
    game.vx = game.vy = 0.0
    game.wait = WAIT
    game.side = side
    game.aim = 0.5 * (TOP + BOTTOM)


@kernel
def _launch(game: Record) -> None:
    game.vx = game.side * (SERVE_SPEED + 0.08 * (game.level - 1))
    game.vy = game.vx * between(game, -0.7, 0.7)
    if game.side < 0.0:
        _let_rival_judge(game)


@kernel
def landing(x: float, y: float, vx: float, vy: float, target: float) -> float:
    """Where a ball that goes on like this, mirrored by the walls, is once it is at column ``target``."""
    way = y - TOP + vy * (target - x) / vx
    room = float(BOTTOM - TOP - BALL)
    folded = way % (2.0 * room)
    return TOP + (folded if folded <= room else 2.0 * room - folded)


@kernel
def _let_rival_judge(game: Record) -> None:
    """The rival guesses where the ball comes down; steep balls mislead it, later rivals less."""
    steep = abs(game.vy / game.vx)
    error = (20.0 - 1.1 * game.level) * (0.25 + 0.75 * steep)
    guess = landing(game.x, game.y, game.vx, game.vy, RIVAL_X + PADDLE_WIDTH)
    game.aim = guess + error * (share(game) + share(game) - 1.0) * 1.3


@kernel
def _bounce(game: Record, offset: float, motion: float, direction: float) -> None:
    """Send the ball back: ``offset`` from -1 to 1 is where it met the paddle, ``motion`` what the paddle did."""
    speed = min(abs(game.vx) + QUICKENING, FASTEST)
    slope = max(-STEEPEST - 0.3, min(STEEPEST + 0.3, STEEPEST * offset + SPIN * motion / speed))
    game.vx = direction * speed
    game.vy = speed * slope


@kernel
def _paddle_moved(at: float, wanted: float, speed: float, length: int) -> float:
    moved = at + max(-speed, min(speed, wanted))
    return max(float(TOP), min(float(BOTTOM - length), moved))


@kernel
def advance(game: Record, action: int) -> float:
    """Carry out one decision, and return its reward."""
    length = own_length(game)
    before_own, before_rival = game.own, game.rival
    wanted = -PADDLE_SPEED if action == MOVE_UP else PADDLE_SPEED if action == MOVE_DOWN else 0.0
    game.own = _paddle_moved(game.own, wanted, PADDLE_SPEED, length)
    rival_speed = 1.1 + 0.19 * game.level
    aim = game.aim if game.vx < 0.0 else 0.5 * (TOP + BOTTOM)
    game.rival = _paddle_moved(game.rival, aim + 1.0 - (game.rival + 0.5 * RIVAL_LENGTH), rival_speed, RIVAL_LENGTH)
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
    if game.vx > 0.0 and before_x + BALL <= OWN_X < game.x + BALL:
        met = landing(before_x, before_y, before_vx, before_vy, OWN_X - BALL)
        offset = (met + 0.5 * BALL - game.own - 0.5 * length) / (0.5 * (length + BALL))
        if abs(offset) <= 1.0:
            game.x, game.y = float(OWN_X - BALL), met
            _bounce(game, offset, game.own - before_own, -1.0)
            _let_rival_judge(game)
    elif game.vx < 0.0 and before_x >= RIVAL_X + PADDLE_WIDTH > game.x:
        met = landing(before_x, before_y, before_vx, before_vy, RIVAL_X + PADDLE_WIDTH)
        offset = (met + 0.5 * BALL - game.rival - 0.5 * RIVAL_LENGTH) / (0.5 * (RIVAL_LENGTH + BALL))
        if abs(offset) <= 1.0:
            game.x, game.y = float(RIVAL_X + PADDLE_WIDTH), met
            _bounce(game, offset, game.rival - before_rival, 1.0)
    if game.x <= -BALL:
        return float(_won_point(game))
    if game.x >= SIZE:
        game.lives -= 1
        game.over = 1 if game.lives == 0 else 0
        _serve(game, 1.0)
        return -1.0
    return 0.0


@kernel
def _won_point(game: Record) -> float:
    game.score += 1
    game.points += 1
    if game.points == POINTS_PER_RIVAL:
        if game.level == RIVALS:
            game.over = 1
            return 1.0
        game.points = 0
        game.level += 1
        game.rival = 0.5 * (TOP + BOTTOM - RIVAL_LENGTH)
    _serve(game, -1.0)
    return 1.0


@kernel
def paint(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill(canvas, 0, TOP - 2, SIZE, 2, _WALL)
    fill(canvas, 0, BOTTOM, SIZE, 2, _WALL)
    for k in range(9):
        fill(canvas, SIZE // 2 - 1, TOP + 3 + 8 * k, 2, 4, _NET)
    for k in range(POINTS_PER_RIVAL):
        fill(canvas, 3 + 5 * k, 2, 4, 3, _POINT if k < game.points else _NET)
    for k in range(game.lives):
        fill(canvas, SIZE - 7 - 5 * k, 2, 4, 3, _LIFE)
    for k in range(game.level):
        fill(canvas, 27 + 4 * k, 2, 3, 3, _RIVAL)
    fill(canvas, RIVAL_X, round(game.rival), PADDLE_WIDTH, RIVAL_LENGTH, _RIVAL)
    fill(canvas, OWN_X, round(game.own), PADDLE_WIDTH, own_length(game), _OWN)
    if game.over == 0:
        fill(canvas, round(game.x), round(game.y), BALL, BALL, _BALL)


@kernel
def good_action(game: Record) -> int:
    """What a good player does: be where the ball comes down, and meet it with an end of the paddle."""
    length = own_length(game)
    if game.vx > 0.0:
        comes = landing(game.x, game.y, game.vx, game.vy, OWN_X - BALL) + 0.5 * BALL
        far = 1.0 if game.rival + 0.5 * RIVAL_LENGTH < 0.5 * (TOP + BOTTOM) else -1.0
        wanted = comes - far * (0.5 * length - 2.5)  # the ball is to leave for the side where the rival is not
    else:
        wanted = 0.5 * (TOP + BOTTOM)
    away = wanted - (game.own + 0.5 * length)
    if abs(away) <= 0.5 * PADDLE_SPEED:
        return STAY
    return MOVE_DOWN if away > 0.0 else MOVE_UP


@kernel
def begin(games: np.ndarray, mask: np.ndarray) -> None:
    """Start episodes in the records of a mask."""
    for i in range(len(games)):
        if mask[i]:
            game = games[i]
            game.level, game.lives = 1, LIVES
            game.own = 0.5 * (TOP + BOTTOM - LENGTH)
            game.rival = 0.5 * (TOP + BOTTOM - RIVAL_LENGTH)
            _serve(game, 1.0 if pick(game, 2) == 0 else -1.0)


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


GAME = Game("Duel", STATE, ACTION_NAMES, PALETTE, ((16, 18, 38), (30, 26, 62)), begin, step, draw, expert)

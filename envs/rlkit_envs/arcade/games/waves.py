"""Waves: shoot formations of invaders before they land.

## Description
The formation marches faster the fewer invaders are left; each wave starts lower and drops more bombs, up to the sixth.
From the second wave on single invaders dive at the cannon. Bunkers stop shots and bombs, and crumble. Only one shot can
be in flight. At times a saucer crosses the sky.

## Action Space
``Discrete(6)``: 0 stay, 1 left, 2 right, 3 fire, 4 left fire, 5 right fire.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. The top rows show level and lives.

## Rewards
+3 for an invader of the top row, +2 of the second, +1 of the two lower rows, twice that while it dives; +5 for the
saucer and for a cleared wave.

## Starting State
Three lives, a full formation of 4×6 invaders, the cannon at a random column.

## Episode End
Terminated when no life is left, as bombs and diving invaders cost one each, or when the formation lands. Truncated
after ``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, blit, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random

ACTION_NAMES = ("stay", "left", "right", "fire", "left fire", "right fire")
STAY, MOVE_LEFT, MOVE_RIGHT, FIRE, LEFT_FIRE, RIGHT_FIRE = range(6)

LIVES = 3
ROWS, COLUMNS = 4, 6
WIDTH, HEIGHT = 7, 5  # pixels of an invader
PITCH_X, PITCH_Y = 10, 8  # pixels from invader to invader
SKY_TOP = 5  # first row of the sky
GROUND = 80  # row of the ground
CANNON_Y, CANNON_WIDTH = 75, 7
CANNON_SPEED = 2.0  # pixels per step
SHOT_SPEED, SHOT_HEIGHT = 4.0, 3
BOMBS, BOMB_HEIGHT = 3, 3  # at a time
BUNKERS, BUNKER_WIDTH, BUNKER_HEIGHT, BUNKER_Y = 3, 10, 5, 66
BUNKER_FROM, BUNKER_PITCH = 10, 27
SAUCER_Y, SAUCER_WIDTH, SAUCER_HEIGHT, SAUCER_POINTS = 7, 9, 4, 5
CLEARED = 5  # points
SAFE = 20  # steps of invulnerability after the loss of a life

PALETTE = Palette(
    {
        "a": (200, (255, 110, 160)),  # invaders of the top row
        "b": (180, (255, 190, 90)),  # of the middle
        "c": (160, (120, 230, 140)),  # of the lower rows
        "e": (30, (20, 24, 40)),  # their eyes
        "u": (225, (255, 84, 84)),  # saucer
        "p": (215, (96, 210, 255)),  # cannon
        "s": (255, (255, 255, 255)),  # shot
        "m": (238, (255, 236, 120)),  # bombs
        "k": (120, (112, 160, 110)),  # bunkers
        "g": (90, (86, 74, 120)),  # ground
        "l": (205, (240, 84, 104)),  # lives
    }
)
INVADERS = PALETTE.sprites(
    ("..aaa..", ".aeaea.", "aaaaaaa", ".a.a.a.", "a.....a"),
    ("..aaa..", ".aeaea.", "aaaaaaa", ".a.a.a.", ".a...a."),
    ("b..b..b", "b.bbb.b", "bbebebb", ".bbbbb.", "..b.b.."),
    ("...b...", "..bbb..", "bbebebb", "bbbbbbb", "b.b.b.b"),
    (".ccccc.", "cecccec", "ccccccc", "..c.c..", "cc...cc"),
    (".ccccc.", "cecccec", "ccccccc", "..c.c..", ".c...c."),
)
CANNON = PALETTE.sprite("...p...", "..ppp..", "ppppppp", "ppppppp", "ppppppp")
SAUCER = PALETTE.sprite("..uuuuu..", ".uuuuuuu.", "ueueueueu", "..uu.uu..")
BUNKER = PALETTE.sprite(".kkkkkkkk.", "kkkkkkkkkk", "kkkkkkkkkk", "kkk....kkk", "kk......kk")
_SHOT, _BOMB, _BUNKER, _GROUND, _LIFE, _CANNON = (PALETTE[letter] for letter in "smkglp")
ROW_KIND = np.array([0, 1, 2, 2], dtype=np.int64)
ROW_POINTS = np.array([3, 2, 1, 1], dtype=np.int64)

STATE = state_type(
    ("alive", "i1", (ROWS, COLUMNS)),
    ("x", "i8"),  # upper left corner of the formation
    ("y", "i8"),
    ("direction", "i8"),  # 1 to the right, -1 to the left
    ("pause", "i8"),  # steps until it moves
    ("gait", "i8"),  # which of two sprites
    ("cannon", "f8"),  # left end
    ("safe", "i8"),  # steps of invulnerability
    ("shot", "i8"),  # whether one is in flight
    ("shot_x", "f8"),
    ("shot_y", "f8"),
    ("bombs", "i1", (BOMBS,)),  # whether each is falling
    ("bomb_x", "f8", (BOMBS,)),
    ("bomb_y", "f8", (BOMBS,)),
    ("bunkers", "i1", (BUNKERS, BUNKER_HEIGHT, BUNKER_WIDTH)),
    ("saucer", "i8"),  # its direction, 1 or -1; 0 if there is none
    ("saucer_x", "f8"),
    ("diver", "i8"),  # index of the diving invader, or -1
    ("diver_x", "f8"),
    ("diver_y", "f8"),
)


@kernel
def _begin_wave(game: Record) -> None:
    game.alive[:] = 1
    game.x, game.y = 4, 13 + 3 * min(game.level - 1, 5)
    game.direction, game.pause = 1, 8
    game.shot = 0
    game.bombs[:] = 0
    game.diver = -1
    game.saucer = 0
    for k in range(BUNKERS):
        for row in range(BUNKER_HEIGHT):
            for column in range(BUNKER_WIDTH):
                game.bunkers[k, row, column] = 1 if BUNKER[row, column] != 0 else 0


@kernel
def remaining(game: Record) -> int:
    """Number of invaders left."""
    return int(game.alive.sum())


@kernel
def march_interval(game: Record) -> int:
    """Steps between two moves of the formation."""
    return int(max(1, 1 + remaining(game) // 5 - min(2, (game.level - 1) // 2)))


@kernel
def _hit_bunker(game: Record, x: float, y: float, height: int) -> bool:
    """Whether something at (x, y) hits a bunker, which then loses the pixels around."""
    column, row = round(x), round(y)
    for k in range(BUNKERS):
        left = column - (BUNKER_FROM + BUNKER_PITCH * k)
        if 0 <= left < BUNKER_WIDTH:
            for j in range(height):
                down = row + j - BUNKER_Y
                if 0 <= down < BUNKER_HEIGHT and game.bunkers[k, down, left] == 1:
                    for dy in range(-1, 2):
                        for dx in range(-1, 2):
                            if 0 <= down + dy < BUNKER_HEIGHT and 0 <= left + dx < BUNKER_WIDTH and dx * dy == 0:
                                game.bunkers[k, down + dy, left + dx] = 0
                    return True
    return False


@kernel
def _march(game: Record) -> None:
    game.pause -= 1
    if game.pause > 0:
        return
    game.pause = march_interval(game)
    game.gait = 1 - game.gait
    left, right, bottom = SIZE, -1, 0
    for row in range(ROWS):
        for column in range(COLUMNS):
            if game.alive[row, column] == 1 and row * COLUMNS + column != game.diver:
                left = min(left, game.x + column * PITCH_X)
                right = max(right, game.x + column * PITCH_X + WIDTH)
                bottom = max(bottom, game.y + row * PITCH_Y + HEIGHT)
    if right < 0:  # the only one left is diving
        return
    if (game.direction > 0 and right + 2 > SIZE) or (game.direction < 0 and left - 2 < 0):
        game.direction = -game.direction
        game.y += 3
        bottom += 3
    else:
        game.x += 2 * game.direction
    if bottom > BUNKER_Y:  # invaders destroy the bunkers that they reach
        for k in range(BUNKERS):
            for row in range(min(BUNKER_HEIGHT, bottom - BUNKER_Y)):
                game.bunkers[k, row, :] = 0
    if bottom >= CANNON_Y + 2:
        game.over = 1


@kernel
def _drop_bombs(game: Record) -> None:
    """Drop a bomb, at times, from a random column or the one above the cannon."""
    if random(game) >= 0.05 + 0.012 * min(game.level, 6):
        return
    column = integers(game, COLUMNS)
    if random(game) < 0.4:
        column = max(0, min(COLUMNS - 1, int((game.cannon + 3 - game.x) // PITCH_X)))
    for k in range(BOMBS):
        if game.bombs[k] == 0:
            for row in range(ROWS - 1, -1, -1):
                if game.alive[row, column] == 1 and row * COLUMNS + column != game.diver:
                    game.bombs[k] = 1
                    game.bomb_x[k] = game.x + column * PITCH_X + 3.0
                    game.bomb_y[k] = game.y + row * PITCH_Y + HEIGHT + 0.0
                    return
            return


@kernel
def _lose_life(game: Record) -> None:
    lose_life(game)
    game.safe = SAFE
    game.bombs[:] = 0
    game.cannon = 0.5 * (SIZE - CANNON_WIDTH)


@kernel
def _move_bombs(game: Record) -> None:
    speed = 1.3 + 0.12 * min(game.level, 6)
    for k in range(BOMBS):
        if game.bombs[k] == 1:
            game.bomb_y[k] += speed
            if game.bomb_y[k] + BOMB_HEIGHT > GROUND or _hit_bunker(game, game.bomb_x[k], game.bomb_y[k], BOMB_HEIGHT):
                game.bombs[k] = 0
            elif game.bomb_y[k] + BOMB_HEIGHT > CANNON_Y and -1.0 < game.bomb_x[k] - game.cannon < CANNON_WIDTH:
                game.bombs[k] = 0
                if game.safe == 0:
                    _lose_life(game)
                    return


@kernel
def _move_diver(game: Record) -> None:
    if game.diver < 0:
        if game.level >= 2 and random(game) < 0.008:
            number = integers(game, ROWS * COLUMNS)
            row, column = number // COLUMNS, number % COLUMNS
            if game.alive[row, column] == 1:
                game.diver = number
                game.diver_x, game.diver_y = game.x + PITCH_X * column + 0.0, game.y + PITCH_Y * row + 0.0
        return
    game.diver_y += 1.2
    game.diver_x += max(-0.7, min(0.7, game.cannon - game.diver_x))
    if game.diver_y + HEIGHT > CANNON_Y and abs(game.diver_x - game.cannon) < WIDTH - 1:
        game.alive[game.diver // COLUMNS, game.diver % COLUMNS] = 0
        game.diver = -1
        if game.safe == 0:
            _lose_life(game)
    elif game.diver_y > GROUND - HEIGHT:  # back to the formation
        game.diver = -1


@kernel
def _move_saucer(game: Record) -> None:
    if game.saucer == 0:
        if random(game) < 0.0025:
            game.saucer = 1 if integers(game, 2) == 0 else -1
            game.saucer_x = -SAUCER_WIDTH + 0.0 if game.saucer == 1 else SIZE + 0.0
        return
    game.saucer_x += 1.0 * game.saucer
    if game.saucer_x < -SAUCER_WIDTH or game.saucer_x > SIZE:
        game.saucer = 0


@kernel
def _move_shot(game: Record) -> float:
    """Move the shot, and return the points of what it hits."""
    for _ in range(2):
        game.shot_y -= 0.5 * SHOT_SPEED
        if game.shot_y < SKY_TOP:
            game.shot = 0
            return 0.0
        if _hit_bunker(game, game.shot_x, game.shot_y, SHOT_HEIGHT):
            game.shot = 0
            return 0.0
        x, y = game.shot_x, game.shot_y
        if game.saucer != 0 and y < SAUCER_Y + SAUCER_HEIGHT and -1.0 < x - game.saucer_x < SAUCER_WIDTH:
            game.saucer = game.shot = 0
            return float(SAUCER_POINTS)
        for row in range(ROWS):
            for column in range(COLUMNS):
                if game.alive[row, column] == 1:
                    diving = row * COLUMNS + column == game.diver
                    left = game.diver_x if diving else game.x + column * PITCH_X + 0.0
                    top = game.diver_y if diving else game.y + row * PITCH_Y + 0.0
                    if -1.0 < x - left < WIDTH and -SHOT_HEIGHT < y - top < HEIGHT:
                        game.alive[row, column] = game.shot = 0
                        if diving:
                            game.diver = -1
                        return float(ROW_POINTS[row] * (2 if diving else 1))
    return 0.0


@kernel
def reset(game: Record) -> None:
    """Start an episode."""
    game.cannon = float(integers(game, SIZE - CANNON_WIDTH + 1))
    _begin_wave(game)


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    if action in (MOVE_LEFT, LEFT_FIRE):
        game.cannon = max(0.0, game.cannon - CANNON_SPEED)
    elif action in (MOVE_RIGHT, RIGHT_FIRE):
        game.cannon = min(float(SIZE - CANNON_WIDTH), game.cannon + CANNON_SPEED)
    if action >= FIRE and game.shot == 0:
        game.shot = 1
        game.shot_x, game.shot_y = game.cannon + 3.0, CANNON_Y - SHOT_HEIGHT + 0.0
    if game.safe > 0:
        game.safe -= 1
    reward = _move_shot(game) if game.shot == 1 else 0.0
    _march(game)
    _move_saucer(game)
    _drop_bombs(game)
    _move_bombs(game)
    _move_diver(game)
    if remaining(game) == 0 and game.over == 0:
        reward += CLEARED
        game.level += 1
        _begin_wave(game)
    return reward


@kernel
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill_row(canvas, SIZE - 5, 0, -5, 4, 3, game.lives, _LIFE)
    fill_row(canvas, 1, 0, 4, 3, 3, min(game.level, 12), _CANNON)
    fill(canvas, 0, GROUND, SIZE, 1, _GROUND)
    for k in range(BUNKERS):
        for row in range(BUNKER_HEIGHT):
            for column in range(BUNKER_WIDTH):
                if game.bunkers[k, row, column] == 1:
                    canvas[BUNKER_Y + row, BUNKER_FROM + BUNKER_PITCH * k + column] = _BUNKER
    for row in range(ROWS):
        sprite = INVADERS[2 * ROW_KIND[row] + game.gait]
        for column in range(COLUMNS):
            if game.alive[row, column] == 1:
                if row * COLUMNS + column == game.diver:
                    blit(canvas, sprite, round(game.diver_x), round(game.diver_y))
                else:
                    blit(canvas, sprite, game.x + column * PITCH_X, game.y + row * PITCH_Y)
    if game.saucer != 0:
        blit(canvas, SAUCER, round(game.saucer_x), SAUCER_Y)
    if game.shot == 1:
        fill(canvas, round(game.shot_x), round(game.shot_y), 1, SHOT_HEIGHT, _SHOT)
    for k in range(BOMBS):
        if game.bombs[k] == 1:
            fill(canvas, round(game.bomb_x[k]), round(game.bomb_y[k]), 1, BOMB_HEIGHT, _BOMB)
    if game.over == 0 and game.safe % 4 < 2:
        blit(canvas, CANNON, round(game.cannon), CANNON_Y)


@kernel
def _danger(game: Record, cannon: float) -> bool:
    """Whether a bomb or a diving invader will soon hit a cannon at a column."""
    speed = 1.3 + 0.12 * min(game.level, 6)
    for k in range(BOMBS):
        above = game.bombs[k] == 1 and -2.0 < game.bomb_x[k] - cannon < CANNON_WIDTH + 1.0
        if above and CANNON_Y - 9.0 * speed < game.bomb_y[k] + BOMB_HEIGHT:
            return True
    near = game.diver >= 0 and game.diver_y > CANNON_Y - 20.0
    return bool(near and abs(game.diver_x - cannon) < WIDTH + 1.0 and game.shot == 1)


@kernel
def _aim(game: Record) -> float:
    """Column from which a shot hits a low and near invader, its march included."""
    best, target = 1e9, game.cannon
    for row in range(ROWS):
        for column in range(COLUMNS):
            if game.alive[row, column] == 1:
                x, y = game.x + column * PITCH_X + 0.0, game.y + row * PITCH_Y
                if row * COLUMNS + column == game.diver:
                    x, y = game.diver_x, int(game.diver_y)
                else:
                    flight = (CANNON_Y - y) / SHOT_SPEED
                    x += game.direction * 2.0 * flight / march_interval(game)
                    x = max(0.0, min(float(SIZE - WIDTH), x))
                cost = abs(x - game.cannon) - 1.2 * y
                if cost < best:
                    best, target = cost, x
    return float(target)


@kernel
def expert(game: Record) -> int:
    """Scripted player: evade bombs, else shoot from below an invader."""
    fire = 3 if game.shot == 0 else 0
    if _danger(game, game.cannon):
        left, right = game.cannon - 6.0, game.cannon + 6.0
        if left >= 0.0 and (right > SIZE - CANNON_WIDTH or not _danger(game, left)):
            return MOVE_LEFT + fire
        return MOVE_RIGHT + fire
    away = _aim(game) - game.cannon
    if abs(away) <= CANNON_SPEED:
        return STAY + fire
    move = MOVE_RIGHT if away > 0.0 else MOVE_LEFT
    return move if not _danger(game, game.cannon + (CANNON_SPEED if away > 0.0 else -CANNON_SPEED)) else STAY


GAME = Game("Waves", STATE, ACTION_NAMES, LIVES, PALETTE, ((8, 8, 26), (32, 18, 50)), reset, step, draw, expert)

"""Maze: eat all crumbs of a maze while four cats chase the mouse.

## Description
For 80 steps after a piece of cheese, fewer in later mazes but at least 30, the cats are afraid, slow, and can be
caught. Each cat chases in its own way: the first follows the mouse, the second aims ahead of it, the third turns to its
corner when near, the fourth mostly moves at random. Every 260 steps all head for their corners for 60 steps. Cleared
mazes are followed by new ones with faster cats. A tunnel joins the left and the right side.

## Action Space
``Discrete(5)``: 0 go on, 1 up, 2 down, 3 left, 4 right.

## Observation Space
``Box(0, 255, (84, 84, 1), uint8)``: grey levels. The top rows show level and lives.

## Rewards
+1 for a crumb, +3 for cheese, +5, +10, +15 ... for the cats caught with one piece of cheese, +10 for a cleared maze.

## Starting State
Three lives, a random mirror-symmetric maze without dead ends, with 115 crumbs and 4 pieces of cheese; everything waits
for 12 steps, and the cats leave their den one by one.

## Episode End
Terminated when no life is left: being caught costs one. Truncated after ``max_episode_steps`` steps.

## Arguments
``repeat_action_probability``, ``max_episode_steps`` and ``terminal_on_life_loss``: see ``arcade.config.ArcadeConfig``.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, blit, blit_shape, fill, fill_row
from rlkit_envs.arcade.game import Game, lose_life, state_type
from rlkit_envs.arcade.grid import (
    DX,
    DY,
    FAR,
    LEFT,
    PITCH,
    RIGHT,
    SIDE,
    STILL,
    UP,
    arrive,
    distances,
    generate,
    is_open,
    next_column,
    turn_back,
)
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random

ACTION_NAMES = ("go on", "up", "down", "left", "right")
GO_ON = 0  # the other actions are a direction + 1

LIVES = 3
X0, Y0 = 3, 5  # upper left corner of the maze
CATS = 4
START_COLUMN, START_ROW = 5, 8
DEN_COLUMN, DEN_ROW = 5, 4
MOUSE_SPEED = 2.0  # pixels per step
FRIGHT_SPEED = 1.0  # of cats that are afraid
FRIGHT, SHORTEST_FRIGHT = 80, 30  # steps that cats are afraid: in the first maze, and at least
REST_EVERY, REST_FOR = 260, 60  # steps: period and duration of heading for the corners
READY = 12  # steps before anything moves
CRUMB, CHEESE, CAUGHT, CLEARED = 1, 3, 5, 10  # points

PALETTE = Palette(
    {
        "w": (100, (92, 92, 236)),  # walls
        "c": (150, (255, 214, 160)),  # crumbs
        "y": (235, (255, 214, 64)),  # cheese
        "m": (255, (236, 236, 244)),  # mouse
        "p": (230, (255, 150, 176)),  # its ears and tail
        "e": (20, (18, 18, 26)),  # its eyes
        "1": (190, (255, 86, 86)),  # cats
        "2": (175, (255, 150, 60)),
        "3": (205, (90, 216, 220)),
        "4": (160, (226, 120, 236)),
        "f": (70, (56, 88, 216)),  # afraid cats
        "F": (120, (190, 204, 255)),  # and shortly before the end
        "v": (90, (120, 255, 140)),  # their eyes
        "l": (210, (240, 84, 104)),  # lives
        "g": (215, (120, 220, 150)),  # levels
    }
)
MOUSE = PALETTE.sprites(
    (".pp...", "pmmpm.", ".mmmm.", "mmmeme", ".mmmm.", "p.m.m."),
    (".pp...", "pmmpm.", ".mmmm.", "mmmeme", "pmmmm.", ".m.m.."),
)
CAT = PALETTE.sprites(
    *[(f"{k}....{k}", f"{k}{k}{k}{k}{k}{k}", f"{k}v{k}{k}v{k}", k * 6, f".{k * 4}.", f"{k}.{k}{k}.{k}") for k in "1234"]
)
CAT_SHAPE = PALETTE.sprite("f....f", "ffffff", "f.ff.f", "ffffff", ".ffff.", "f.ff.f")
CHEESE_SPRITE = PALETTE.sprite("...yy.", "..yyyy", ".yy.yy", "yyyyyy", "y.yyyy", "yyyyyy")
_WALL, _CRUMB, _AFRAID, _FADING, _LIFE, _LEVEL = (PALETTE[letter] for letter in "wcfFlg")

STATE = state_type(
    ("open", "i1", (SIDE, SIDE)),  # the maze, see grid.py
    ("food", "i1", (SIDE, SIDE)),  # 1 crumb, 2 cheese
    ("columns", "i8", (CATS + 1,)),  # of the cats and, last, of the mouse
    ("rows", "i8", (CATS + 1,)),
    ("directions", "i8", (CATS + 1,)),
    ("ways", "f8", (CATS + 1,)),  # pixels
    ("waits", "i8", (CATS,)),  # steps until a cat leaves the den
    ("afraid", "i1", (CATS,)),
    ("fright", "i8"),  # steps that cats stay afraid
    ("caught", "i8"),  # cats, since the last cheese
    ("ready", "i8"),  # steps until anything moves
    ("mirrored", "i8"),  # whether the mouse faces left
)
_MOUSE = CATS


@kernel
def _place_all(game: Record) -> None:
    """Put the mouse and the cats at their starts."""
    game.ready = READY
    game.fright = 0
    game.afraid[:] = 0
    game.ways[:] = 0.0
    game.directions[:] = STILL
    for k in range(CATS):
        game.columns[k], game.rows[k] = DEN_COLUMN, DEN_ROW
        game.waits[k] = 25 * k
    game.columns[_MOUSE], game.rows[_MOUSE] = START_COLUMN, START_ROW


@kernel
def begin_level(game: Record) -> None:
    """Start a level in a new maze."""
    generate(game)
    game.food[:] = 1
    for row in (1, SIDE - 2):
        game.food[row, 0] = game.food[row, SIDE - 1] = 2
    game.food[START_ROW, START_COLUMN] = game.food[DEN_ROW, DEN_COLUMN] = 0
    _place_all(game)


@kernel
def _position(game: Record, k: int) -> tuple[float, float]:
    """Left side and top of a cat or the mouse, in pixels."""
    d, way = game.directions[k], game.ways[k]
    return X0 + 1.0 + PITCH * game.columns[k] + way * DX[d], Y0 + 1.0 + PITCH * game.rows[k] + way * DY[d]


@kernel
def _move_mouse(game: Record, action: int) -> None:
    wanted = action - 1 if action != GO_ON else game.directions[_MOUSE]
    if wanted == LEFT:
        game.mirrored = 1
    elif wanted == RIGHT:
        game.mirrored = 0
    column, row = game.columns[_MOUSE], game.rows[_MOUSE]
    if game.ways[_MOUSE] == 0.0:
        if is_open(game, column, row, wanted):
            game.directions[_MOUSE] = wanted
        elif not is_open(game, column, row, game.directions[_MOUSE]):
            game.directions[_MOUSE] = STILL
    elif wanted == game.directions[_MOUSE] ^ 1:
        turn_back(game, _MOUSE)
    if game.directions[_MOUSE] == STILL:
        return
    game.ways[_MOUSE] += MOUSE_SPEED
    if game.ways[_MOUSE] >= PITCH:
        beyond = arrive(game, _MOUSE)
        column, row = game.columns[_MOUSE], game.rows[_MOUSE]
        if is_open(game, column, row, wanted):
            game.directions[_MOUSE] = wanted
            game.ways[_MOUSE] = beyond
        elif is_open(game, column, row, game.directions[_MOUSE]):
            game.ways[_MOUSE] = beyond
        else:
            game.directions[_MOUSE] = STILL


@kernel
def _eat(game: Record) -> float:
    """Eat what is in the cell nearest to the mouse, and return its points."""
    column, row = game.columns[_MOUSE], game.rows[_MOUSE]
    if 2.0 * game.ways[_MOUSE] > PITCH:
        d = game.directions[_MOUSE]
        column, row = next_column(column, d), row + DY[d]
    food = game.food[row, column]
    if food == 0:
        return 0.0
    game.food[row, column] = 0
    if food == 1:
        return float(CRUMB)
    game.fright = max(SHORTEST_FRIGHT, FRIGHT - 8 * (game.level - 1))
    game.caught = 0
    for k in range(CATS):
        if game.waits[k] == 0:
            game.afraid[k] = 1
            turn_back(game, k)
    return float(CHEESE)


@kernel
def _goal(game: Record, k: int) -> int:
    """The cell that a cat heads for, as row * SIDE + column; -1 for a random walk."""
    column, row = game.columns[_MOUSE], game.rows[_MOUSE]
    corner_column, corner_row = (SIDE - 1) * (k % 2), (SIDE - 1) * (k // 2)
    if game.steps % REST_EVERY >= REST_EVERY - REST_FOR:
        return corner_row * SIDE + corner_column
    if k == 1:
        d = game.directions[_MOUSE]
        column = max(0, min(SIDE - 1, column + 3 * DX[d]))
        row = max(0, min(SIDE - 1, row + 3 * DY[d]))
    elif k == 2 and abs(column - game.columns[k]) + abs(row - game.rows[k]) < 4:
        column, row = corner_column, corner_row
    elif k == 3 and random(game) < 0.6:
        return -1
    return int(row * SIDE + column)


@kernel
def _choose_way(game: Record, k: int) -> int:
    """The open direction towards a cat's goal, the way back excluded."""
    goal = -1 if game.afraid[k] == 1 else _goal(game, k)
    column, row = game.columns[k], game.rows[k]
    back = game.directions[k] ^ 1 if game.directions[k] < STILL else STILL
    best, found, count = 1_000_000, back, 0
    for d in range(4):
        if d == back or not is_open(game, column, row, d):
            continue
        count += 1
        if goal < 0:
            if integers(game, count) == 0:
                found = d
            continue
        dx, dy = column + DX[d] - goal % SIDE, row + DY[d] - goal // SIDE
        if dx * dx + dy * dy < best:
            best, found = dx * dx + dy * dy, d
    return found


@kernel
def _move_cat(game: Record, k: int) -> None:
    if game.waits[k] > 0:
        game.waits[k] -= 1
        return
    if game.directions[k] == STILL:
        game.directions[k] = _choose_way(game, k)
    game.ways[k] += FRIGHT_SPEED if game.afraid[k] == 1 else min(1.95, 1.5 + 0.08 * game.level - 0.05 * k)
    if game.ways[k] >= PITCH:
        beyond = arrive(game, k)
        game.directions[k] = _choose_way(game, k)
        game.ways[k] = beyond


@kernel
def _meet(game: Record) -> float:
    """Points for the cats that the mouse catches, -1 if a cat catches the mouse."""
    points = 0.0
    mouse_x, mouse_y = _position(game, _MOUSE)
    for k in range(CATS):
        x, y = _position(game, k)
        if abs(x - mouse_x) < 4.0 and abs(y - mouse_y) < 4.0:
            if game.afraid[k] == 0:
                return -1.0
            game.caught += 1
            points += CAUGHT * game.caught
            game.afraid[k] = 0
            game.columns[k], game.rows[k] = DEN_COLUMN, DEN_ROW
            game.directions[k], game.ways[k] = STILL, 0.0
            game.waits[k] = 45
    return points


@kernel
def step(game: Record, action: int) -> float:
    """Carry out one action, and return the reward."""
    if game.ready > 0:
        game.ready -= 1
        return 0.0
    _move_mouse(game, action)
    reward = _eat(game)
    met = _meet(game)
    if met >= 0.0:
        for k in range(CATS):
            _move_cat(game, k)
        reward += met
        met = _meet(game)
        reward += max(0.0, met)
    if game.fright > 0:
        game.fright -= 1
        if game.fright == 0:
            game.afraid[:] = 0
    if met < 0.0:
        lose_life(game)
        if game.over == 0:
            _place_all(game)
    elif not game.food.any():
        reward += CLEARED
        game.level += 1
        begin_level(game)
    return float(reward)


@kernel
def _draw_maze(game: Record, canvas: Canvas) -> None:
    """Draw walls and food, pixel by pixel, which takes half as long as filled rectangles."""
    for row in range(SIDE):
        for column in range(SIDE):
            x, y = X0 + PITCH * column, Y0 + PITCH * row
            ways = game.open[row, column]
            if (ways >> UP) & 1 == 0:
                for k in range(PITCH + 1):
                    canvas[y, x + k] = _WALL
            if (ways >> LEFT) & 1 == 0:
                for k in range(PITCH + 1):
                    canvas[y + k, x] = _WALL
            food = game.food[row, column]
            if food == 1:
                canvas[y + 3, x + 3] = canvas[y + 3, x + 4] = _CRUMB
                canvas[y + 4, x + 3] = canvas[y + 4, x + 4] = _CRUMB
            elif food == 2:
                blit(canvas, CHEESE_SPRITE, x + 1, y + 1)
    for row in range(SIDE):
        if not is_open(game, SIDE - 1, row, RIGHT):
            fill(canvas, X0 + PITCH * SIDE, Y0 + PITCH * row, 1, PITCH + 1, _WALL)
    fill(canvas, X0, Y0 + PITCH * SIDE, PITCH * SIDE + 1, 1, _WALL)


@kernel
def draw(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    fill_row(canvas, SIZE - 8, 0, -5, 4, 3, game.lives, _LIFE)
    fill_row(canvas, 3, 0, 4, 3, 3, min(game.level, 12), _LEVEL)
    _draw_maze(game, canvas)
    if game.over == 0:
        x, y = _position(game, _MOUSE)
        sprite = MOUSE[(game.steps // 2) % 2]
        blit(canvas, sprite, int(np.floor(x + 0.5)), int(np.floor(y + 0.5)), game.mirrored == 1)
    for k in range(CATS):
        left, top = _position(game, k)
        x, y = int(np.floor(left + 0.5)), int(np.floor(top + 0.5))
        if game.afraid[k] == 1:
            fading = game.fright < 24 and game.fright % 6 < 3
            blit_shape(canvas, CAT_SHAPE, x, y, _FADING if fading else _AFRAID)
        else:
            blit(canvas, CAT[k], x, y)


@kernel
def _cats_reach(game: Record) -> np.ndarray:
    """(SIDE, SIDE) steps in which the nearest cat that is not afraid can be in each cell."""
    reached = np.full((SIDE, SIDE), FAR, dtype=np.int64)
    queue = np.zeros(8 * SIDE * SIDE, dtype=np.int64)
    count = 0
    for k in range(CATS):
        if game.afraid[k] == 0 and game.waits[k] < 8:
            row, column, d = game.rows[k], game.columns[k], game.directions[k]
            reached[row, column] = 0
            queue[count] = row * SIDE + column
            count += 1
            if d != STILL:
                reached[row + DY[d], next_column(column, d)] = 0
                queue[count] = (row + DY[d]) * SIDE + next_column(column, d)
                count += 1
    distances(game, reached, queue, count, np.full((SIDE, SIDE), FAR, dtype=np.int64))
    return reached


@kernel
def _is_target(game: Record, row: int, column: int) -> bool:
    """Whether a cell has food or an afraid cat."""
    if game.food[row, column] != 0:
        return True
    for k in range(CATS):
        if game.afraid[k] == 1 and game.rows[k] == row and game.columns[k] == column and game.fright > 20:
            return True
    return False


@kernel
def expert(game: Record) -> int:
    """Scripted player: to the nearest food or afraid cat that no cat can cut off, else to where most room is."""
    column, row, d = game.columns[_MOUSE], game.rows[_MOUSE], game.directions[_MOUSE]
    danger = _cats_reach(game)
    if game.ways[_MOUSE] > 0.0:
        ahead_column, ahead_row = next_column(column, d), row + DY[d]
        if danger[ahead_row, ahead_column] <= 1 and danger[row, column] > danger[ahead_row, ahead_column]:
            return int((d ^ 1) + 1)
        column, row = ahead_column, ahead_row
    best, found = FAR, -1
    roomiest, flight = -1, 0
    for way in range(4):
        if not is_open(game, column, row, way):
            continue
        x, y = next_column(column, way), row + DY[way]
        reached = np.full((SIDE, SIDE), FAR, dtype=np.int64)
        queue = np.zeros(8 * SIDE * SIDE, dtype=np.int64)
        reached[row, column] = 0
        if danger[y, x] > 2:
            reached[y, x] = 1
            queue[0] = y * SIDE + x
            distances(game, reached, queue, 1, danger - 1)
            room = 0
            for r in range(SIDE):
                for c in range(SIDE):
                    if reached[r, c] < FAR:
                        room += 1
                        if (r != row or c != column) and _is_target(game, r, c) and reached[r, c] < best:
                            best, found = reached[r, c], way
            if room > roomiest:
                roomiest, flight = room, way + 1
        elif roomiest < 0 and danger[y, x] > danger[row, column]:
            flight = way + 1
    return found + 1 if found >= 0 else flight


GAME = Game("Maze", STATE, ACTION_NAMES, LIVES, PALETTE, ((10, 10, 24), (22, 14, 36)), begin_level, step, draw, expert)

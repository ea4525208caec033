"""Maze: a mouse eats every crumb of the maze, with four cats after it; cheese turns the hunt round.

A crumb is a point, a piece of cheese three. For a while after cheese cats are afraid: catching one is worth five
points, the next ten, and so on. A maze that is eaten clean is worth ten more, and a new one comes, in which cats are
quicker and their fear is shorter. Each cat hunts in a way of its own: one follows, one heads you off, one keeps to its
corner when you come near, one strolls. Now and then all of them go home to their corners for a moment. Three lives. The
passages at the left and at the right are one tunnel.
"""

import numpy as np

from rlkit_envs.arcade.drawing import SIZE, Canvas, Palette, fill, stamp, tint
from rlkit_envs.arcade.game import Game, state_type
from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import heard_action, pick, share

ACTION_NAMES = ("go on", "up", "down", "left", "right")
GO_ON = 0  # the other actions are directions, counted from 1
UP, DOWN, LEFT, RIGHT, STILL = range(5)  # directions; the opposite of d is d ^ 1
DX = np.array([0, 0, -1, 1, 0], dtype=np.int64)
DY = np.array([-1, 1, 0, 0, 0], dtype=np.int64)

LIVES = 3
SIDE = 11  # cells
PITCH = 7  # pixels from cell to cell, one of them wall
X0, Y0 = 3, 5  # upper left corner of the maze
TUNNEL = 5  # row
CATS = 4
START_COLUMN, START_ROW = 5, 8
DEN_COLUMN, DEN_ROW = 5, 4
MOUSE_SPEED = 2.0  # pixels per decision
FRIGHT_SPEED = 1.0
FRIGHT, SHORTEST_FRIGHT = 80, 30  # decisions
REST_EVERY, REST_FOR = 260, 60  # decisions: cats go to their corners that often, and for so long
READY = 12  # decisions before anybody moves
CRUMB, CHEESE, CAUGHT, CLEARED = 1, 3, 5, 10  # points

PALETTE = Palette(
    {
        "w": (100, (92, 92, 236)),  # walls
        "c": (150, (255, 214, 160)),  # crumbs
        "y": (235, (255, 214, 64)),  # cheese
        "m": (255, (236, 236, 244)),  # mouse
        "p": (230, (255, 150, 176)),  # its ears and tail
        "e": (20, (18, 18, 26)),  # eyes
        "1": (190, (255, 86, 86)),  # cats
        "2": (175, (255, 150, 60)),
        "3": (205, (90, 216, 220)),
        "4": (160, (226, 120, 236)),
        "f": (70, (56, 88, 216)),  # cats that are afraid
        "F": (120, (190, 204, 255)),  # and will not be for long
        "v": (90, (120, 255, 140)),  # eyes of cats
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
CHEESE_PICTURE = PALETTE.sprite("...yy.", "..yyyy", ".yy.yy", "yyyyyy", "y.yyyy", "yyyyyy")
_WALL, _CRUMB, _AFRAID, _FADING, _LIFE, _LEVEL = (PALETTE[letter] for letter in "wcfFlg")

STATE = state_type(
    ("open", "i1", (SIDE, SIDE)),  # [row, column]: bit d is set where one can go in direction d
    ("food", "i1", (SIDE, SIDE)),  # 1 crumb, 2 cheese
    ("columns", "i8", (CATS + 1,)),  # cells of the cats and, last, of the mouse: where they are or come from
    ("rows", "i8", (CATS + 1,)),
    ("directions", "i8", (CATS + 1,)),
    ("ways", "f8", (CATS + 1,)),  # pixels gone towards the next cell, less than PITCH
    ("waits", "i8", (CATS,)),  # decisions until a cat leaves its den
    ("afraid", "i1", (CATS,)),
    ("fright", "i8"),  # decisions that it lasts
    ("caught", "i8"),  # cats, since the last cheese
    ("ready", "i8"),  # decisions until everybody moves
    ("mirrored", "i8"),  # whether the mouse looks left
)
_MOUSE = CATS


@kernel
def is_open(game: Record, column: int, row: int, direction: int) -> bool:
    """Whether one can leave a cell in a direction."""
    return direction < STILL and (game.open[row, column] >> direction) & 1 == 1


@kernel
def next_column(column: int, direction: int) -> int:
    """The column that one comes to; the tunnel leads from one side to the other."""
    return int((column + DX[direction] + SIDE) % SIDE)


@kernel
def _carve(game: Record, column: int, row: int, direction: int) -> None:
    """Open a wall and its mirror image, from both sides."""
    for half in range(2):
        x = column if half == 0 else SIDE - 1 - column
        d = direction if half == 0 or direction < LEFT else direction ^ 1
        game.open[row, x] |= 1 << d
        game.open[row + DY[d], next_column(x, d)] |= 1 << (d ^ 1)


@kernel
def _closed_way(game: Record, column: int, row: int, visited: np.ndarray, fresh: bool) -> int:
    """A random closed wall of a cell of the left half, behind which nobody has been (or anybody), or STILL."""
    found, count = STILL, 0
    for d in range(4):
        x, y = column + DX[d], row + DY[d]
        inside = 0 <= x <= SIDE // 2 and 0 <= y < SIDE
        if inside and not is_open(game, column, row, d) and not (fresh and visited[y, x]):
            count += 1
            if pick(game, count) == 0:
                found = d
    return found


@kernel
def _dig(game: Record) -> None:
    """Dig a maze that is its own mirror image and has no dead ends: a random walk with steps back, then openings."""
    game.open[:] = 0
    visited = np.zeros((SIDE, SIDE), dtype=np.bool_)
    stack = np.zeros(SIDE * SIDE, dtype=np.int64)
    depth = 1
    stack[0] = SIDE // 2
    visited[0, SIDE // 2] = True
    while depth > 0:
        row, column = stack[depth - 1] // SIDE, stack[depth - 1] % SIDE
        d = _closed_way(game, column, row, visited, True)
        if d == STILL:
            depth -= 1
            continue
        _carve(game, column, row, d)
        visited[row + DY[d], column + DX[d]] = True
        stack[depth] = (row + DY[d]) * SIDE + column + DX[d]
        depth += 1
    game.open[TUNNEL, 0] |= 1 << LEFT
    game.open[TUNNEL, SIDE - 1] |= 1 << RIGHT
    for row in range(SIDE):
        for column in range(SIDE // 2 + 1):
            ways = game.open[row, column]
            dead_end = ways & (ways - 1) == 0
            if dead_end or share(game) < 0.06:
                d = _closed_way(game, column, row, visited, False)
                if d != STILL:
                    _carve(game, column, row, d)


@kernel
def _place_all(game: Record) -> None:
    """Put the mouse and the cats where they start."""
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
def _begin_level(game: Record) -> None:
    _dig(game)
    game.food[:] = 1
    for row in (1, SIDE - 2):
        for column in (0, SIDE - 1):
            game.food[row, column] = 2
    game.food[START_ROW, START_COLUMN] = 0
    game.food[DEN_ROW, DEN_COLUMN] = 0
    _place_all(game)


@kernel
def pixel_x(game: Record, k: int) -> float:
    """Left side of a cat, or of the mouse."""
    return float(X0 + 1.0 + PITCH * game.columns[k] + game.ways[k] * DX[game.directions[k]])


@kernel
def pixel_y(game: Record, k: int) -> float:
    """Its top."""
    return float(Y0 + 1.0 + PITCH * game.rows[k] + game.ways[k] * DY[game.directions[k]])


@kernel
def _turn_back(game: Record, k: int) -> None:
    d = game.directions[k]
    if d == STILL:
        return
    if game.ways[k] > 0.0:
        game.columns[k] = next_column(game.columns[k], d)
        game.rows[k] += DY[d]
        game.ways[k] = PITCH - game.ways[k]
    game.directions[k] = d ^ 1


@kernel
def _arrive(game: Record, k: int) -> float:
    """Come into the next cell; returns how far beyond its middle the way has led."""
    d = game.directions[k]
    game.columns[k] = next_column(game.columns[k], d)
    game.rows[k] += DY[d]
    beyond = game.ways[k] - PITCH
    game.ways[k] = 0.0
    return float(beyond)


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
        _turn_back(game, _MOUSE)
    if game.directions[_MOUSE] == STILL:
        return
    game.ways[_MOUSE] += MOUSE_SPEED
    if game.ways[_MOUSE] >= PITCH:
        beyond = _arrive(game, _MOUSE)
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
    """Eat what lies in the cell whose middle the mouse is nearest to, and return its points."""
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
            _turn_back(game, k)
    return float(CHEESE)


@kernel
def _goal(game: Record, k: int) -> int:
    """The cell that a cat heads for, as row * 64 + column; -1 if it strolls."""
    column, row = game.columns[_MOUSE], game.rows[_MOUSE]
    corner_column, corner_row = (SIDE - 1) * (k % 2), (SIDE - 1) * (k // 2)
    if game.steps % REST_EVERY >= REST_EVERY - REST_FOR:
        return corner_row * 64 + corner_column
    if k == 1:
        d = game.directions[_MOUSE]
        column = max(0, min(SIDE - 1, column + 3 * DX[d]))
        row = max(0, min(SIDE - 1, row + 3 * DY[d]))
    elif k == 2 and abs(column - game.columns[k]) + abs(row - game.rows[k]) < 4:
        column, row = corner_column, corner_row
    elif k == 3 and share(game) < 0.6:
        return -1
    return int(row * 64 + column)


@kernel
def _choose_way(game: Record, k: int) -> int:
    """The open direction that leads a cat nearest to its goal; never back where it came from."""
    goal = -1 if game.afraid[k] == 1 else _goal(game, k)
    column, row = game.columns[k], game.rows[k]
    back = game.directions[k] ^ 1 if game.directions[k] < STILL else STILL
    best, found, count = 1_000_000, back, 0
    for d in range(4):
        if d == back or not is_open(game, column, row, d):
            continue
        count += 1
        if goal < 0:
            if pick(game, count) == 0:
                found = d
            continue
        dx, dy = column + DX[d] - goal % 64, row + DY[d] - goal // 64
        if dx * dx + dy * dy < best:
            best, found = dx * dx + dy * dy, d
    return found


@kernel
def cat_speed(game: Record, k: int) -> float:
    """Pixels per decision."""
    if game.afraid[k] == 1:
        return FRIGHT_SPEED
    return float(min(1.95, 1.5 + 0.08 * game.level - 0.05 * k))


@kernel
def _move_cat(game: Record, k: int) -> None:
    if game.waits[k] > 0:
        game.waits[k] -= 1
        return
    if game.directions[k] == STILL:
        game.directions[k] = _choose_way(game, k)
    game.ways[k] += cat_speed(game, k)
    if game.ways[k] >= PITCH:
        beyond = _arrive(game, k)
        game.directions[k] = _choose_way(game, k)
        game.ways[k] = beyond


@kernel
def _meet(game: Record) -> float:
    """Let cats and mouse meet: the points of cats that are caught, or -1 if the mouse is."""
    points = 0.0
    for k in range(CATS):
        near_x = abs(pixel_x(game, k) - pixel_x(game, _MOUSE)) < 4.0
        if near_x and abs(pixel_y(game, k) - pixel_y(game, _MOUSE)) < 4.0:
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
def advance(game: Record, action: int) -> float:
    """Carry out one decision, and return its reward."""
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
        game.lives -= 1
        game.over = 1 if game.lives == 0 else 0
        if game.over == 0:
            _place_all(game)
    elif not game.food.any():
        reward += CLEARED
        game.level += 1
        _begin_level(game)
    game.score += int(reward)
    return float(reward)


@kernel
def _paint_maze(game: Record, canvas: Canvas) -> None:
    """Draw walls and food, pixel by pixel: they are so many and so small that rectangles would take twice as long."""
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
                stamp(canvas, CHEESE_PICTURE, x + 1, y + 1)
    for row in range(SIDE):
        if not is_open(game, SIDE - 1, row, RIGHT):
            fill(canvas, X0 + PITCH * SIDE, Y0 + PITCH * row, 1, PITCH + 1, _WALL)
    fill(canvas, X0, Y0 + PITCH * SIDE, PITCH * SIDE + 1, 1, _WALL)


@kernel
def paint(game: Record, canvas: Canvas) -> None:
    """Draw the game."""
    fill(canvas, 0, 0, SIZE, SIZE, 0)
    for k in range(game.lives):
        fill(canvas, SIZE - 8 - 5 * k, 0, 4, 3, _LIFE)
    for k in range(min(game.level, 12)):
        fill(canvas, 3 + 4 * k, 0, 3, 3, _LEVEL)
    _paint_maze(game, canvas)
    if game.over == 0:
        x, y = int(np.floor(pixel_x(game, _MOUSE) + 0.5)), int(np.floor(pixel_y(game, _MOUSE) + 0.5))
        stamp(canvas, MOUSE[(game.steps // 2) % 2], x, y, game.mirrored == 1)
    for k in range(CATS):
        x, y = int(np.floor(pixel_x(game, k) + 0.5)), int(np.floor(pixel_y(game, k) + 0.5))
        if game.afraid[k] == 1:
            fading = game.fright < 24 and game.fright % 6 < 3
            tint(canvas, CAT_SHAPE, x, y, _FADING if fading else _AFRAID)
        else:
            stamp(canvas, CAT[k], x, y)


@kernel
def _distances(game: Record, reached: np.ndarray, queue: np.ndarray, count: int, limits: np.ndarray) -> None:
    """Steps to every cell from those in the queue, through cells that are reached before their limit.

    Args:
        game: Whose maze.
        reached: (SIDE, SIDE) steps, 1000 where not reached yet; filled here.
        queue: Cells to begin with, row * SIDE + column.
        count: Their number.
        limits: (SIDE, SIDE) steps by which a cell has to be reached.
    """
    head = 0
    while head < count:
        row, column = queue[head] // SIDE, queue[head] % SIDE
        head += 1
        steps = reached[row, column] + 1
        for d in range(4):
            if is_open(game, column, row, d):
                x, y = next_column(column, d), row + DY[d]
                if steps < reached[y, x] and steps < limits[y, x]:
                    reached[y, x] = steps
                    queue[count] = y * SIDE + x
                    count += 1


@kernel
def _cats_reach(game: Record) -> np.ndarray:
    """Steps in which cats that are not afraid can be in each cell, the cell nearest to them included."""
    reached = np.full((SIDE, SIDE), 1000, dtype=np.int64)
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
    _distances(game, reached, queue, count, np.full((SIDE, SIDE), 1000, dtype=np.int64))
    return reached


@kernel
def _worth(game: Record, row: int, column: int) -> bool:
    """Whether a mouse would like to be there: food, or a cat that is afraid."""
    if game.food[row, column] != 0:
        return True
    for k in range(CATS):
        if game.afraid[k] == 1 and game.rows[k] == row and game.columns[k] == column and game.fright > 20:
            return True
    return False


@kernel
def good_action(game: Record) -> int:
    """What a good player does: go for the nearest food that no cat can cut off, else away from them."""
    column, row, d = game.columns[_MOUSE], game.rows[_MOUSE], game.directions[_MOUSE]
    danger = _cats_reach(game)
    if game.ways[_MOUSE] > 0.0:
        ahead_column, ahead_row = next_column(column, d), row + DY[d]
        if danger[ahead_row, ahead_column] <= 1 and danger[row, column] > danger[ahead_row, ahead_column]:
            return int((d ^ 1) + 1)
        column, row = ahead_column, ahead_row
    best, found = 1000, -1
    roomiest, flight = -1, 0
    for way in range(4):
        if not is_open(game, column, row, way):
            continue
        x, y = next_column(column, way), row + DY[way]
        reached = np.full((SIDE, SIDE), 1000, dtype=np.int64)
        queue = np.zeros(8 * SIDE * SIDE, dtype=np.int64)
        reached[row, column] = 0
        if danger[y, x] > 2:
            reached[y, x] = 1
            queue[0] = y * SIDE + x
            _distances(game, reached, queue, 1, danger - 1)
            room = 0
            for r in range(SIDE):
                for c in range(SIDE):
                    if reached[r, c] < 1000:
                        room += 1
                        if (r != row or c != column) and _worth(game, r, c) and reached[r, c] < best:
                            best, found = reached[r, c], way
            if room > roomiest:
                roomiest, flight = room, way + 1
        elif roomiest < 0 and danger[y, x] > danger[row, column]:
            flight = way + 1
    return found + 1 if found >= 0 else flight


@kernel
def begin(games: np.ndarray, mask: np.ndarray) -> None:
    """Start episodes in the records of a mask."""
    for i in range(len(games)):
        if mask[i]:
            game = games[i]
            game.level, game.lives = 1, LIVES
            _begin_level(game)


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


GAME = Game("Maze", STATE, ACTION_NAMES, PALETTE, ((10, 10, 24), (22, 14, 36)), begin, step, draw, expert)

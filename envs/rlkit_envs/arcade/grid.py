"""Mazes on a square grid of cells: generation, shortest distances, and movement from cell to cell.

A maze is the field ``open`` of a game's record, (SIDE, SIDE) int8 in [row, column]: bit d is set where a cell can be
left in direction d. A tunnel joins the left and the right side. Actor k of the record has come ``ways[k]`` pixels, less
than PITCH, from cell (``columns[k]``, ``rows[k]``) in direction ``directions[k]``.
"""

import numpy as np

from rlkit_envs.arcade.jit import Record, kernel
from rlkit_envs.arcade.rng import integers, random

SIDE = 11  # cells
PITCH = 7  # pixels from cell to cell, one of them wall
TUNNEL = 5  # row
UP, DOWN, LEFT, RIGHT, STILL = range(5)  # directions; the opposite of d is d ^ 1
DX = np.array([0, 0, -1, 1, 0], dtype=np.int64)
DY = np.array([-1, 1, 0, 0, 0], dtype=np.int64)
FAR = 1000  # more steps than any path has
_EXTRA_OPENING = 0.06  # probability per cell of a further opening


@kernel
def is_open(game: Record, column: int, row: int, direction: int) -> bool:
    """Whether a cell can be left in a direction; never for STILL."""
    return direction < STILL and (game.open[row, column] >> direction) & 1 == 1


@kernel
def next_column(column: int, direction: int) -> int:
    """The column of the neighbour in a direction, through the tunnel at the sides."""
    return int((column + DX[direction] + SIDE) % SIDE)


@kernel
def _open_wall(game: Record, column: int, row: int, direction: int) -> None:
    """Open a wall and its mirror image, from both sides."""
    for half in range(2):
        x = column if half == 0 else SIDE - 1 - column
        d = direction if half == 0 or direction < LEFT else direction ^ 1
        game.open[row, x] |= 1 << d
        game.open[row + DY[d], next_column(x, d)] |= 1 << (d ^ 1)


@kernel
def _random_wall(game: Record, column: int, row: int, visited: np.ndarray, unvisited_only: bool) -> int:
    """Direction of a random closed wall between two cells of the left half, STILL if there is none."""
    found, count = STILL, 0
    for d in range(4):
        x, y = column + DX[d], row + DY[d]
        inside = 0 <= x <= SIDE // 2 and 0 <= y < SIDE
        if inside and not is_open(game, column, row, d) and not (unvisited_only and visited[y, x]):
            count += 1
            if integers(game, count) == 0:
                found = d
    return found


@kernel
def generate(game: Record) -> None:
    """Generate a mirror-symmetric maze without dead ends: randomised depth-first search, then further openings."""
    game.open[:] = 0
    visited = np.zeros((SIDE, SIDE), dtype=np.bool_)
    stack = np.zeros(SIDE * SIDE, dtype=np.int64)
    depth = 1
    stack[0] = SIDE // 2
    visited[0, SIDE // 2] = True
    while depth > 0:
        row, column = stack[depth - 1] // SIDE, stack[depth - 1] % SIDE
        d = _random_wall(game, column, row, visited, True)
        if d == STILL:
            depth -= 1
            continue
        _open_wall(game, column, row, d)
        visited[row + DY[d], column + DX[d]] = True
        stack[depth] = (row + DY[d]) * SIDE + column + DX[d]
        depth += 1
    game.open[TUNNEL, 0] |= 1 << LEFT
    game.open[TUNNEL, SIDE - 1] |= 1 << RIGHT
    for row in range(SIDE):
        for column in range(SIDE // 2 + 1):
            ways = game.open[row, column]
            dead_end = ways & (ways - 1) == 0
            if dead_end or random(game) < _EXTRA_OPENING:
                d = _random_wall(game, column, row, visited, False)
                if d != STILL:
                    _open_wall(game, column, row, d)


@kernel
def distances(game: Record, reached: np.ndarray, queue: np.ndarray, count: int, limits: np.ndarray) -> None:
    """Breadth-first search: steps to each cell from those in the queue.

    Args:
        game: The game, whose maze is searched.
        reached: (SIDE, SIDE) steps, 0 at the first cells, FAR elsewhere; filled in place.
        queue: First cells, as row * SIDE + column, with room for those that follow.
        count: Number of first cells.
        limits: (SIDE, SIDE); a cell is entered only in fewer steps than this.
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
def turn_back(game: Record, k: int) -> None:
    """Reverse the direction of an actor."""
    d = game.directions[k]
    if d == STILL:
        return
    if game.ways[k] > 0.0:
        game.columns[k] = next_column(game.columns[k], d)
        game.rows[k] += DY[d]
        game.ways[k] = PITCH - game.ways[k]
    game.directions[k] = d ^ 1


@kernel
def arrive(game: Record, k: int) -> float:
    """Put an actor into the cell that it has reached; returns the pixels that it is beyond."""
    d = game.directions[k]
    game.columns[k] = next_column(game.columns[k], d)
    game.rows[k] += DY[d]
    beyond = game.ways[k] - PITCH
    game.ways[k] = 0.0
    return float(beyond)

"""Six games in the manner of early consoles, each a file of compiled kernels over one shared vector environment.

A person plays one with ``rlkit play rlkit/Bricks-v0``; an agent sees (84, 84, 1) uint8 pictures of it.
"""

# Name in the id to the module that holds the game; nothing is compiled before a game is made.
GAMES = {
    "Duel": "duel",
    "Bricks": "bricks",
    "Waves": "waves",
    "Crossing": "crossing",
    "Undersea": "undersea",
    "Maze": "maze",
}

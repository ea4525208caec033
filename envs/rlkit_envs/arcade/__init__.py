"""Six games in the style of early consoles: compiled kernels over one shared vector environment.

Each module in ``games/`` is one game and is registered by its name: ``games/duel.py`` is ``rlkit/Duel-v0``. Its module
docstring describes the game: ``python -m pydoc rlkit_envs.arcade.games.duel``.
"""

import pkgutil

from rlkit_envs.arcade import games

# Name in the id to the game's module; the modules themselves are imported when a game is made.
GAMES = {module.name.title().replace("_", ""): module.name for module in pkgutil.iter_modules(games.__path__)}

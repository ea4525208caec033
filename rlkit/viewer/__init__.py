"""Watch an agent, play, and record videos.

pygame is imported when one of these names is first used.
"""

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # its greeting would be part of the output of `--json`

if TYPE_CHECKING:
    from rlkit.viewer.play_window import play
    from rlkit.viewer.playback import Episode, Playback
    from rlkit.viewer.recorder import record
    from rlkit.viewer.watch_window import show
    from rlkit.viewer.window import has_display

__all__ = ["Episode", "Playback", "has_display", "play", "record", "show"]

_MODULES = {
    "Episode": "playback",
    "Playback": "playback",
    "has_display": "window",
    "play": "play_window",
    "record": "recorder",
    "show": "watch_window",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)

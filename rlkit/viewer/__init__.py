"""Watch an agent, or play yourself: the window, its panels, and recordings of it.

Nothing here imports pygame before it is used.
"""

import os
from typing import TYPE_CHECKING, Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # its greeting would end up in the output of `--json`

if TYPE_CHECKING:
    from rlkit.viewer.play_window import play
    from rlkit.viewer.playback import Episode, Playback
    from rlkit.viewer.video import record
    from rlkit.viewer.window import has_display, show

__all__ = ["Episode", "Playback", "has_display", "play", "record", "show"]

_HOMES = {
    "Episode": "playback",
    "Playback": "playback",
    "has_display": "window",
    "play": "play_window",
    "record": "video",
    "show": "window",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)

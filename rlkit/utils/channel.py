"""Events from a child process to its parent: lines of JSON on what was its standard output."""

import json
import os
from typing import Any, TextIO


def open_channel() -> TextIO:
    """Take over standard output for events; what is printed from now on goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def send(channel: TextIO, event: dict[str, Any]) -> None:
    """Write one event."""
    channel.write(json.dumps(event) + "\n")
    channel.flush()

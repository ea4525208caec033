"""The process in which an environment is examined: `python -m rlkit.env_checker.child`, a request in, events out.

The request and the events are lines of JSON. Whatever the environment prints goes to standard error.
"""

import contextlib
import faulthandler
import json
import os
import signal
import sys
import time
from typing import Any, TextIO

from rlkit.errors import UserError

BEAT = 0.2  # seconds between two events that say how far it is


class Beats:
    """Tells the parent what is about to be done, now and then.

    Args:
        channel: Where events go.
    """

    def __init__(self, channel: TextIO):
        self._channel = channel
        self._last = 0.0
        self._lenient = False

    def __call__(self, doing: str, lenient: bool) -> None:
        """A pulse, as `Subject` gives it."""
        now = time.monotonic()
        if now - self._last < BEAT and lenient == self._lenient:
            return
        self._last, self._lenient = now, lenient
        send(self._channel, {"doing": doing, "lenient": lenient})


def send(channel: TextIO, event: dict[str, Any]) -> None:
    """Write one event."""
    channel.write(json.dumps(event) + "\n")
    channel.flush()


def main() -> None:
    """Read a request, examine, and send the report or the digest."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable(all_threads=False)  # says where it was if it crashes
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)  # and where it hangs, if the parent asks
    request = json.loads(sys.stdin.readline())
    send(channel, {"doing": "import", "lenient": True})
    try:
        send(channel, _answer(request, Beats(channel)))
    except UserError as error:
        send(channel, {"refused": str(error), "exit_code": error.exit_code})
    channel.flush()
    # Threads, pools and windows of somebody else's are not waited for.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


def _answer(request: dict[str, Any], beats: Beats) -> dict[str, Any]:
    from rlkit.env.config import EnvConfig
    from rlkit.env_checker.runner import digest_of, examine

    config = EnvConfig(request["id"], request["kwargs"])
    if request["only_digest"]:
        return {"digest": digest_of(config, pulse=beats)}
    report = examine(config, request["steps"], timed=request["timed"], pulse=beats)
    return {"report": report.to_json()}


if __name__ == "__main__":
    main()

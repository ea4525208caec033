"""The process that runs the checks: `python -m rlkit.env_checker.child`.

The request on standard input and the events on standard output are lines of JSON. Whatever the environment prints goes
to standard error.
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
from rlkit.utils.channel import open_channel, send

INTERVAL = 0.2  # s between progress events


class ProgressSender:
    """Sends progress to the parent, at most once per `INTERVAL`.

    Args:
        channel: Receives the events.
    """

    def __init__(self, channel: TextIO):
        self._channel = channel
        self._last = 0.0
        self._lenient = False

    def __call__(self, doing: str, lenient: bool) -> None:
        """Report progress, as `Subject` does."""
        now = time.monotonic()
        if now - self._last < INTERVAL and lenient == self._lenient:
            return
        self._last, self._lenient = now, lenient
        send(self._channel, {"doing": doing, "lenient": lenient})


def main() -> None:
    """Read the request, run the checks, and send the report or the digest."""
    channel = open_channel()
    faulthandler.enable(all_threads=False)  # prints the line of a crash
    if hasattr(signal, "SIGUSR1"):
        faulthandler.register(signal.SIGUSR1, all_threads=False)  # and of a hang, at the request of the parent
    request = json.loads(sys.stdin.readline())
    send(channel, {"doing": "import", "lenient": True})
    try:
        send(channel, _run(request, ProgressSender(channel)))
    except UserError as error:
        send(channel, {"refused": str(error), "exit_code": error.exit_code})
    channel.flush()
    # Do not wait for threads, pools and windows of the environment.
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(0)


def _run(request: dict[str, Any], sender: ProgressSender) -> dict[str, Any]:
    from rlkit.env.config import EnvConfig
    from rlkit.env_checker.runner import digest_of, examine

    config = EnvConfig(request["id"], request["kwargs"])
    if request["only_digest"]:
        return {"digest": digest_of(config, progress=sender)}
    report = examine(config, request["steps"], timed=request["timed"], progress=sender)
    return {"report": report.to_json()}


if __name__ == "__main__":
    main()

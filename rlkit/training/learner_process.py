"""Code of a learner other than the first: `python -m rlkit.training.learner_process SOCKET`.

SOCKET is a file descriptor, by which the first learner sends the task: rank, number of learners, device, the file by
which they find each other, a function and its arguments.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection


def main() -> None:
    """Do the task; end when the first learner does."""
    number = int(sys.argv[1])
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the first learner decides when all stop
        signal.signal(ignored, lambda number, frame: None)
    threading.Thread(target=_end_with_first, args=(number,), daemon=True).start()
    from rlkit.errors import UserError
    from rlkit.nn.distributed import LearnerLost
    from rlkit.training.learners import READY, connected

    connection = Connection(number)
    rank, count, device, store, function, arguments = connection.recv()
    connection.send(READY)
    status = 1
    try:
        with connected(rank, count, device, store) as group:
            function(group, *arguments)
        status = 0
    except UserError as error:
        with contextlib.suppress(OSError):
            connection.send((str(error), error.exit_code))
    except LearnerLost:
        pass
    except BaseException:
        traceback.print_exc()
    os._exit(status)  # does not wait for threads of environments


def _end_with_first(number: int) -> None:
    """Wait until the first learner closes its end of the socket, then kill this process and its subprocesses."""
    poll = select.poll()
    poll.register(number, 0)  # hang-up only
    poll.poll()
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()

"""Connecting to Ray: the extra `cluster`, imported where it is asked for only."""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from rlkit.errors import UserError

LOCAL = "local"  # a cluster of this machine alone, which starts and ends with the command
STARTING = 600.0  # s that a process, or the environments in it, may take to start
SILENT = 60.0  # s without an answer from another process after which it counts as lost


def load_ray() -> Any:
    """The module ray.

    Raises:
        UserError: It is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        sentence = 'Ray is not installed: pip install "rlkit-toolkit[cluster]"'
        raise UserError(sentence, exit_code=1) from error
    return ray


@contextlib.contextmanager
def connected(address: str = LOCAL) -> Iterator[Any]:
    """Connect to a cluster within the block; what was started for it ends with it.

    Args:
        address: `local`, `auto` for the cluster that this machine is a node of, or HOST:PORT.

    Yields:
        The module ray.

    Raises:
        UserError: Ray is not installed, or the cluster does not answer.
    """
    ray = load_ray()
    if ray.is_initialized():  # by the caller, whose it stays
        yield ray
        return
    try:
        ray.init(
            address=address,
            namespace="rlkit",
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise UserError(
            f"--ray {address}: no cluster answers there ({str(error).splitlines()[0]})", exit_code=1
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()

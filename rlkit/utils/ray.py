"""Ray (Moritz et al., OSDI 2018): the extra `cluster`, imported only where it was asked for."""

import os
from typing import Any

from rlkit.errors import UserError

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
STARTING = 600.0  # s that a process, or the environments in it, may take to start
SILENT = 60.0  # s without an answer from another process after which it counts as lost


def load_ray() -> Any:
    """The module ray.

    Raises:
        UserError: It is not installed.
    """
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        sentence = 'Ray is not installed: pip install "rlkit-toolkit[cluster]"'
        raise UserError(sentence, exit_code=1) from error
    return ray

"""Importing the packages changes nothing in the process that imports them."""

import subprocess
import sys


def test_importing_changes_no_environment_variable_and_loads_no_torch():
    code = (
        "import os, sys, gymnasium; before = dict(os.environ); import rlkit, rlkit_envs; "
        "assert dict(os.environ) == before, set(os.environ) ^ set(before); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

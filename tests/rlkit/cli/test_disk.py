"""A full disk under the output of a command, and files that may not be read, end it with a sentence."""

import functools
import subprocess
import sys

import pytest

from rlkit.cli.disk import disk_failures
from rlkit.errors import DiskError


@pytest.mark.parametrize("arguments", [["--version"], ["train", "--help"]])
def test_an_output_for_which_the_disk_has_no_room_is_named(tmp_path, arguments):
    resource = pytest.importorskip("resource", reason="limits of a process are those of Unix")
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (3, 3))
    with (tmp_path / "out").open("wb") as out:
        ended = subprocess.run(
            [sys.executable, "-P", "-m", "rlkit", *arguments], stdout=out, stderr=subprocess.PIPE, preexec_fn=limit
        )
    assert ended.returncode == 1
    assert ended.stderr.decode() == (
        "rlkit: standard output cannot be written: the limit on the size of a file is reached (ulimit -f)\n"
    )


def test_an_error_of_the_disk_that_no_other_place_has_caught_is_a_sentence():
    with pytest.raises(DiskError, match=r"data.csv cannot be read or written: permission is denied"), disk_failures():
        raise PermissionError(13, "Permission denied", "data.csv")
    with pytest.raises(ChildProcessError), disk_failures():  # a bug keeps its traceback
        raise ChildProcessError(10, "No child processes")

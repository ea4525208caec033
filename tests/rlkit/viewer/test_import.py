import subprocess
import sys

import pytest

import rlkit.viewer


def test_importing_the_viewer_does_not_import_pygame():
    code = "import sys, rlkit.viewer; print(sorted({'pygame', 'torch', 'imageio'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", rlkit.viewer.__all__)
def test_every_public_name_is_there(name):
    assert getattr(rlkit.viewer, name).__name__ == name


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="nonsense"):
        rlkit.viewer.nonsense  # noqa: B018

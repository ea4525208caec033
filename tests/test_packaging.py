"""The built wheel is complete and works from any folder. `.ci/check_packaging.py` checks pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the wheel installed."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True)
    (wheel,) = folder.glob("rlkit_toolkit-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def data_files():
    """Files read at run time: templates of new packages, weights of perception and of pretrained agents."""
    folder = ROOT / "rlkit"
    found = [
        *folder.glob("cli/templates/**/*.template"),
        *folder.glob("perception/weights/*"),
        *folder.glob("pretrained/*"),
    ]
    assert len(found) > 10
    return {path.relative_to(ROOT) for path in found}


@pytest.mark.slow
def test_templates_and_weights_are_in_the_wheel(installed):
    assert all((installed / path).read_bytes() == (ROOT / path).read_bytes() for path in data_files())


@pytest.mark.slow
def test_a_built_wheel_trains_from_a_folder_with_an_envs_folder_of_its_own(installed, tmp_path):
    for name in ("envs", "agents", "rlkit_mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong package')\n")
    command = ["train", "rlkit/Driving-v0", "--steps", "640", "--eval-episodes", "2", "--run-dir", "run", "-q"]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    subprocess.run([sys.executable, "-m", "rlkit", *command], cwd=tmp_path, env=environment, check=True)
    code = "import rlkit, rlkit_envs, rlkit_agents; print(rlkit.__file__, rlkit_envs.__file__, rlkit_agents.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert all(path.startswith(str(installed)) for path in found.stdout.split())
    assert all((installed / name / "py.typed").exists() for name in ("rlkit", "rlkit_envs", "rlkit_agents"))


def test_the_three_packages_and_their_plugins_are_declared():
    import importlib.metadata

    distribution = importlib.metadata.distribution("rlkit-toolkit")
    names = {(entry.group, entry.name) for entry in distribution.entry_points}
    assert {("rlkit.envs", "rlkit_envs"), ("rlkit.agents", "dqn"), ("console_scripts", "rlkit")} <= names

"""`rlkit play` as a stranger meets it."""

import os
import subprocess
import sys

import pytest

MUTE = """
import gymnasium, numpy as np


class Mute(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"]}
    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        return np.zeros(1, np.float32), {}

    def render(self):
        return np.zeros((8, 8, 3), np.uint8)
"""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["play", "rlkit/Drivin-v0"], "Did you mean rlkit/Driving-v0"),
        (["play", "rlkit/Driving-v0", "--seed", "-1"], "--seed"),
        (["play", "rlkit/Driving-v0", "--episodes", "0"], "--episodes"),
        (["play", "rlkit/Driving-v0", "--env-kwargs", "split"], "KEY=VALUE"),
        (["play", "rlkit/Driving-v0", "--scenario", "gone.csv"], "gone.csv"),
        (["play", "CartPole-v1", "--scenario", "x.csv"], "no circuits"),
        (["play", "rlkit/Driving-v0", "--scores", "/no/such/folder/b.json"], "does not exist"),
        (["play", "rlkit/Driving-v0"], "no display"),
    ],
)
def test_the_likely_mistakes_get_one_sentence(rlkit, arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert rlkit(*arguments) == 2
    told = capsys.readouterr()
    assert sentence in told.err + told.out
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_an_environment_without_keys_is_told_what_to_add(rlkit, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("rlkit.viewer.play_window.has_display", lambda: True)
    (tmp_path / "mute.py").write_text(MUTE)
    assert rlkit("play", f"{tmp_path}/mute.py:Mute") == 2
    assert "get_keys_to_action()" in capsys.readouterr().err


def test_help_comes_without_slow_imports():
    code = "import sys; from rlkit.cli import main\ntry: main(['play', '--help'])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'numba', 'gymnasium', 'pygame'} & set(sys.modules), 'slow imports'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "ghost" in done.stdout

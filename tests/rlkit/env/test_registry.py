import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.registry import check_render_mode, current_atari_id, find_spec, make_single, spec_metadata
from rlkit.errors import UserError

ENVIRONMENT = """
import gymnasium, numpy as np
from gymnasium import spaces

class Base:
    pass

class Corridor(gymnasium.Env):
    observation_space = spaces.Box(0, 9, (1,), np.float32)
    action_space = spaces.Discrete(2)
    def __init__(self, length=9, render_mode=None):
        self.length = length
    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = 0
        return np.zeros(1, np.float32), {}
    def step(self, action):
        self.place += 1 if action else -1
        return np.full(1, self.place, np.float32), 1.0, self.place >= self.length, False, {}
"""


@pytest.fixture
def _clean_imports():
    path = list(sys.path)
    yield
    sys.path[:] = path
    for module in [m for m in sys.modules if m.startswith(("their_", "rlkit_file_"))]:
        del sys.modules[module]


def refused(environment_id: str, said: str, exit_code: int = 2, **kwargs) -> None:
    with pytest.raises(UserError, match=said) as caught:
        find_spec(environment_id, **kwargs)
    assert caught.value.exit_code == exit_code
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("_clean_imports")
def test_an_unknown_id_offers_the_nearest():
    refused("CartPol-v1", r"no environment called 'CartPol-v1'\. Did you mean CartPole-v1")
    refused("Cartpole", r"Did you mean CartPole-v1, CartPole-v0")
    refused("", "id is needed")


@pytest.mark.usefixtures("_clean_imports")
def test_an_old_atari_id_names_the_current_one(caplog):
    with pytest.raises(UserError, match="This Atari game is ALE/NoSuchGame-v5, with frame skip"):
        find_spec("NoSuchGameNoFrameskip-v4")
    pytest.importorskip("ale_py", reason="the emulator is an extra: pip install rlkit-toolkit[atari]")
    find_spec("ALE/Pong-v5")
    assert [current_atari_id(name) for name in ("PongNoFrameskip-v4", "Pong-ramDeterministic-v4", "Pong-v0")] == [
        "ALE/Pong-v5"
    ] * 3
    assert current_atari_id("CartPole-v1") is None
    find_spec("PongNoFrameskip-v4")
    assert "ALE/Pong-v5 is the same game with frame skip" in caplog.text


def test_a_class_in_a_file_is_an_environment(tmp_path):
    (tmp_path / "their_env.py").write_text(ENVIRONMENT)
    config = EnvConfig(f"{tmp_path}/their_env.py:Corridor", {"length": 2})
    with make_vec_env(config, 2) as environments:
        environments.reset([0, 1])
        assert not environments.step([1, 1]).ended.any()
        assert environments.step([1, 0]).terminated.tolist() == [True, False]


@pytest.mark.usefixtures("_clean_imports")
def test_a_file_is_read_again_once_it_has_changed(tmp_path):
    path = tmp_path / "their_env.py"
    path.write_text(ENVIRONMENT)
    first = find_spec(f"{path}:Corridor").entry_point
    assert find_spec(f"{path}:Corridor").entry_point is first
    os.utime(path, ns=(1, 1))
    assert find_spec(f"{path}:Corridor").entry_point is not first


@pytest.mark.usefixtures("_clean_imports")
def test_a_missing_class_lists_those_of_the_file(tmp_path):
    path = tmp_path / "their_env.py"
    path.write_text(ENVIRONMENT)
    refused(f"{path}:Coridor", "no class 'Coridor'.*holds Corridor")
    refused(f"{path}", "has to be named, as in .*:Corridor")
    refused(f"{path}:Base", "'Base'.*not a subclass of gymnasium.Env")
    refused(f"{tmp_path}/nothing.py:Env", "no file")


@pytest.mark.usefixtures("_clean_imports")
def test_code_that_fails_is_named_with_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("their_broken.py").write_text("import math\n\nmath.no_such_thing\n")
    refused("their_broken.py:Env", r"AttributeError: .*no_such_thing.* \(their_broken\.py:3\)", 1)
    refused("their_broken:Env-v0", r"AttributeError: .*no_such_thing.* \(their_broken\.py:3\)", 1)
    Path("their_syntax.py").write_text("def f(:\n")
    refused("their_syntax.py:Env", r"SyntaxError: .* \(their_syntax\.py:1\)", 1)
    Path("their_needs.py").write_text("import no_such_package\n")
    refused("their_needs:Env-v0", r"No module named 'no_such_package' \(their_needs\.py:1\)", 1)
    Path("their_exit.py").write_text("import sys\nsys.exit('bye')\n")
    refused("their_exit.py:Env", r"SystemExit: bye", 1)


@pytest.mark.usefixtures("_clean_imports")
def test_a_module_in_the_current_folder_registers_or_holds_environments(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("their_pkg").mkdir()
    Path("their_pkg/__init__.py").write_text("")
    Path("their_pkg/envs.py").write_text(
        ENVIRONMENT + 'gymnasium.register("Corridor-v3", "their_pkg.envs:Corridor", max_episode_steps=4)\n'
    )
    assert find_spec("their_pkg.envs:Corridor-v3").max_episode_steps == 4
    assert find_spec("their_pkg.envs:Corridor").entry_point.__name__ == "Corridor"
    refused("their_pkg.envs:Corridor-v4", "It offers Corridor-v3, Corridor")
    refused("their_pkg.nowhere:X-v0", r"no module 'their_pkg\.nowhere'.*nor in the current folder")
    refused("their_nothing:X-v0", "no module 'their_nothing'")
    refused("../their_pkg:X-v0", "names no environment")


@pytest.mark.usefixtures("_clean_imports")
def test_code_that_a_stored_run_names_is_not_imported_unasked(tmp_path):
    path = tmp_path / "their_env.py"
    path.write_text("raise SystemExit('imported')")
    refused(f"{path}:Env", rf"rlkit train {path}:Env", allow_code=False)
    refused("their_module:Env-v0", "rlkit train their_module:Env-v0", allow_code=False)
    assert find_spec("CartPole-v1", allow_code=False).id == "CartPole-v1"


@pytest.mark.usefixtures("_clean_imports")
def test_a_folder_called_envs_beside_the_file_is_no_problem(tmp_path):
    """From a folder that holds a package `envs`, which is the user's and stays importable by the user's file."""
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "__init__.py").write_text("LENGTH = 3\n")
    (tmp_path / "mine.py").write_text("from envs import LENGTH\n" + ENVIRONMENT)
    code = (
        "from rlkit.env.config import EnvConfig; from rlkit.env.make import make_vec_env\n"
        "print(make_vec_env(EnvConfig('mine.py:Corridor'), 1).reset([0])['observation'].shape)"
    )
    (tmp_path / "elsewhere.py").write_text(code)
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(1, 1)", done.stderr


class Picky(gymnasium.Env):
    observation_space = spaces.Box(-1, 1, (1,))
    action_space = spaces.Discrete(2)

    def __init__(self, speed=1, wind=0):
        if speed < 0:
            raise ValueError("speed is negative")


def refused_arguments(spec: EnvSpec, kwargs: dict[str, Any], said: str, exit_code: int) -> None:
    with pytest.raises(UserError, match=said) as caught:
        make_single(spec, kwargs)
    assert caught.value.exit_code == exit_code
    assert "\n" not in str(caught.value)


def test_an_unknown_argument_is_named_with_those_that_exist():
    refused_arguments(
        EnvSpec("Picky", entry_point=Picky),
        {"sped": 1},
        r"takes no argument 'sped'\. Did you mean speed\? It accepts: speed, wind, max_episode_steps",
        2,
    )


def test_what_a_constructor_raises_is_given_with_file_and_line():
    refused_arguments(
        EnvSpec("Picky", entry_point=Picky),
        {"speed": -1},
        r"could not be made: ValueError: speed is negative \(.*test_registry\.py:\d+\)",
        1,
    )


def test_a_missing_package_is_named_with_the_line_to_type():
    def lacking(extra, **kwargs):
        raise gymnasium.error.DependencyNotInstalled(f'It is not installed, run `pip install "gymnasium[{extra}]"`')

    lacks = EnvSpec("Ant", entry_point=lacking)
    refused_arguments(lacks, {"extra": "mujoco"}, r'pip install "gymnasium\[mujoco\]"', 1)
    refused_arguments(lacks, {"extra": "box2d"}, r"missing: pip install box2d$", 1)  # and not another pygame
    refused_arguments(EnvSpec("Nowhere", entry_point="no_such_package.envs:Env"), {}, "pip install no_such_package", 1)


def test_a_render_mode_that_is_not_offered_is_refused():
    with pytest.raises(UserError, match="'rgb_array'; it offers: none"):
        check_render_mode(EnvSpec("Picky", entry_point=Picky), "rgb_array")


def test_a_window_needs_only_pictures():
    class Drawn(Picky):
        metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"]}

    check_render_mode(EnvSpec("D", entry_point=Drawn), "human")
    with pytest.raises(UserError, match="'ansi'; it offers: rgb_array"):
        check_render_mode(EnvSpec("D", entry_point=Drawn), "ansi")


def test_metadata_is_read_without_making_the_environment():
    class Expensive(Picky):
        metadata: ClassVar[dict[str, Any]] = {"training_kwargs": {"speed": 2}}

        def __init__(self):
            raise AssertionError

    assert spec_metadata(EnvSpec("E", entry_point=Expensive))["training_kwargs"] == {"speed": 2}
    assert "render_modes" in spec_metadata(EnvSpec("E", entry_point=lambda: Picky()))

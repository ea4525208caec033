import logging
import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from rlkit import plugins
from rlkit.agent import Agent
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.env.registry import find_spec
from rlkit.errors import UserError
from rlkit.utils.parsing import nearest


def install(folder: Path, name: str, entry_points: str, requires: str = "", **modules: str) -> None:
    """Put on disk what pip would: modules and the metadata that name their entry points."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(entry_points)
    for module, text in modules.items():
        (folder / f"{module}.py").write_text(text)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder of installed packages that is there for one test."""
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.load_plugin.cache_clear()
    yield tmp_path
    plugins.load_plugin.cache_clear()
    for module in [m for m in sys.modules if m.startswith("toy_")]:
        del sys.modules[module]
    for spec in [s for s in gymnasium.registry if s.startswith("toy/")]:
        del gymnasium.registry[spec]


REGISTERING = """
import gymnasium
def register():
    gymnasium.register("toy/Pole-v1", "gymnasium.envs.classic_control.cartpole:CartPoleEnv", max_episode_steps=7)
    gymnasium.register("toy/Pole-v2", "toy_envs:Pole", max_episode_steps=7)
"""


def test_a_package_brings_environments_by_importing_a_module(site):
    install(site, "toy-envs", "[rlkit.envs]\ntoy = toy_envs\n", toy_envs=REGISTERING + "register()\n")
    with make_vec_env(EnvConfig("toy/Pole-v1"), 1) as environments:
        assert environments.spaces.num_actions == 2


def test_a_package_brings_environments_by_a_function(site):
    install(site, "toy-envs", "[rlkit.envs]\ntoy = toy_envs:register\n", toy_envs=REGISTERING)
    groups = plugins.environment_ids()
    assert groups["toy_envs"] == ["toy/Pole-v2"]
    assert "CartPole-v1" in groups["gymnasium.classic_control"]
    assert "CartPole-v0" not in groups["gymnasium.classic_control"]


def test_what_a_plug_in_imports_is_listed_only_under_a_namespace(site):
    registering = (
        "import gymnasium\n"
        "gymnasium.register('toy/Game-v0', 'toy_emulator:Game')\n"
        "gymnasium.register('ToyGame-v0', 'toy_emulator:Game')\n"
    )
    install(site, "toy-envs", "[rlkit.envs]\ntoy = toy_envs\n", toy_envs=registering)
    try:
        assert plugins.environment_ids()["toy_emulator"] == ["toy/Game-v0"]
    finally:
        del gymnasium.registry["ToyGame-v0"]


def test_a_broken_package_is_named_in_one_line_and_stops_no_other(site, caplog):
    install(site, "toy-broken", "[rlkit.envs]\nbroken = toy_broken\n", toy_broken="x = 1\n1 / 0\n")
    install(site, "toy-envs", "[rlkit.envs]\ntoy = toy_envs:register\n", toy_envs=REGISTERING)
    with caplog.at_level(logging.WARNING):
        assert "toy/Pole-v2" in plugins.environment_ids()["toy_envs"]
    lines = [record.getMessage() for record in caplog.records if "toy-broken" in record.getMessage()]
    assert len(lines) == 1
    assert "\n" not in lines[0]
    assert "ZeroDivisionError: division by zero" in lines[0]
    assert "toy_broken.py:2" in lines[0]


def test_an_unknown_id_recalls_the_package_that_did_not_load(site):
    install(site, "toy-broken", "[rlkit.envs]\nbroken = toy_broken\n", toy_broken="1 / 0\n")
    with pytest.raises(UserError, match=r"did not load: .*broken"):
        make_vec_env(EnvConfig("toy/Missing-v0"), 1)


def test_an_extra_that_is_not_installed_is_an_offer_and_no_fault(site, caplog):
    install(site, "toy-games", "[rlkit.envs]\ntoy = toy_absent [games]\n")
    with pytest.raises(UserError, match=r'needs an extra: pip install "toy-games\[games\]"'):
        make_vec_env(EnvConfig("toy/Game-v0"), 1)
    assert not [record for record in caplog.records if "toy" in record.getMessage()]


def test_a_module_that_lacks_a_package_of_its_extra_is_an_offer_and_no_fault(site, caplog):
    requires = "Provides-Extra: games\nRequires-Dist: toy-emulator>=2; extra == 'games'\n"
    registering = "def register():\n    import toy_emulator\n"
    install(site, "toy-games", "[rlkit.envs]\ntoy = toy_games:register [games]\n", requires, toy_games=registering)
    with pytest.raises(UserError, match=r'needs an extra: pip install "toy-games\[games\]"'):
        make_vec_env(EnvConfig("toy/Game-v0"), 1)
    assert not [record for record in caplog.records if "toy" in record.getMessage()]


def test_a_module_that_lacks_some_other_package_is_a_fault(site, caplog):
    requires = "Requires-Dist: toy-emulator>=2\nProvides-Extra: games\nRequires-Dist: toy-other; extra == 'games'\n"
    registering = "def register():\n    import toy_emulator\n"
    install(site, "toy-games", "[rlkit.envs]\ntoy = toy_games:register [games]\n", requires, toy_games=registering)
    with caplog.at_level(logging.WARNING):
        plugins.load_environments()
    assert [record for record in caplog.records if "toy_emulator" in record.getMessage()]


def test_an_extra_is_only_loaded_for_its_own_ids_and_for_those_that_nobody_knows(site):
    install(site, "toy-envs", "[rlkit.envs]\ntoy = toy_envs:register\n", toy_envs=REGISTERING)
    slow = "import gymnasium\ngymnasium.register('toy/Slow-v0', 'toy_slow:Slow')\n"
    install(site, "toy-games", "[rlkit.envs]\nslow = toy_slow [games]\n", toy_slow=slow)
    find_spec("toy/Pole-v2")
    assert "toy_slow" not in sys.modules
    plugins.load_environments("slow-v0")
    assert "toy_slow" in sys.modules
    assert find_spec("toy/Slow-v0").id == "toy/Slow-v0"


def test_an_id_that_nobody_knows_is_looked_for_in_every_extra(site):
    slow = "import gymnasium\ngymnasium.register('toy/Slow-v0', 'toy_slow:Slow')\n"
    install(site, "toy-games", "[rlkit.envs]\nslow = toy_slow [games]\n", toy_slow=slow)
    assert find_spec("toy/Slow-v0").id == "toy/Slow-v0"


def test_an_extra_answers_for_ids_that_begin_with_its_name_without_a_namespace(site):
    install(site, "toy-games", "[rlkit.envs]\ntoy = toy_absent [games]\n")
    with pytest.raises(UserError, match=r"'toy-Game-8x8-v0' needs an extra: pip install \"toy-games\[games\]\""):
        find_spec("toy-Game-8x8-v0")


def test_an_id_unlike_all_others_is_answered_with_the_extras_that_are_missing(site):
    install(site, "toy-games", "[rlkit.envs]\ntoy = toy_absent [games]\n")
    with pytest.raises(UserError, match=r"one of an extra: .*pip install \"toy-games\[games\]\""):
        find_spec("qqqqqq-v0")


AGENT = """
from rlkit.agent import Agent
class Idle(Agent):
    pass
"""


def test_a_package_brings_an_agent(site):
    install(site, "toy-agents", "[rlkit.agents]\nidle = toy_agents:Idle\n", toy_agents=AGENT)
    assert "idle" in plugins.agent_names()
    assert issubclass(plugins.agent_class("idle"), Agent)


def test_an_unknown_agent_offers_the_nearest(site):
    install(site, "toy-agents", "[rlkit.agents]\nidle = toy_agents:Idle\n", toy_agents=AGENT)
    with pytest.raises(UserError, match=r"no agent called 'idel'\. Did you mean idle\?"):
        plugins.agent_class("idel")


def test_an_agent_that_does_not_load_is_a_sentence(site):
    install(
        site, "toy-agents", "[rlkit.agents]\nbad = toy_agents:Idle\nint = builtins:int\n", toy_agents="import nowhere\n"
    )
    with pytest.raises(UserError, match=r"'bad' of toy-agents does not load.*nowhere.*toy_agents\.py:1") as caught:
        plugins.agent_class("bad")
    assert caught.value.exit_code == 1
    with pytest.raises(UserError, match=r"not a subclass of rlkit\.agent\.Agent"):
        plugins.agent_class("int")


def test_what_ships_here_is_found_like_everything_else():
    assert {"dqn", "random", "expert"} <= set(plugins.agent_names())


def test_nearest_names_do_not_mind_namespace_version_or_capitals():
    names = ["CartPole-v0", "CartPole-v1", "rlkit/Driving-v0", "Acrobot-v1"]
    assert nearest("cartpole", names) == ["CartPole-v1", "CartPole-v0"]
    assert nearest("Driving-v0", names)[0] == "rlkit/Driving-v0"
    assert nearest("rlkit/Drivng-v0", names)[0] == "rlkit/Driving-v0"
    assert nearest("zzz", names) == []


def test_looking_for_agents_imports_neither_torch_nor_gymnasium():
    code = (
        "import sys; from rlkit import plugins; plugins.agent_names(); "
        "sys.exit('torch' in sys.modules or 'gymnasium' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The packages that `rlkit new-env` and `rlkit new-agent` write: complete, in shape, tested, and found by rlkit."""

import ast
import importlib.util
import keyword
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.cli.new import ALLOWED, TAKEN_BY_AGENTS, Names, NewAgent, NewEnv, rendered, write_package
from rlkit.errors import UserError


@pytest.mark.parametrize("typed", ["windy-grid", "windy_grid", "WindyGrid", "windyGrid", "Windy Grid", "windy grid"])
def test_every_usual_spelling_means_the_same(typed):
    assert Names.of(typed) == Names("windy_grid", "windy-grid", "WindyGrid")
    assert Names.of(typed).environment_id == "windy_grid/WindyGrid-v0"


@pytest.mark.parametrize(
    ("typed", "named"), [("windy-grid", "WindyGridEnv"), ("my_env", "MyEnv"), ("MyEnv", "MyEnv"), ("seven", "SevenEnv")]
)
def test_an_environments_class_says_once_what_it_is(typed, named):
    assert Names.of(typed).environment_class == named


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "expected up to 30 letters"),
        ("3d-world", "a letter first"),
        ("../up", "cannot be a package's name"),
        ("wind/y", "cannot be a package's name"),
        ("größe", "without accents"),
        ("a-", "words joined by"),
        ("a" * 31, "up to 30"),
        ("two\nlines", "cannot be a package's name"),
        ("class", "a word of Python's own"),
        ("None", "a word of Python's own"),
        ("random", "Python has a module 'random'"),
        ("Queue", "Python has a module 'queue'"),
        ("rlkit", "'rlkit' is installed already"),
        ("numpy", "'numpy' is installed already"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_reason(typed, said):
    with pytest.raises(UserError, match=re.escape(said)):
        Names.of(typed)


@given(st.from_regex(ALLOWED, fullmatch=True).filter(lambda typed: len(typed) <= 14))
def test_what_is_allowed_can_be_written_in_code(typed):
    names = Names.of(f"x9{typed}")
    for name in (names.package, names.title):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
    assert Names.of(names.project) == Names.of(names.package) == names


ROOT = Path(__file__).parents[3]
VERBS = {"environment": NewEnv, "agent": NewAgent}
NAME = "Windy-grid"


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Both packages, and beside each the metadata that pip would write."""
    folders = {}
    for kind, verb in VERBS.items():
        parent = tmp_path_factory.mktemp(kind)
        verb(NAME, parent).run()
        (folder,) = parent.iterdir()
        folders[kind] = folder
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = folder / f"{Names.of(NAME).package}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = project["entry-points"].items()
        lines = [f"[{group}]\n{name} = {value}" for group, entries in groups for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
    return folders


def python(folder, *arguments):
    """Run Python in a package's folder, as if the package were installed."""
    environment = os.environ | {
        "MYPYPATH": str(ROOT),
        "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
    }
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_an_environment_s_package_holds_everything(packages):
    found = {str(path.relative_to(packages["environment"])) for path in packages["environment"].rglob("*.*")}
    assert {
        "pyproject.toml",
        "README.md",
        "windy_grid/__init__.py",
        "windy_grid/environment.py",
        "windy_grid/picture.py",
        "tests/test_environment.py",
    } <= found


@pytest.mark.parametrize("kind", VERBS)
def test_nothing_of_the_templates_is_left_in_what_is_written(kind):
    for path, text in rendered(kind, Names.of(NAME)).items():
        assert "$" not in text
        assert "template" not in path
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", ["x", "windy-grid", "a-rather-long-name-of-some-kind"])
@pytest.mark.parametrize("kind", VERBS)
def test_what_is_written_is_in_shape_whatever_the_name(kind, name, tmp_path):
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is a tool of development")
    folder = write_package(kind, Names.of(name[:30]), tmp_path)
    for command in ("check", "format --check"):
        found = python(folder, "-m", "ruff", *command.split(), "--config", ROOT / "pyproject.toml", ".")
        assert found.returncode == 0, found.stdout


def test_the_environment_s_own_tests_pass(packages):
    found = python(packages["environment"], "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert found.returncode == 0, found.stdout
    assert "skipped" not in found.stdout


def test_the_agent_s_own_tests_pass(packages):
    found = python(packages["agent"], "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert found.returncode == 0, found.stdout
    assert "skipped" not in found.stdout


def test_the_environment_is_found_and_trained(packages, tmp_path):
    code = (
        "import rlkit\n"
        f"run = rlkit.train('windy_grid/WindyGrid-v0', steps=400, run_dir={str(tmp_path / 'run')!r}, eval_episodes=1)\n"
        "print(run.steps)"
    )
    found = python(packages["environment"], "-c", code)
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines()[-1] == "400"


@pytest.mark.parametrize("kind", VERBS)
def test_nothing_is_overwritten(kind, tmp_path):
    (tmp_path / "windy-grid").mkdir()
    with pytest.raises(UserError, match="exists already, and nothing is overwritten"):
        VERBS[kind](NAME, tmp_path).run()
    assert list((tmp_path / "windy-grid").iterdir()) == []


def test_a_package_is_complete_or_absent(tmp_path, monkeypatch):
    written = []

    def fail(path, *arguments, **options):
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(UserError, match="the disk is full"):
        write_package("environment", Names.of(NAME), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        NewEnv(NAME, tmp_path / "nowhere").run()


def test_the_name_of_an_agent_that_is_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="There is an agent called 'dqn' already"):
        NewAgent("dqn", tmp_path).run()


def test_what_to_type_next_is_told(tmp_path, capsys):
    NewEnv(NAME, tmp_path).run()
    told = capsys.readouterr().out
    assert "rlkit check windy_grid/WindyGrid-v0" in told
    assert f"pip install -e {tmp_path / 'windy-grid'}" in told


@pytest.mark.slow
def test_types_of_what_is_written_hold(packages):
    pytest.importorskip("mypy")
    for folder in packages.values():
        found = python(folder, "-m", "mypy", "--strict", "--follow-imports", "silent", "-p", "windy_grid")
        assert found.returncode == 0, found.stdout


@pytest.mark.slow
def test_the_environment_is_learned_with_nothing_but_its_id(packages, tmp_path):
    code = (
        "import rlkit\n"
        "from rlkit.policy import evaluate_policy\n"
        "from rlkit.policy import find_policy\n"
        f"run = rlkit.train('windy_grid/WindyGrid-v0', steps=40_000, run_dir={str(tmp_path / 'run')!r})\n"
        "print(evaluate_policy(find_policy(run.path), episodes=50).mean_reward)"
    )
    found = python(packages["environment"], "-c", code)
    assert found.returncode == 0, found.stderr
    assert float(found.stdout.splitlines()[-1]) > 15  # by chance: below 2


@pytest.mark.slow
def test_the_agent_learns_cartpole(packages, tmp_path):
    code = (
        "import rlkit\n"
        "from rlkit.policy import evaluate_policy\n"
        "from rlkit.policy import find_policy\n"
        f"run = rlkit.train('CartPole-v1', algo='windy-grid', steps=30_000, run_dir={str(tmp_path / 'run')!r})\n"
        "print(evaluate_policy(find_policy(run.path), episodes=20).mean_reward)"
    )
    found = python(packages["agent"], "-c", code)
    assert found.returncode == 0, found.stderr
    assert float(found.stdout.splitlines()[-1]) > 150  # by chance: 22


@pytest.mark.slow
def test_a_package_is_installed_by_pip_into_a_fresh_environment_and_found_checked_and_trained(tmp_path):
    """Only what pip writes tells rlkit of it; the rest is taken from where this test runs, to download nothing."""
    folder = write_package("environment", Names.of(NAME), tmp_path)
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    site = next(home.glob("lib/python*/site-packages"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", tmp_path, folder], check=True)
    (wheel,) = tmp_path.glob("windy_grid-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    (site / "borrowed.pth").write_text("\n".join(filter(None, sys.path)))
    (tmp_path / "elsewhere").mkdir()

    def rlkit(*arguments):
        code = f"from rlkit.cli import main; main({list(map(str, arguments))!r})"
        command = [home / "bin" / "python", "-c", code]
        return subprocess.run(command, cwd=tmp_path / "elsewhere", capture_output=True, text=True)

    assert "windy_grid/WindyGrid-v0" in rlkit("envs").stdout
    assert "no fault" in rlkit("check", "windy_grid/WindyGrid-v0").stdout
    trained = rlkit("train", "windy_grid/WindyGrid-v0", "--steps", 400, "--run-dir", "run", "-q")
    assert trained.returncode == 0, trained.stderr
    watched = rlkit("watch", "run", "--record", "film.mp4")
    assert watched.returncode == 0, watched.stderr
    assert (tmp_path / "elsewhere" / "film.mp4").stat().st_size > 1000


def test_an_agent_cannot_be_called_as_what_it_imports(tmp_path):
    with pytest.raises(UserError, match="its class Agent would hide"):
        write_package("agent", Names.of("agent"), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", VERBS)
def test_no_name_that_a_package_imports_is_that_of_its_class(kind):
    names = Names.of(NAME)
    files = rendered(kind, names)
    code = "\n".join(text for path, text in files.items() if path.startswith(names.package))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] != names.package
        for alias in node.names
    }
    single = {name for name in imported if name[0].isupper() and re.findall("[A-Z][a-z]+", name) == [name]}
    assert single <= {*TAKEN_BY_AGENTS, "Any"}

"""`rlkit new-env` and `rlkit new-agent`: templates of small, complete, tested packages.

The files are templates in `templates/`, filled with the names that follow from the one that was typed. A package is
written completely or not at all.
"""

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Annotated, Literal

import tyro

from rlkit.errors import UserError

ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_ ][A-Za-z0-9]+)*")
BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
LONGEST = 30

Kind = Literal["environment", "agent"]
SUFFIX = ".template"
PACKAGE = "package"  # the folder of the templates that is named after the package
# What an agent's module imports by these names, so that its own class cannot be called like that.
TAKEN_BY_AGENTS = (
    "Agent",
    "Any",
    "Callable",
    "Collection",
    "Inspection",
    "Linear",
    "Mapping",
    "Observations",
    "Self",
    "Spaces",
    "State",
    "Tensor",
    "Transitions",
)


@dataclass(frozen=True)
class NewEnv:
    """Write a small, complete, tested package with an environment, as a template for your own."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of the package, for instance windy-grid."""
    dir: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path()
    """The parent folder of the package."""

    def run(self) -> None:
        """Write it, and print the next commands."""
        names = Names.of(self.name)
        folder = write_package("environment", names, self.dir)
        print(f"A package with an environment is in {folder}. Next:")
        print(f"  pip install -e {folder}")
        print(f"  rlkit check {names.environment_id}")
        print(f"  rlkit play {names.environment_id}")
        print(f"  rlkit train {names.environment_id}")
        print(f"The rules are in {folder / names.package / 'environment.py'}, the tests in {folder / 'tests'}.")


@dataclass(frozen=True)
class NewAgent:
    """Write a small, complete, tested package with an agent, as a template for your own."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Name of the agent and its package, for instance my-agent."""
    dir: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path()
    """The parent folder of the package."""

    def run(self) -> None:
        """Write it, and print the next commands."""
        from rlkit.plugins import agent_names

        names = Names.of(self.name)
        if names.project in agent_names():
            raise UserError(f"There is an agent called {names.project!r} already: choose another name.")
        folder = write_package("agent", names, self.dir)
        print(f"A package with an agent is in {folder}. Next:")
        print(f"  pip install -e {folder}")
        print(f"  rlkit train CartPole-v1 --algo {names.project} --steps 30000")
        print(f"The agent is in {folder / names.package / 'agent.py'}, the tests in {folder / 'tests'}.")


@dataclass(frozen=True)
class Names:
    """The spellings of a name.

    Args:
        package: Of the import package, `windy_grid`.
        project: Of the distribution and the folder, `windy-grid`.
        title: Of classes, `WindyGrid`.
    """

    package: str
    project: str
    title: str

    @property
    def environment_id(self) -> str:
        """The environment's id, `windy_grid/WindyGrid-v0`."""
        return f"{self.package}/{self.title}-v0"

    @property
    def environment_class(self) -> str:
        """The environment's class, `WindyGridEnv`; `my-env` gives `MyEnv`, not `MyEnvEnv`."""
        return self.title if self.package.split("_")[-1] == "env" else f"{self.title}Env"

    @classmethod
    def of(cls, typed: str) -> "Names":
        """Parse a name in any of the usual spellings: windy-grid, windy_grid, WindyGrid, "Windy grid".

        Raises:
            UserError: It is no name, or is taken by Python or by a package that is installed.
        """
        if not ALLOWED.fullmatch(typed) or len(typed) > LONGEST:
            raise UserError(
                f"{typed!r} cannot be a package's name: expected up to {LONGEST} letters and digits without accents, "
                "a letter first, words joined by - or _, for instance windy-grid."
            )
        words = [word.lower() for word in re.split(r"[-_ ]", BOUNDARY.sub("_", typed))]
        package = "_".join(words)
        names = cls(package, "-".join(words), "".join(word.capitalize() for word in words))
        if keyword.iskeyword(package) or keyword.iskeyword(names.title):
            raise UserError(f"{typed!r} cannot be a package's name: it is a word of Python's own.")
        if package in sys.stdlib_module_names:
            raise UserError(f"{typed!r} cannot be a package's name: Python has a module {package!r} of its own.")
        if _is_installed(package):
            raise UserError(
                f"{typed!r}: a package {package!r} is installed already and would hide this one; choose another name, "
                f"or uninstall that first."
            )
        return names


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return True


def write_package(kind: Kind, names: Names, folder: Path) -> Path:
    """Write a new package.

    Args:
        kind: What it is the beginning of.
        names: What it is called.
        folder: Where its own folder is put.

    Returns:
        Its own folder, named after the project.

    Raises:
        UserError: Its class cannot be called that, something of that name stands there already, or it cannot be
            written.
    """
    target = folder / names.project
    if kind == "agent" and names.title in TAKEN_BY_AGENTS:
        raise UserError(f"An agent cannot be called {names.project!r}: its class {names.title} would hide rlkit's own.")
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", exit_code=1)
    if target.exists() or target.is_symlink():
        raise UserError(f"{target} exists already, and nothing is overwritten: take another name or --dir", exit_code=1)
    from rlkit.utils.io import disk_errors, new_folder  # takes torch along, and the questions above came first

    with disk_errors(str(target)), new_folder(target) as scratch:
        for path, text in rendered(kind, names).items():
            written = scratch / path
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(text, encoding="utf-8")
    return target


def rendered(kind: Kind, names: Names) -> dict[str, str]:
    """The files of a package, by their paths in it."""
    words = {
        "package": names.package,
        "project": names.project,
        "title": names.title,
        "environment_class": names.environment_class,
        "environment_id": names.environment_id,
    }
    templates = files("rlkit.cli") / "templates" / kind
    filled = {}
    for path, template in sorted(_found(templates, "")):
        parts = [names.package if part == PACKAGE else part for part in path.removesuffix(SUFFIX).split("/")]
        filled["/".join(parts)] = Template(template.read_text(encoding="utf-8")).substitute(words)
    return filled


def _found(folder: Traversable, path: str) -> list[tuple[str, Traversable]]:
    """The templates in a folder and those below it, by their paths."""
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _found(entry, f"{path}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            found.append((f"{path}{entry.name}", entry))
    return found

"""Fills templates with names and writes them as a folder, complete or not at all."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template
from typing import Literal

from rlkit.errors import UserError
from rlkit.scaffolding.names import Names

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
    from rlkit.files import disk_errors, new_folder  # takes torch along, and the questions above came first

    with disk_errors(str(target)), new_folder(target) as scratch:
        for path, text in rendered(kind, names).items():
            written = scratch / path
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(text, encoding="utf-8")
    return target


def rendered(kind: Kind, names: Names) -> dict[str, str]:
    """All files of a package, by their paths in it."""
    words = {
        "package": names.package,
        "project": names.project,
        "title": names.title,
        "environment_class": names.environment_class,
        "environment_id": names.environment_id,
    }
    templates = files("rlkit.scaffolding") / "templates" / kind
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

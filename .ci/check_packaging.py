"""Check pyproject.toml: entry points, package data and pinned dependencies. `make check` runs it."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = (
    "cli/templates/**/*.template",
    "perception/weights/*",
    "pretrained/*",
)  # files of rlkit/ that are read at run time


def invalid_entry_points(project: dict[str, Any]) -> list[str]:
    """An entry point with an extra needs an attribute: otherwise the build fails, which an editable install hides."""
    form = re.compile(r"[\w.]+(:[\w.]+( \[\w+\])?)?")
    points = [point for group in project["entry-points"].values() for point in group.items()]
    return [f"entry point {name} = {value!r} is invalid" for name, value in points if not form.fullmatch(value)]


def undeclared_data(patterns: list[str]) -> list[str]:
    """Data files must be declared as package data, or the wheel lacks them."""
    package = ROOT / "rlkit"
    declared = {path for pattern in patterns for path in package.glob(pattern)}
    needed = {path for pattern in DATA for path in package.glob(pattern)}
    return [f"package data {path.relative_to(ROOT)} is not declared" for path in sorted(needed - declared)]


def unpinned(project: dict[str, Any]) -> list[str]:
    """Every dependency needs a version in constraints.txt, which `make` installs."""
    extras = project["optional-dependencies"].values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    pins = {_name(line) for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    return [f"{name} has no version in constraints.txt" for name in sorted({*map(_name, requirements)} - pins)]


def unlocked(project: dict[str, Any]) -> list[str]:
    """What `make` installs, except torch, needs its hashes in requirements.lock, at the version of constraints.txt."""
    text = (ROOT / "requirements.lock").read_text()
    found = re.findall(r"^([\w.-]+)==(\S+)(.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*)", text, re.MULTILINE)
    locked = {_name(name): version for name, version, hashes in found if "--hash" in hashes}
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {_name(line): line.partition("==")[2] for line in lines if "==" in line}
    requirements = {*project["dependencies"], *project["optional-dependencies"]["dev"], "pip", "setuptools"}
    lacking = sorted({*map(_name, requirements)} - {"torch"} - locked.keys())
    differing = sorted(name for name, version in locked.items() if pins.get(name, version) != version)
    if len(found) != len(re.findall(r"^[\w.-]+==", text, re.MULTILINE)) or len(locked) != len(found):
        lacking.append("a package")
    return [f"{name} has no hashes in requirements.lock: run .ci/lock.sh" for name in lacking] + [
        f"{name} has another version in requirements.lock than in constraints.txt: run .ci/lock.sh"
        for name in differing
    ]


def _name(requirement: str) -> str:
    return re.split(r"[\[<>=]", requirement)[0].lower().replace("_", "-")


def main() -> None:
    """Print what is wrong and exit with 1, or with 0 if nothing is."""
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, patterns = tree["project"], tree["tool"]["setuptools"]["package-data"]["rlkit"]
    sys.exit(
        "\n".join([*invalid_entry_points(project), *undeclared_data(patterns), *unpinned(project), *unlocked(project)])
        or 0
    )


main()

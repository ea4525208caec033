"""From one name that a person types to those that a package needs."""

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass

from rlkit.errors import UserError

ALLOWED = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_ ][A-Za-z0-9]+)*")
BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
LONGEST = 30


@dataclass(frozen=True)
class Names:
    """One name in every spelling.

    Args:
        package: What is imported, `windy_grid`.
        project: What is installed, and the folder, `windy-grid`.
        title: What a class is called, `WindyGrid`.
    """

    package: str
    project: str
    title: str

    @property
    def environment_id(self) -> str:
        """What `rlkit train` is told, `windy_grid/WindyGrid-v0`."""
        return f"{self.package}/{self.title}-v0"

    @property
    def environment_class(self) -> str:
        """What an environment's class is called, `WindyGridEnv`; `my-env` makes a `MyEnv`, not a `MyEnvEnv`."""
        return self.title if self.package.split("_")[-1] == "env" else f"{self.title}Env"

    @classmethod
    def of(cls, typed: str) -> "Names":
        """Spell out a name that was typed in any of the usual ways: windy-grid, windy_grid, WindyGrid, "Windy grid".

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

"""`rlkit new-env`: the beginning of a package with an environment of one's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class NewEnv:
    """Write a small, complete, tested package with an environment, to be changed into one of your own."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """What it is called, for instance windy-grid."""
    dir: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path()
    """The folder in which its own folder is made."""

    def run(self) -> None:
        """Write it, and say what to type next."""
        from rlkit.scaffolding import Names, write_package

        names = Names.of(self.name)
        folder = write_package("environment", names, self.dir)
        print(f"A package with an environment is in {folder}. Go on with:")
        print(f"  pip install -e {folder}")
        print(f"  rlkit check {names.environment_id}")
        print(f"  rlkit play {names.environment_id}")
        print(f"  rlkit train {names.environment_id}")
        print(f"The rules are in {folder / names.package / 'environment.py'}, the tests in {folder / 'tests'}.")

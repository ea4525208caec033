"""`rlkit new-agent`: the beginning of a package with an agent of one's own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.errors import UserError


@dataclass(frozen=True)
class NewAgent:
    """Write a small, complete, tested package with an agent that learns, to be changed into one of your own."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """What it is called, for instance my-agent; --algo finds it by that."""
    dir: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path()
    """The folder in which its own folder is made."""

    def run(self) -> None:
        """Write it, and say what to type next."""
        from rlkit.plugins import agent_names
        from rlkit.scaffolding import Names, write_package

        names = Names.of(self.name)
        if names.project in agent_names():
            raise UserError(f"There is an agent called {names.project!r} already: choose another name.")
        folder = write_package("agent", names, self.dir)
        print(f"A package with an agent is in {folder}. Go on with:")
        print(f"  pip install -e {folder}")
        print(f"  rlkit train CartPole-v1 --algo {names.project} --steps 30000")
        print(f"The agent is in {folder / names.package / 'agent.py'}, the tests in {folder / 'tests'}.")

"""Initial weights of a run (`rlkit train --init`): which trained agent they come from, and the run's copy of them.

Weights alone are taken over: replay buffer, optimizer, schedules and counters begin anew. The run folder holds a copy
of the weights, so that a run which was stopped before its first checkpoint begins with the same ones again.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rlkit.agent import Agent
from rlkit.errors import UserError
from rlkit.spaces import Spaces, space_changes
from rlkit.training.checkpoint import load_fitting
from rlkit.utils import paths
from rlkit.utils.io import load_weights

COPY = "initial.safetensors"  # within a run folder
MAX_STEPS = 10**15
MAX_BYTES = 2**31


@dataclass(frozen=True)
class InitialWeights:
    """The weights that the training of an agent starts from.

    Args:
        source: `pretrained:NAME`, or the absolute path of a checkpoint or a file.
        steps: Environment steps that they were trained for.
        digest: SHA-256 of their file.
        spaces: Observations and actions that they were trained with, by `Spaces.describe`; empty if unknown.
        file: The safetensors file, of the trained agent or the copy in a run folder. It is not stored.
    """

    source: str
    steps: int
    digest: str
    spaces: Mapping[str, str]
    file: Path = Path(COPY)

    def __post_init__(self) -> None:
        """Check the types of what a file holds.

        Raises:
            UserError: Naming the entry, what was given and what is expected.
        """
        for name in ("source", "digest"):
            if not isinstance(getattr(self, name), str):
                raise UserError(f"init.{name} = {getattr(self, name)!r}: expected a text")
        if type(self.steps) is not int or not 0 <= self.steps <= MAX_STEPS:
            raise UserError(f"init.steps = {self.steps!r}: expected a whole number from 0 to {MAX_STEPS:,}")
        spaces: Any = self.spaces
        if not isinstance(spaces, Mapping) or not all(isinstance(text, str) for text in spaces.values()):
            raise UserError(f"init.spaces = {spaces!r}: expected a text for each observation")

    def __str__(self) -> str:
        return f"{self.source}, trained for {self.steps:,} steps"

    def content(self) -> bytes:
        """The file's bytes, compared with the digest.

        Raises:
            UserError: It is missing, too large, or is not what was chosen.
        """
        try:
            content = paths.read_bytes(self.file, MAX_BYTES)
        except FileNotFoundError as error:
            raise UserError(f"{self.file} is missing", exit_code=1) from error
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise UserError(f"{self.file} is damaged: its content is not what was saved", exit_code=1)
        return content

    def load_into(self, agent: Agent, spaces: Spaces) -> None:
        """Load the weights into a new agent.

        Args:
            agent: Of the run, as it was built.
            spaces: Of the training environment.

        Raises:
            UserError: They were trained with other observations or actions, do not fit the agent's network, or are
                damaged.
        """
        changes = space_changes(self.spaces, spaces.describe()) if self.spaces else []
        if changes:
            raise UserError(
                f"--init {self.source}: its observations or actions are not those of this environment: "
                f"{'; '.join(changes)}."
            )
        self.content()
        difference = load_fitting(agent, load_weights(self.file))
        if difference:
            raise UserError(
                f"--init {self.source}: its network is not that of this run: {difference}. Take the agent, the preset "
                "and the hyperparameters that it was trained with."
            )

    def located(self, folder: Path) -> Self:
        """The same with the copy in a run folder.

        Raises:
            UserError: The copy is a link.
        """
        return dataclasses.replace(self, file=paths.path_inside(folder, COPY))

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts."""
        return {"source": self.source, "steps": self.steps, "sha256": self.digest, "spaces": dict(self.spaces)}

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`, apart from the file.

        Raises:
            UserError: The tree has another form.
        """
        names = {"source", "steps", "sha256", "spaces"}
        if not isinstance(tree, Mapping) or tree.keys() != names:
            raise UserError(f"init = {tree!r}: expected an object with {', '.join(sorted(names))}")
        return cls(tree["source"], tree["steps"], tree["sha256"], tree["spaces"])

"""A trained agent on disk, by the folder of its run or checkpoint, `pretrained:NAME`, or a file as these."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlkit import plugins
from rlkit.errors import UserError
from rlkit.perception.config import PRETRAINED
from rlkit.training.checkpoint import Checkpoint, read_checkpoint
from rlkit.training.config import RunConfig
from rlkit.training.initial_weights import InitialWeights
from rlkit.training.pretrained import AgentFile, find_pretrained, pretrained_hint, read_agent_file
from rlkit.training.run_folder import RunFolder, read_spaces
from rlkit.utils.io import load_weights, sha256
from rlkit.utils.terminal import printable


@dataclass(frozen=True)
class TrainedAgent:
    """The weights of a trained agent, and the configuration of the run that they come from.

    Args:
        name: Of the run, checkpoint or pretrained agent.
        source: `pretrained:NAME`, or the path of the checkpoint or file; names it in errors and records.
        config: Of the run.
        file: The safetensors file of the weights.
        steps: Environment steps that they were trained for.
        spaces: Observations and actions of the run, by `Spaces.describe`; empty if unknown.
        run: The run folder; None for one that comes without.
    """

    name: str
    source: str
    config: RunConfig
    file: Path
    steps: int
    spaces: Mapping[str, str]
    run: Path | None = None

    def weights(self) -> dict[str, Any]:
        """Tensors by name.

        Raises:
            UserError: The file is missing or damaged, or holds numbers that are not finite.
        """
        return load_weights(self.file)

    @property
    def bytes(self) -> int:
        """Size of the weights' file.

        Raises:
            UserError: It is missing.
        """
        try:
            return self.file.stat().st_size
        except FileNotFoundError as error:
            raise UserError(f"{self.file} is missing", exit_code=1) from error

    @property
    def digest(self) -> str:
        """SHA-256 of the weights' file."""
        return sha256(self.file)

    def to_json(self) -> dict[str, Any]:
        """What identifies the weights, as `rlkit evaluate --json` writes it."""
        place = {"source": self.source} if self.run is None else {"folder": str(Path(self.source).absolute())}
        return {**place, "steps": self.steps, "sha256": self.digest}

    def at(self, checkpoint: Checkpoint) -> "TrainedAgent":
        """The same agent with the weights of another checkpoint of its run."""
        return dataclasses.replace(
            self, source=str(checkpoint.folder), file=checkpoint.weights_file, steps=checkpoint.steps
        )


def warn(sentence: str) -> None:
    """Print a warning."""
    print(f"warning: {printable(sentence)}", file=sys.stderr)


def find_trained(source: str | Path, report: Callable[[str], None] = warn) -> TrainedAgent:
    """Find a trained agent.

    A run folder stands for its checkpoint with the best evaluation, or the newest one if there was no evaluation.

    Args:
        source: Run folder, checkpoint folder, `pretrained:NAME`, or a file as these.
        report: Called with a warning for each damaged checkpoint that is skipped.

    Raises:
        UserError: There is no such agent.
    """
    if str(source).startswith(PRETRAINED):
        return _from_file(find_pretrained(str(source).removeprefix(PRETRAINED)), str(source))
    path = Path(source)
    if path.suffix == ".safetensors" and path.is_file():
        return _from_file(read_agent_file(path), str(path))
    is_checkpoint = (path / "manifest.json").is_file()
    run = RunFolder.open(path.resolve().parent.parent if is_checkpoint else path, RunConfig)
    checkpoint = (
        read_checkpoint(path)
        if is_checkpoint
        else run.checkpoints.best(report) or run.checkpoints.newest(report, replay=False)
    )
    if checkpoint is None:
        raise UserError(
            f"{path} has no intact checkpoint: continue with rlkit train --resume {path}, or train again",
            exit_code=1,
        )
    return TrainedAgent(
        name=path.name,
        source=str(checkpoint.folder),
        config=run.config,
        file=checkpoint.weights_file,
        steps=checkpoint.steps,
        spaces=read_spaces(run.path),
        run=run.path,
    )


def _from_file(found: AgentFile, source: str) -> TrainedAgent:
    card = found.card
    return TrainedAgent(card.name, source, card.config, found.path, card.steps, card.spaces)


def initialised(config: RunConfig, source: str | Path, report: Callable[[str], None] = warn) -> RunConfig:
    """The same run with the weights of a trained agent to start from, see `initial_weights`.

    Args:
        config: Of the run.
        source: As `find_trained` takes it.
        report: As in `find_trained`.

    Raises:
        UserError: There is no such agent.
    """
    if not Path(source).exists() and not str(source).startswith(PRETRAINED):
        why = f"there is no run folder there.{pretrained_hint(str(source))}"
        if str(source) in plugins.agent_names():
            why = "this is an agent without weights; name a run folder, a checkpoint, or pretrained:NAME"
        raise UserError(f"--init {source}: {why}")
    found = find_trained(source, report)
    named = found.source if found.source.startswith(PRETRAINED) else str(Path(found.source).absolute())
    init = InitialWeights(named, found.steps, found.digest, found.spaces, found.file)
    return dataclasses.replace(config, init=init)

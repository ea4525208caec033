"""Pretrained agents: the files that ship in `rlkit/pretrained/`, and the card in the header of each.

A file NAME.safetensors holds the weights of an agent that acts greedily, and its card: the configuration of its run,
the command that trained it, how its seed was chosen, and its figures. `pretrained:NAME` names one that ships; any other
file of this kind is named by its path.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import save as to_bytes

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.perception.config import PRETRAINED
from rlkit.training.config import FORMAT as RUN_FORMAT
from rlkit.training.config import RunConfig
from rlkit.utils.card import parse_card, read_header
from rlkit.utils.io import disk_errors, sha256, sort_header, write_bytes
from rlkit.utils.parsing import did_you_mean

FOLDER = Path(__file__).parents[1] / "pretrained"
FORMAT = "rlkit-agent-1"
MAX_BYTES = 256 * 2**20  # of a file
MAX_CARD = 2**20  # characters
MAX_TEXT = 2_000  # characters of a text in a card
MAX_SEEDS = 1_000
LARGEST = 1e100  # of a figure

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Selection:
    """How one of several seeds was chosen.

    Args:
        scores: Scores by seed.
        chosen: The seed whose weights the file holds.
        by: What the scores are, and which is the best.
    """

    scores: Mapping[int, float]
    chosen: int
    by: str


@dataclass(frozen=True)
class Figures:
    """An evaluation of the weights in the file, on episodes that neither training nor selection had.

    Args:
        command: What repeats it.
        episodes: Number of episodes.
        summary: The main figures in one line.
        means: All of them, by name.
    """

    command: str
    episodes: int
    summary: str
    means: Mapping[str, float]


@dataclass(frozen=True)
class AgentCard:
    """What a pretrained agent is, how it was trained and chosen, and what it achieves.

    Args:
        name: Lower-case letters, digits and hyphens.
        about: What it does, in one sentence.
        config: The configuration of its run, with the versions. A perception model in it is one that ships.
        spaces: Observations and actions, by `Spaces.describe`.
        steps: Environment steps that the weights were trained for; the run went on to `config.steps`.
        minutes: Duration of the run.
        command: What trained all seeds.
        selection: Which seed was chosen, and how.
        figures: What it achieves.
    """

    name: str
    about: str
    config: RunConfig
    spaces: Mapping[str, str]
    steps: int
    minutes: float
    command: str
    selection: Selection
    figures: Figures

    def to_json(self) -> dict[str, Any]:
        """Return a tree that `json.dumps` accepts.

        Raises:
            UserError: The agent drives by a perception model that does not ship.
        """
        stored = self.config.to_json()
        for name in ("environment", "evaluation"):
            stored[name] = _by_name(getattr(self.config, name)).to_json()
        tree = dataclasses.asdict(dataclasses.replace(self, config=None))  # type: ignore[arg-type]
        tree["config"] = {key: value for key, value in stored.items() if key not in ("format", "kind")}
        tree["selection"]["scores"] = {str(seed): score for seed, score in self.selection.scores.items()}
        return tree

    @classmethod
    def from_json(cls, tree: Any) -> Self:
        """Inverse of `to_json`.

        Raises:
            ValueError: An entry is missing, unknown or of another type.
            UserError: The configuration of the run cannot be.
        """
        _check_entries(tree, [field.name for field in dataclasses.fields(cls)], "the card")
        if not isinstance(tree["name"], str) or not _NAME.fullmatch(tree["name"]):
            raise ValueError(f"name is {tree['name']!r:.60}, expected up to 40 lower-case letters, digits and hyphens")
        spaces = _object(tree, "spaces")
        return cls(
            name=tree["name"],
            about=_text(tree, "about"),
            config=_config(tree["config"]),
            spaces={key: _text(spaces, key) for key in spaces},
            steps=_count(tree, "steps"),
            minutes=_number(tree, "minutes"),
            command=_text(tree, "command"),
            selection=_selection(_object(tree, "selection")),
            figures=_figures(_object(tree, "figures")),
        )


@dataclass(frozen=True)
class AgentFile:
    """A file of a pretrained agent.

    Args:
        path: The safetensors file.
        card: The card in its header.
    """

    path: Path
    card: AgentCard

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return sha256(self.path)

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return self.path.stat().st_size


def pretrained_names() -> list[str]:
    """The agents that ship, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find_pretrained(name: str) -> AgentFile:
    """Find an agent that ships, and read its card.

    Raises:
        UserError: There is none of that name.
    """
    names = pretrained_names()
    if name not in names:
        from rlkit.perception.model import pretrained_names as perception_models  # slow to import

        known = f"Known: {', '.join(names) or 'none in this installation'}."
        if name in perception_models():
            known = f"It is a perception model: --perception {PRETRAINED}{name}. {known}"
        raise UserError(f"No agent called {name!r:.60} ships with rlkit.{did_you_mean(name, names)} {known}")
    return read_agent_file(FOLDER / f"{name}.safetensors")


def pretrained_hint(name: str) -> str:
    """The end of a sentence about a folder that does not exist: that an agent of that name ships; or nothing."""
    return f" An agent of that name ships: write {PRETRAINED}{name}." if name in pretrained_names() else ""


def read_agent_file(path: Path) -> AgentFile:
    """Read the card in the header of a file, without its weights.

    Raises:
        UserError: There is no such file, or it is damaged or something else.
    """
    header = read_header(path, "agent", MAX_BYTES)
    if header.get("format") != FORMAT:
        raise UserError(f"{path} holds no agent of rlkit: its header lacks the format {FORMAT!r}.", exit_code=1)
    return AgentFile(path, parse_card(path, header, AgentCard.from_json, MAX_CARD))


def write_agent_file(path: Path, card: AgentCard, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights and card atomically; equal ones give identical files.

    Raises:
        UserError: The file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    header = {"format": FORMAT, "card": json.dumps(card.to_json())}
    with disk_errors(str(path)):
        write_bytes(path, sort_header(to_bytes(tensors, header)))


# ---------------------------------------------------------------------------------------------------- parts of a card


def _by_name(environment: EnvConfig) -> EnvConfig:
    """The same with the file of its perception model replaced by the name of one that ships."""
    perception = environment.perception
    if perception is None or perception.is_truth:
        return environment
    from rlkit.perception.model import find_model
    from rlkit.perception.model import pretrained_names as perception_models

    for name in perception_models():
        if sha256(find_model(f"{PRETRAINED}{name}")) == perception.digest:
            own = dataclasses.replace(perception, what=f"{PRETRAINED}{name}")
            return dataclasses.replace(environment, perception=own)
    raise UserError(f"{environment.id} is seen by {perception.what}, which is none of the perception models that ship.")


def _by_file(environment: EnvConfig) -> EnvConfig:
    """The same with the file of its perception model, which has to be one that ships."""
    perception = environment.perception
    if perception is None or perception.is_truth:
        return environment
    from rlkit.perception.model import find_model

    if not perception.what.startswith(PRETRAINED):
        raise UserError(f"perception is {perception.what!r}: expected {PRETRAINED}NAME or truth")
    own = dataclasses.replace(perception, what=str(find_model(perception.what)))
    return dataclasses.replace(environment, perception=own)


def _config(tree: Any) -> RunConfig:
    if not isinstance(tree, Mapping):
        raise ValueError(f"config is {tree!r:.60}, expected an object")
    config = RunConfig.from_json({**tree, "format": RUN_FORMAT, "kind": RunConfig.KIND})
    environment, evaluation = _by_file(config.environment), _by_file(config.evaluation)
    return dataclasses.replace(config, environment=environment, evaluation=evaluation)


def _selection(tree: Mapping[str, Any]) -> Selection:
    _check_entries(tree, [field.name for field in dataclasses.fields(Selection)], "selection")
    scores = _object(tree, "scores")
    if not 1 <= len(scores) <= MAX_SEEDS or not all(key.isascii() and key.isdecimal() for key in scores):
        raise ValueError("selection.scores should hold a score for each seed")
    by_seed = {int(key): _number(scores, key) for key in scores if len(key) < 20}
    if _count(tree, "chosen") not in by_seed:
        raise ValueError(f"the seed {tree['chosen']} was chosen, and has no score")
    return Selection(by_seed, tree["chosen"], _text(tree, "by"))


def _figures(tree: Mapping[str, Any]) -> Figures:
    _check_entries(tree, [field.name for field in dataclasses.fields(Figures)], "figures")
    means = _object(tree, "means")
    numbers = {key: _number(means, key) for key in means}
    return Figures(_text(tree, "command"), _count(tree, "episodes"), _text(tree, "summary"), numbers)


def _check_entries(tree: Any, names: list[str], where: str) -> None:
    if not isinstance(tree, Mapping):
        raise ValueError(f"{where} is {tree!r:.60}, expected an object")
    for name in sorted(tree.keys() ^ set(names)):
        raise ValueError(f"{where} {'lacks' if name in names else 'has an unknown entry'} {name[:60]!r}")


def _object(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = tree[key]
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} is {value!r:.60}, expected an object")
    return value


def _text(tree: Mapping[str, Any], key: str) -> str:
    value = tree[key]
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError(f"{key[:60]} is {value!r:.60}, expected a text of at most {MAX_TEXT:,} characters")
    return value


def _count(tree: Mapping[str, Any], key: str) -> int:
    value = tree[key]
    if type(value) is not int or not 0 <= value <= 10**15:
        raise ValueError(f"{key} is {value!r:.60}, expected a whole number from 0 to 10^15")
    return value


def _number(tree: Mapping[str, Any], key: str) -> float:
    value = tree[key]
    if type(value) not in (int, float) or not abs(value) < LARGEST:  # NaN is refused too
        raise ValueError(f"{key[:60]} is {value!r:.60}, expected a finite number")
    return float(value)

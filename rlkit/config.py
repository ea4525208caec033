"""The configuration of a run: everything needed to repeat it, in one frozen dataclass."""

import dataclasses
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rlkit.environments import EnvironmentConfig
from rlkit.errors import UserError

FORMAT = 1
# Bounds of what a configuration may ask for: beyond them a file's number would hang or take all memory.
LARGEST = {
    "steps": 10**12,
    "num_envs": 2**14,
    "seed": 2**63 - 1,
    "eval_freq": 10**12,
    "eval_episodes": 10**6,
    "save_freq": 10**12,
}
MODEL = "perception/model.safetensors"  # within a run folder, the model that its agent sees by


def versions() -> dict[str, str]:
    """What a run's numbers may depend on."""
    packages = ("rlkit-toolkit", "torch", "numpy", "numba", "gymnasium")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": sys.version.split()[0], "machine": platform.machine(), **found}


@dataclass(frozen=True)
class RunConfig:
    """Everything needed to repeat a run.

    Args:
        environment: Where the agent trains.
        evaluation: Where it is measured meanwhile.
        algorithm: Name of the agent.
        preset: Name of the preset that the hyperparameters came from.
        hyperparameters: All of them, written out.
        steps: Budget in steps of a single environment.
        num_envs: Environments that are stepped together.
        seed: The one seed that fixes everything.
        device: "cpu" or "cuda".
        eval_freq: Steps between evaluations; 0 for none.
        eval_episodes: Episodes per evaluation.
        save_freq: Steps between checkpoints; 0 for one at the end only.
        deterministic: One thread, and only operations that repeat bit for bit.
        overlap: Environments take their steps in a thread of their own, while the agent learns.
        versions: Of Python and of the packages that numbers may depend on.
    """

    environment: EnvironmentConfig
    evaluation: EnvironmentConfig
    algorithm: str
    preset: str
    hyperparameters: Mapping[str, Any]
    steps: int
    num_envs: int
    seed: int
    device: str
    eval_freq: int
    eval_episodes: int
    save_freq: int
    deterministic: bool
    overlap: bool = False
    versions: Mapping[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        """Refuse numbers that make no sense.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        lowest = {"steps": 1, "num_envs": 1, "seed": 0, "eval_freq": 0, "eval_episodes": 1, "save_freq": 0}
        for name, low in lowest.items():
            value, high = getattr(self, name), LARGEST[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                shown = f"{value!r}" if len(f"{value!r}") < 40 else f"a number of {len(str(value))} digits"
                raise UserError(
                    f"--{name.replace('_', '-')} = {shown}: expected a whole number of at least {low} and at most "
                    f"{high:,}"
                )
        for name in ("algorithm", "preset"):
            if not isinstance(getattr(self, name), str):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected a name")
        for name in ("deterministic", "overlap"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected true or false")
        if self.device not in ("cpu", "cuda"):
            raise UserError(f"device = {self.device!r}: expected cpu or cuda")
        for name in ("hyperparameters", "versions"):
            if not isinstance(getattr(self, name), Mapping):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected an object")
        if not all(isinstance(version, str) for version in self.versions.values()):
            raise UserError(f"versions = {self.versions!r}: expected texts")
        if self.steps < self.num_envs:
            raise UserError(f"--steps = {self.steps} is less than one step of each of {self.num_envs} environments")
        if self.overlap and self.deterministic:
            raise UserError("--overlap gives environments a thread of their own, --deterministic allows one: omit one")

    def located(self, folder: Path) -> Self:
        """The same, with the file of perception's model within the folder that the configuration was read from.

        Raises:
            UserError: It names a file that lies elsewhere.
        """
        return dataclasses.replace(
            self, environment=self.environment.located(folder), evaluation=self.evaluation.located(folder)
        )

    def self_contained(self) -> tuple[Self, dict[str, bytes]]:
        """The same as it is kept in a run's folder, and the files that lie beside it: the model that the agent sees by.

        Returns:
            The configuration, with paths from within the folder; content by path.

        Raises:
            UserError: If the model's file cannot be read, or is not the one that was chosen.
        """
        perception = self.environment.perception
        if perception is None or perception.is_truth:
            return self, {}
        try:
            content = Path(perception.what).read_bytes()
        except OSError as error:
            raise UserError(f"The model {perception.what} cannot be read: {error.strerror or error}") from error
        digest = hashlib.sha256(content).hexdigest()
        if perception.digest not in ("", digest):
            raise UserError(f"The model {perception.what} has changed since it was chosen: start again")

        def owning(environment: EnvironmentConfig) -> EnvironmentConfig:
            assert environment.perception is not None
            own = dataclasses.replace(environment.perception, what=MODEL, digest=digest)
            return dataclasses.replace(environment, perception=own)

        own = dataclasses.replace(self, environment=owning(self.environment), evaluation=owning(self.evaluation))
        return own, {MODEL: content}

    def with_network(self, network: str) -> Self:
        """The same, with the code of a model's network named, so that it may be imported.

        Raises:
            UserError: If the agent does not see by a model.
        """
        options = {"network": network}
        return dataclasses.replace(
            self,
            environment=self.environment.seen_by(None, options),
            evaluation=self.evaluation.seen_by(None, options),
        )

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """Settings in which another run differs, by name, with its value and the own one; versions do not count."""
        own, others = self._settings(), other._settings()
        return {key: (others.get(key), own.get(key)) for key in {**own, **others} if others.get(key) != own.get(key)}

    def _settings(self) -> dict[str, Any]:
        plain = self.to_json()
        for name in ("environment", "evaluation"):
            perception = plain[name].pop("perception") or {"what": "none"}
            if perception.get("digest"):
                perception["what"] = "a model"  # a run has a copy of its own: its content counts
            plain |= {f"{name}.perception.{key}": value for key, value in perception.items()}
        flat = {key: value for key, value in plain.items() if key not in ("versions", "hyperparameters")}
        as_json = {
            key: list(value) if isinstance(value, tuple) else value for key, value in self.hyperparameters.items()
        }
        return flat | as_json

    def to_json(self) -> dict[str, Any]:
        """A tree that JSON can hold."""
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["environment"] = self.environment.to_json()
        plain["evaluation"] = self.evaluation.to_json()
        return {"format": FORMAT, **plain}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: If it is from a newer version or not the configuration of a run.
        """
        if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
            given = plain.get("format") if isinstance(plain, Mapping) else type(plain).__name__
            raise UserError(f"this is no run configuration of format {FORMAT} (given: {given})")
        values = {key: value for key, value in plain.items() if key != "format"}
        values.setdefault("overlap", False)  # runs from before there was a choice
        names = {field.name for field in dataclasses.fields(cls)}
        if values.keys() != names:
            odd = sorted(values.keys() ^ names)
            raise UserError(f"the run configuration lacks or has too much: {', '.join(odd)}")
        values["environment"] = EnvironmentConfig.from_json(values["environment"])
        values["evaluation"] = EnvironmentConfig.from_json(values["evaluation"])
        return cls(**values)

"""The configuration of a run in one frozen dataclass, and how everything in it is decided before the run starts."""

import dataclasses
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rlkit import capabilities, plugins
from rlkit.agent import Agent
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, played_to_the_end, read_metadata
from rlkit.errors import UserError
from rlkit.hyperparameters import with_settings
from rlkit.perception.config import PerceptionConfig
from rlkit.spaces import Spaces
from rlkit.utils.parsing import did_you_mean

FORMAT = 2  # in 1, hyperparameters had other names
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

NATIVE_ENVS = 32  # environments stepped in compiled batches are as good as free
PYTHON_ENVS = 8  # enough to share the cost of a forward pass
MEASURED_ENVS = 64  # compiled ones, side by side in an evaluation
NATIVE_EPISODES = 50  # in an evaluation: compiled ones are cheap, and a lucky score is a bad choice of the best
PYTHON_EPISODES = 20
EVALUATIONS = 10  # in a run, unless --eval-freq says otherwise
CHECKPOINTS = 10  # in a run, unless --save-freq says otherwise


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

    environment: EnvConfig
    evaluation: EnvConfig
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
            raise UserError("--async-envs needs a second thread, which --deterministic does not allow: leave one out")

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

        def owning(environment: EnvConfig) -> EnvConfig:
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
            if given == 1:
                raise UserError(
                    f"the run is of format 1, which an earlier version made; {FORMAT} is read: train it again"
                )
            raise UserError(f"this is no run configuration of format {FORMAT} (given: {given})")
        values = {key: value for key, value in plain.items() if key != "format"}
        names = {field.name for field in dataclasses.fields(cls)}
        if values.keys() != names:
            odd = sorted(values.keys() ^ names)
            raise UserError(f"the run configuration lacks or has too much: {', '.join(odd)}")
        values["environment"] = EnvConfig.from_json(values["environment"])
        values["evaluation"] = EnvConfig.from_json(values["evaluation"])
        return cls(**values)


def plan(
    env: str | EnvConfig,
    *,
    algo: str = "dqn",
    preset: str | None = None,
    settings: Mapping[str, str] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    num_envs: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    eval_freq: int | None = None,
    eval_episodes: int | None = None,
    save_freq: int | None = None,
    deterministic: bool = False,
    overlap: bool = False,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Decide everything about a run before it starts, by looking at the environment.

    Args:
        env: Id of an environment, or its description.
        algo: Name of the agent.
        preset: Name of one of its presets; its first one if not given.
        settings: Hyperparameters that differ from the preset, as typed: {"gamma": "0.997"}.
        steps: Budget in steps of a single environment; None takes what the agent suggests for such observations.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        num_envs: Environments stepped together; None goes by whether they are stepped in compiled batches.
        env_kwargs: Arguments of the environment, for training and evaluation alike.
        eval_freq: Steps between evaluations; 0 for none; None for ten of them.
        eval_episodes: Episodes per evaluation; None for 50 where they are stepped in compiled batches, else 20.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        deterministic: One thread, and torch's own switch.
        overlap: Let environments take their steps in a thread of their own while the agent learns. One seed still
            fixes everything, but other numbers: what is learned from is one step older.
        perception: What replaces the camera's picture: `truth`, `none`, or a segmentation model (the folder of a
            perception run, a file, `pretrained:NAME`); None leaves `env` as it is described.
        perception_kwargs: How it is shown and spoilt; see `perception.config.PerceptionConfig`.

    Raises:
        UserError: For anything that the caller can mend.
    """
    from rlkit.nn.utils import choose_device

    for option, number in (("--num-envs", num_envs), ("--steps", steps)):
        if number is not None and number < 1:
            raise UserError(f"{option} {number}: expected a whole number of at least 1.")
    agent_type = plugins.agent_class(algo)
    if not agent_type.learns:
        raise UserError(f"The agent {algo!r} does not learn: measure it with rlkit evaluate {algo} --env ENV.")
    asked = (env if isinstance(env, EnvConfig) else EnvConfig(env)).with_kwargs(env_kwargs or {})
    asked = asked.seen_by(perception, perception_kwargs)
    metadata = read_metadata(asked)
    for_training = asked.with_defaults(capabilities.default_kwargs(metadata, "training"))
    with make_vec_env(for_training, 1) as one:
        spaces, native, for_training = one.spaces, one.native, one.config
    budget = steps if steps is not None else agent_type.default_steps(spaces)
    name, hyperparameters = choose_hyperparameters(agent_type, preset, settings or {}, spaces, budget)
    measured = played_to_the_end(dataclasses.replace(for_training, kwargs=asked.kwargs))
    usual = {
        "num_envs": NATIVE_ENVS if native else PYTHON_ENVS,
        "eval_episodes": NATIVE_EPISODES if native else PYTHON_EPISODES,
    } | capabilities.run_defaults(metadata)
    return RunConfig(
        environment=for_training,
        evaluation=measured.with_kwargs(capabilities.default_kwargs(metadata, "evaluation")),
        algorithm=algo,
        preset=name,
        hyperparameters=dataclasses.asdict(hyperparameters),
        steps=budget,
        num_envs=usual["num_envs"] if num_envs is None else num_envs,
        seed=seed,
        device=choose_device(device),
        eval_freq=max(1, budget // EVALUATIONS) if eval_freq is None else eval_freq,
        eval_episodes=usual["eval_episodes"] if eval_episodes is None else eval_episodes,
        save_freq=max(1, budget // CHECKPOINTS) if save_freq is None else save_freq,
        deterministic=deterministic,
        overlap=overlap,
    )


def choose_hyperparameters(
    agent_type: type[Agent], preset: str | None, settings: Mapping[str, str], spaces: Spaces, steps: int
) -> tuple[str, Any]:
    """The preset's name and the hyperparameters it gives, changed by what was typed.

    Raises:
        UserError: For an unknown preset or hyperparameter, or a value that cannot be.
    """
    name = preset or next(iter(agent_type.presets))
    if name not in agent_type.presets:
        known = ", ".join(agent_type.presets)
        raise UserError(f"There is no preset {name!r}.{did_you_mean(name, agent_type.presets)} Known: {known}.")
    return name, with_settings(agent_type.presets[name](spaces, steps), settings)

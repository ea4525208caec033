"""The configuration of a run: what those of all kinds of runs share, that of an agent's run, and how it is decided."""

import dataclasses
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from rlkit import capabilities, plugins
from rlkit.agent import Agent
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env, played_to_the_end, read_metadata
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain, with_settings
from rlkit.perception.config import PerceptionConfig
from rlkit.spaces import Spaces
from rlkit.training.initial_weights import COPY, InitialWeights
from rlkit.utils.parsing import did_you_mean

FORMAT = 3  # of config.json, for runs of all kinds
EARLIER_FORMATS = (1, 2, "perception-1", "perception-2")  # had other names for some settings
# Bounds of what a configuration may ask for: beyond them a file's number would hang or take all memory.
BOUNDS = {
    "steps": (1, 10**12),
    "num_envs": (1, 2**14),
    "actors": (0, 2**10),
    "learners": (1, 256),
    "seed": (0, 2**63 - 1),
    "eval_freq": (0, 10**12),
    "eval_episodes": (1, 10**6),
    "val_freq": (1, 10**12),
    "save_freq": (0, 10**12),
}
# By kind of run.
COMMANDS = {
    "agent": "rlkit train, evaluate and watch",
    "segmentation": "rlkit perception train, evaluate and predict",
    "detection": "rlkit perception train, evaluate and predict",
    "captioning": "rlkit perception train, evaluate and predict",
}
MODEL = "perception/model.safetensors"  # the perception model within a run folder

NATIVE_ENVS = 32  # environments that are stepped in compiled batches
PYTHON_ENVS = 8  # others: enough to amortise a forward pass
MEASURED_ENVS = 64  # compiled ones in an evaluation
NATIVE_EPISODES = 50  # of an evaluation in compiled environments
PYTHON_EPISODES = 20
EVALUATIONS = 10  # in a run, unless --eval-freq says otherwise
CHECKPOINTS = 10  # in a run, unless --save-freq says otherwise


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results may depend on."""
    packages = ("rlkit-toolkit", "torch", "numpy", "numba", "gymnasium")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": sys.version.split()[0], "machine": platform.machine(), **found}


def task_name(environment_id: str) -> str:
    """An environment's id as part of a folder's name, such as cartpole."""
    return environment_id.replace(":", "/").rstrip("/").rpartition("/")[2].partition("-v")[0].lower()


class StoredConfig:
    """What the configurations of all kinds of runs share; a subclass is a frozen dataclass whose fields JSON can hold.

    Attributes:
        KIND: Names the kind of run in its config.json, so that none is taken for another.
        OPTIONAL: Fields that are missing in config.json where they have their default.
        steps: Budget.
        seed: The one seed that fixes everything.
        save_freq: Steps between checkpoints; 0 for one at the end only.
        learners: Processes that train together, see `rlkit.training.learners`.
    """

    KIND: ClassVar[str]
    OPTIONAL: ClassVar[frozenset[str]] = frozenset()
    steps: int
    seed: int
    save_freq: int
    learners: int

    @property
    def folder_name(self) -> str:
        """How the name of the run's folder begins where none is chosen."""
        raise NotImplementedError

    def located(self, folder: Path) -> Self:
        """The same for a run in `folder`: paths of files in there are made absolute.

        Raises:
            UserError: A file that belongs to the run lies elsewhere.
        """
        return self

    def self_contained(self) -> tuple[Self, dict[str, bytes]]:
        """The same as it is stored in a run folder, and the files to copy there.

        Returns:
            The configuration, with paths relative to the folder; content by path.

        Raises:
            UserError: A file cannot be read, or has changed since it was chosen.
        """
        return self, {}

    def check_fields(self, *, texts: Sequence[str], objects: Sequence[str]) -> None:
        """Check types and bounds of the settings that several kinds of runs have.

        Args:
            texts: Names of fields that hold a text.
            objects: Names of fields that hold a mapping.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        for name, (low, high) in BOUNDS.items():
            value = getattr(self, name, low)
            if type(value) is not int or not low <= value <= high:
                shown = f"{value!r}" if len(f"{value!r}") < 40 else f"a number of {len(str(value))} digits"
                option = f"--{name.replace('_', '-')}"
                raise UserError(f"{option} {shown}: expected a whole number of at least {low} and at most {high:,}")
        for name in texts:
            if not isinstance(getattr(self, name), str):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected a text")
        for name in objects:
            if not isinstance(getattr(self, name), Mapping):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected an object")
        if not all(isinstance(version, str) for version in getattr(self, "versions", {}).values()):
            raise UserError(f"versions = {getattr(self, 'versions', None)!r}: expected texts")
        device: Any = getattr(self, "device", None)
        if device not in ("cpu", "cuda"):
            raise UserError(f"device = {device!r}: expected cpu or cuda")

    def to_json(self) -> dict[str, Any]:
        """The tree that config.json holds; it leaves `learners` out where there is one."""
        fields: Any = dataclasses.fields(self)  # type: ignore[arg-type]
        values = {field.name: getattr(self, field.name) for field in fields}
        if self.learners == 1:
            del values["learners"]
        return {"format": FORMAT, "kind": self.KIND, **values}

    @classmethod
    def from_json(cls, plain: Any) -> Self:
        """Read what `to_json` gave.

        Raises:
            UserError: It is from another version, or not the configuration of a run of this kind.
        """
        tree = plain if isinstance(plain, Mapping) else {}
        if tree.get("format") in EARLIER_FORMATS:
            given = tree["format"]
            raise UserError(f"the run is of format {given}, which an earlier version made: train it again")
        if tree.get("format") == FORMAT and tree.get("kind") in COMMANDS.keys() - {cls.KIND}:
            other = COMMANDS[tree["kind"]]
            raise UserError(f"this is a run of {tree['kind']} training, not of {cls.KIND} training: {other} take it")
        if (tree.get("format"), tree.get("kind")) != (FORMAT, cls.KIND):
            given = f"format {tree.get('format')!r}, kind {tree.get('kind')!r}" if tree else type(plain).__name__
            raise UserError(f"this is no configuration of {cls.KIND} training of format {FORMAT} (given: {given})")
        values = {key: value for key, value in tree.items() if key not in ("format", "kind")}
        names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        odd = sorted(values.keys() - names | names - values.keys() - cls.OPTIONAL)
        if odd:
            raise UserError(f"the run configuration lacks or has too much: {', '.join(odd)}")
        return cls(**cls.parsed(values))

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them.

        Raises:
            UserError: One is not of the form that `to_json` gives it.
        """
        return values


@dataclass(frozen=True)
class RunConfig(StoredConfig):
    """Everything needed to repeat the training of an agent.

    Args:
        environment: The training environment.
        evaluation: The environment of evaluations during training.
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
        deterministic: One thread, and only operations that are bitwise reproducible.
        async_envs: Environments take their steps in a thread of their own, while the agent learns.
        versions: Of Python and of the packages that results may depend on.
        init: The weights that training starts from; None for random ones.
        actors: Processes that step the environments, with weights that are a little older; 0 for none.
        learners: Processes that train together, each with its share of environments, batch and replay buffer.
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
    async_envs: bool = False
    versions: Mapping[str, str] = field(default_factory=versions)
    init: InitialWeights | None = None
    actors: int = 0
    learners: int = 1
    KIND = "agent"
    OPTIONAL = frozenset({"init", "actors", "learners"})

    def __post_init__(self) -> None:
        """Check types and bounds.

        Raises:
            UserError: Naming the option, what was given and what is allowed.
        """
        self.check_fields(texts=("algorithm", "preset"), objects=("hyperparameters", "versions"))
        for name in ("deterministic", "async_envs"):
            if not isinstance(getattr(self, name), bool):
                raise UserError(f"{name} = {getattr(self, name)!r}: expected true or false")
        if self.steps < self.num_envs:
            raise UserError(f"--steps = {self.steps} is less than one step of each of {self.num_envs} environments")
        if self.num_envs % self.learners:
            nearest = -(-self.num_envs // self.learners) * self.learners
            raise UserError(
                f"--learners {self.learners}: --num-envs {self.num_envs} cannot be divided by it; use {nearest}"
            )
        if self.async_envs and self.deterministic:
            raise UserError("--async-envs needs a second thread, which --deterministic does not allow: leave one out")
        if self.actors and self.learners > 1:
            raise UserError("--actors send to one learner: leave out --learners")
        if self.actors and self.async_envs:
            raise UserError("--actors step their environments while the agent learns: leave out --async-envs")
        if self.actors and self.num_envs % self.actors:
            raise UserError(
                f"--actors {self.actors}: {self.num_envs} environments cannot be shared out evenly: choose a multiple "
                "for --num-envs"
            )

    def located(self, folder: Path) -> Self:
        """The same with the absolute path of the perception model and of the initial weights in the run folder.

        Raises:
            UserError: The model lies elsewhere.
        """
        return dataclasses.replace(
            self,
            environment=self.environment.located(folder),
            evaluation=self.evaluation.located(folder),
            init=None if self.init is None else self.init.located(folder),
        )

    def self_contained(self) -> tuple[Self, dict[str, bytes]]:
        """The same as it is stored in a run folder, and the perception model and initial weights to copy there.

        Returns:
            The configuration, with paths relative to the folder; content by path.

        Raises:
            UserError: A file cannot be read, or has changed since it was chosen.
        """
        initial = {} if self.init is None else {COPY: self.init.content()}
        perception = self.environment.perception
        if perception is None or perception.is_truth:
            return self, initial
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
        return own, {MODEL: content, **initial}

    def with_network(self, network: str) -> Self:
        """The same, naming the code of the perception model's network, so that it may be imported.

        Raises:
            UserError: There is no perception model.
        """
        options = {"network": network}
        return dataclasses.replace(
            self,
            environment=self.environment.seen_by(None, options),
            evaluation=self.evaluation.seen_by(None, options),
        )

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """Settings that differ from another run's, except versions: name to (the other's value, this one's)."""
        own, others = self._settings(), other._settings()
        return {key: (others.get(key), own.get(key)) for key in {**own, **others} if others.get(key) != own.get(key)}

    def _settings(self) -> dict[str, Any]:
        plain = self.to_json()
        for name in ("environment", "evaluation"):
            perception = plain[name].pop("perception") or {"what": "none"}
            if perception.get("digest"):
                perception["what"] = "a model"  # each run has its own copy: only the content counts
            plain |= {f"{name}.perception.{key}": value for key, value in perception.items()}
        plain["init"] = None if self.init is None else self.init.digest
        flat = {key: value for key, value in plain.items() if key not in ("versions", "hyperparameters")}
        as_json = {
            key: list(value) if isinstance(value, tuple) else value for key, value in self.hyperparameters.items()
        }
        return flat | as_json

    @property
    def folder_name(self) -> str:
        """Such as driving-dqn-s0."""
        return f"{task_name(self.environment.id)}-{self.algorithm}-s{self.seed}"

    def to_json(self) -> dict[str, Any]:
        """The tree that config.json holds."""
        plain = super().to_json() | {name: getattr(self, name).to_json() for name in ("environment", "evaluation")}
        del plain["init"]
        if not self.actors:
            del plain["actors"]
        return plain if self.init is None else {**plain, "init": self.init.to_json()}

    @classmethod
    def parsed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """The values of all fields, made from what JSON holds of them."""
        if values["algorithm"] in plugins.agent_names():
            if not isinstance(values["hyperparameters"], Mapping):
                raise UserError(f"hyperparameters = {values['hyperparameters']!r}: expected an object")
            from_plain(plugins.agent_class(values["algorithm"]).Config, values["hyperparameters"])
        init = {"init": InitialWeights.from_json(values["init"])} if values.get("init") is not None else {}
        return values | {name: EnvConfig.from_json(values[name]) for name in ("environment", "evaluation")} | init


def plan(
    env: str | EnvConfig,
    *,
    algo: str = "dqn",
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    num_envs: int | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    eval_freq: int | None = None,
    eval_episodes: int | None = None,
    save_freq: int | None = None,
    deterministic: bool = False,
    async_envs: bool = False,
    actors: int = 0,
    learners: int = 1,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Decide everything about a run before it starts, from the environment's properties.

    Args:
        env: Id of an environment, or its description.
        algo: Name of the agent.
        preset: Name of one of its presets; its first one if not given.
        settings: Hyperparameters that differ from the preset: {"gamma": 0.997}, or as typed: {"gamma": "0.997"}.
        steps: Budget in steps of a single environment; None takes the agent's default for such observations.
        seed: Fixes everything.
        device: "auto", "cpu" or "cuda".
        num_envs: Environments stepped together; None for 32 where they are stepped in compiled batches, else 8.
        env_kwargs: Arguments of the environment, for training and evaluation alike.
        eval_freq: Steps between evaluations; 0 for none; None for ten of them.
        eval_episodes: Episodes per evaluation; None for 50 where they are stepped in compiled batches, else 20.
        save_freq: Steps between checkpoints; 0 for one at the end only; None for ten of them.
        deterministic: One thread, and torch's own switch.
        async_envs: Step environments in a second thread while the agent learns. Runs stay reproducible, with other
            results: an update lacks the newest step.
        actors: Processes that step the environments, each its own share of them, while the agent learns from what they
            send; 0 for none. For agents with a replay buffer; needs Ray.
        learners: Processes that train together, data-parallel; each takes its share of `num_envs`, of the batch and of
            the replay buffer, and a GPU of its own where `device` is one.
        perception: What replaces the camera's picture: `truth`, `none`, or a segmentation model (the folder of a
            perception run, a file, `pretrained:NAME`); None leaves `env` as it is described.
        perception_kwargs: View and corruptions; see `perception.config.PerceptionConfig`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    from rlkit.nn.utils import choose_device

    for option, number in (("--num-envs", num_envs), ("--steps", steps), ("--learners", learners)):
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
    if actors > 0:
        usual["num_envs"] = actors * max(1, round(usual["num_envs"] / actors))
    config = RunConfig(
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
        async_envs=async_envs,
        actors=actors,
        learners=learners,
    )
    if learners > 1:
        agent_type.shared(hyperparameters, learners)  # refuses what cannot be divided
    return config


def choose_hyperparameters(
    agent_type: type[Agent], preset: str | None, settings: Mapping[str, str], spaces: Spaces, steps: int
) -> tuple[str, Any]:
    """The preset's name and its hyperparameters, changed by those that were typed.

    Raises:
        UserError: A preset or hyperparameter is unknown, or a value is out of range.
    """
    name = preset or next(iter(agent_type.presets))
    if name not in agent_type.presets:
        known = ", ".join(agent_type.presets)
        raise UserError(f"There is no preset {name!r}.{did_you_mean(name, agent_type.presets)} Known: {known}.")
    return name, with_settings(agent_type.presets[name](spaces, steps), settings)

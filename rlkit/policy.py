"""Load a policy from a run folder, a checkpoint, `pretrained:NAME` or the name of an agent, use and evaluate it."""

import copy
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from rlkit import capabilities, plugins
from rlkit.agent import Agent, Inspection, SelectiveAgent
from rlkit.capabilities import scenario_option
from rlkit.env.config import EnvConfig, absolute_id
from rlkit.env.frame_stack import push_frame, repeat_frame
from rlkit.env.make import check_arguments, make_vec_env, read_metadata
from rlkit.env.seeding import Stream, episode_seed
from rlkit.errors import DescribedError, UserError
from rlkit.nn.utils import ParameterLimitExceeded, parameter_limit, torch_set_up
from rlkit.perception.config import PRETRAINED, PerceptionConfig
from rlkit.spaces import Observations, Spaces
from rlkit.training.checkpoint import load_fitting
from rlkit.training.config import MEASURED_ENVS, PYTHON_ENVS, versions
from rlkit.training.evaluation import Evaluation, evaluate
from rlkit.training.pretrained import pretrained_hint
from rlkit.training.run import build_agent
from rlkit.training.run_folder import compare_spaces
from rlkit.training.trained_agent import TrainedAgent, find_trained, warn
from rlkit.utils.parsing import did_you_mean

SMALL_BUFFER = 128  # steps; capacity for an agent that does not learn, at least the n of any n-step return

EPISODES = 20  # per evaluation
_SHOWN_FAILURES = 10


@dataclass(frozen=True)
class PolicySpec:
    """A policy and the environment it acts in.

    Args:
        name: Name of the run or agent.
        environment: The environment.
        trained: Its weights and their run; None for an agent without training.
    """

    name: str
    environment: EnvConfig
    trained: TrainedAgent | None = None

    def to_json(self) -> dict[str, Any]:
        """What is needed to repeat an evaluation, as `rlkit evaluate --json` writes it, apart from its own options."""
        trained, environment = self.trained, self.environment.to_json()
        init = None if trained is None else trained.config.init
        return {
            "algorithm": self.name if trained is None else trained.config.algorithm,
            "env_kwargs": environment["kwargs"],
            "frame_stack": environment["frame_stack"],
            "perception": environment["perception"],
            "checkpoint": None if trained is None else trained.to_json(),
            "init": None if init is None else init.to_json(),
            "versions": versions(),
        }

    def agent(self, spaces: Spaces, num_envs: int) -> Agent:
        """Build the agent for an environment with these spaces; it ignores observations that it was not trained with.

        Raises:
            UserError: It was trained for other spaces.
        """
        trained = self.trained
        if trained is None:
            agent_type = plugins.agent_class(self.name)
            return agent_type.build(spaces, agent_type.Config(), num_envs, "cpu", seed=0)
        plain = {**trained.config.hyperparameters}
        if "buffer_size" in plain:  # the agent does not learn, so a small buffer suffices
            smaller = {
                "batch_size": 1,
                "learning_starts": 1,
                "buffer_size": max(2 * num_envs, SMALL_BUFFER),
                "replay_on_disk": False,
            }
            plain |= {key: value for key, value in smaller.items() if key in plain}
        config = dataclasses.replace(trained.config, hyperparameters=plain, num_envs=num_envs, learners=1)
        then, now = (_describe_perception(environment) for environment in (config.environment, self.environment))
        known = {name: leaf for name, leaf in spaces.observations.items() if name in trained.spaces}
        selected = then == now and 0 < len(known) < len(spaces.observations)
        if selected:
            spaces = dataclasses.replace(spaces, observations=known)
        if then == now:
            what = trained.source if trained.run is None else f"the run {trained.run}"
            compare_spaces(what, trained.spaces, spaces)
        try:
            with parameter_limit(trained.bytes):
                agent = build_agent(config, spaces)
        except ParameterLimitExceeded as error:
            card = "its card" if trained.run is None else "config.json"
            raise UserError(
                f"{trained.source} does not fit the agent that {card} describes: its networks would have "
                f"more than {error.limit / 2**20:.0f} MiB of parameters, the weights have "
                f"{trained.bytes / 2**20:.1f} MiB.",
                exit_code=1,
            ) from error
        difference = load_fitting(agent, trained.weights())
        if difference:
            perception = "" if then == now else f" It was trained with {then}, and would be used with {now}."
            raise UserError(
                f"{trained.source} was trained in {config.environment.id} and does not fit {self.environment.id}: "
                f"{difference}.{perception}",
                exit_code=1,
            )
        return SelectiveAgent(agent, known) if selected else agent


def find_policy(
    source: str | Path,
    *,
    env: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
    report: Callable[[str], None] = warn,
) -> PolicySpec:
    """Find a policy by run folder, checkpoint folder, `pretrained:NAME` or agent name.

    A run folder stands for its checkpoint with the best evaluation, or the newest one if there was no evaluation.

    Args:
        source: Run folder, checkpoint folder, `pretrained:NAME` or a file as these, or name of an agent without
            training.
        env: Id of the environment; None for the evaluation environment of the run.
        env_kwargs: Arguments of the environment beyond its defaults for evaluation.
        perception: Replaces the camera image, as in `training.config.plan`; None for that of the run.
        perception_kwargs: Options of perception that differ from those of the run.
        report: Called with a warning for each damaged checkpoint that is skipped.

    Raises:
        UserError: There is no such policy.
    """
    path = Path(source)
    if not path.exists() and str(source) in plugins.agent_names():
        name = str(source)
        if plugins.agent_class(name).learns:
            raise UserError(f"{name} needs training: give the folder of a run, or one of: random, expert.")
        if env is None:
            raise UserError(f"{name} needs an environment, for instance --env CartPole-v1.")
        return PolicySpec(
            name, _with_evaluation_kwargs(EnvConfig(env), env_kwargs).seen_by(perception, perception_kwargs)
        )
    if not path.exists() and not str(source).startswith(PRETRAINED):
        names = [name for name in plugins.agent_names() if not plugins.agent_class(name).learns]
        raise UserError(
            f"There is no run folder at {source}, and no agent of that name.{did_you_mean(str(source), names)}"
            f"{pretrained_hint(str(source))} Agents that need no training: {', '.join(names)}."
        )
    trained = find_trained(source, report)
    environment = trained.config.evaluation.with_kwargs(env_kwargs or {})
    if env is not None and absolute_id(env) != environment.id:
        environment = dataclasses.replace(
            _with_evaluation_kwargs(EnvConfig(env), env_kwargs),
            frame_stack=environment.frame_stack,
            perception=environment.perception,
        )
    elif env is None and environment.code is not None:
        raise UserError(
            f"This run needs the code of {environment.id!r}, which is only imported if you ask for it. "
            f"If you trust it, add: --env {environment.id}"
        )
    else:
        check_arguments(environment, env_kwargs or {})
    return PolicySpec(trained.name, environment.seen_by(perception, perception_kwargs), trained)


def _describe_perception(environment: EnvConfig) -> str:
    """The perception of an environment in words."""
    perception = environment.perception
    if perception is None:
        return "the camera image"
    size = "" if perception.view_size is None else f" of {perception.view_size[0]}×{perception.view_size[1]}"
    return f"{perception.what} in a {perception.view} view{size}"


def _with_evaluation_kwargs(environment: EnvConfig, env_kwargs: Mapping[str, Any] | None) -> EnvConfig:
    defaults = capabilities.default_kwargs(read_metadata(environment), "evaluation")
    return environment.with_kwargs(defaults).with_kwargs(env_kwargs or {})


class Policy:
    """Greedy actions for the observations of one environment.

    It keeps the last frames if the agent uses a frame stack: call `reset` when an episode begins. With perception, it
    takes the camera image and predicts the drivable area itself. Each observation counts once, whether `act`,
    `q_values` or both are called with it.

    Args:
        spec: The policy and its environment.
    """

    def __init__(self, spec: PolicySpec):
        with make_vec_env(spec.environment, 1) as environments:
            self._spaces = environments.spaces
            self._observer = environments.observer
            self._actions = environments.actions
            self.agent: Agent = spec.agent(environments.spaces, 1)
        self.action_names = self._spaces.action_names
        self._space = environments.single_observation_space
        self._acted: tuple[Any, Observations] | None = None  # the last observation of `act`, given and converted
        self._pending: tuple[Any, Observations] | None = None  # of `q_values` since
        self.reset()

    def reset(self) -> None:
        """Clear the frame stack."""
        self._acted = self._pending = None
        self._observer.begin([0], np.ones(1, dtype=np.bool_))

    def act(self, observation: Any) -> Any:
        """The greedy action of the Gymnasium environment for one of its observations.

        Raises:
            UserError: The observation does not fit the environment, or is not finite.
        """
        given = self._check(observation)
        if self._pending is not None and _equal(given, self._pending[0]):
            leaves = self._pending[1]
        else:
            leaves = self._convert(given)
        self._acted, self._pending = (copy.deepcopy(given), leaves), None
        actions: npt.NDArray[np.int64] = self.agent.act(leaves, explore=False)
        action = self._actions.decode(actions)[0]
        return int(action) if action.ndim == 0 else action

    def q_values(self, observation: Any) -> npt.NDArray[np.float32] | None:
        """Q-values (A,) float32, None if the agent has none, for the next observation or that of the last `act`.

        Raises:
            UserError: The observation does not fit the environment, or is not finite.
        """
        given = self._check(observation)
        known = [seen for seen in (self._pending, self._acted) if seen is not None and _equal(given, seen[0])]
        if not known:
            self._pending = (copy.deepcopy(given), self._convert(given))
            known = [self._pending]
        inspection: Inspection = self.agent.inspect(known[0][1], want=("q",))
        return None if inspection.q is None else inspection.q[0]

    def _check(self, observation: Any) -> Any:
        """Refuse what is no observation, with the reason; return it with a batch axis."""
        if isinstance(observation, tuple) and not isinstance(self._space, gymnasium.spaces.Tuple):
            raise UserError(
                f"A tuple of {len(observation)} values is no observation: env.reset() returns (observation, info), and "
                "env.step() begins with the observation; pass that alone."
            )
        if isinstance(self._space, gymnasium.spaces.Dict):
            keys = list(observation) if isinstance(observation, Mapping) else None
            missing = [] if keys is None else [key for key in self._observer.keys if key not in keys]
            if keys is None or missing:
                given = type(observation).__name__ if keys is None else f"a dict with {', '.join(map(str, keys))}"
                expected = ", ".join(map(str, self._observer.keys))
                raise UserError(f"The observation should be a dict with {expected}; given was {given}.")
        return self._observer.batch_of_one(observation)

    def _convert(self, batch: Any) -> Observations:
        try:
            leaves = self._observer.see(batch)
        except DescribedError as error:
            raise UserError(f"The policy was given an observation that cannot be: it {error}.") from None
        for name, leaf in leaves.items():
            if leaf.dtype.kind == "f" and not np.isfinite(leaf).all():
                raise UserError(f"The observation {name!r} is not finite: {leaf[0]}.")
        last = None if self._acted is None else self._acted[1]
        for spec in self._spaces.observations.values():
            if spec.stack > 1:
                frame = leaves[spec.name]
                stacked = repeat_frame(frame, spec.stack) if last is None else push_frame(last[spec.name], frame)
                leaves[spec.name] = stacked
        return leaves


def _equal(first: Any, second: Any) -> bool:
    """Whether two nested observations are equal."""
    if isinstance(first, Mapping):
        return first.keys() == second.keys() and all(_equal(value, second[key]) for key, value in first.items())
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(_equal, first, second))
    return np.array_equal(first, second)


def load_policy(
    source: str | Path,
    env: str | None = None,
    *,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
) -> Policy:
    """Load a policy.

    Args:
        source: A run folder, a checkpoint folder, `pretrained:NAME`, or the name of an agent without training.
        env: The id of the environment; needed if it is in a file or a module to import.
        perception: Replaces the camera image (`truth`, `none`, a segmentation model); None for that of the run.
        perception_kwargs: Options of perception that differ from those of the run.

    Raises:
        UserError: There is no such run or agent.
    """
    return Policy(find_policy(source, env=env, perception=perception, perception_kwargs=perception_kwargs))


def evaluate_policy(
    spec: PolicySpec,
    *,
    episodes: int | None = None,
    seed: int = 0,
    scenario: Path | None = None,
    stream: Stream = "evaluation",
) -> Evaluation:
    """Evaluate a policy in complete episodes.

    Args:
        spec: The policy and its environment.
        episodes: Number of episodes, per file if scenarios are given; None for 20, or one per file.
        seed: Selects the episodes.
        scenario: A file, or a folder of them, for the environment's scenario option.
        stream: Purpose of the episodes: those of "selection" are others, to choose among policies by.

    Raises:
        UserError: The environment takes no scenarios, or a file is missing or cannot be used; all are read first.
    """
    if scenario is None:
        return _evaluate(spec, spec.environment, EPISODES if episodes is None else episodes, seed, stream)
    places = scenarios(spec.environment, scenario)
    option = scenario_option(read_metadata(spec.environment)) or ""
    results = []
    for place in places:
        result = _evaluate(spec, place, episodes or 1, seed, stream)
        name = Path(str(place.kwargs[option])).name
        results.append(
            dataclasses.replace(result, episodes=[{"scenario": name, **episode} for episode in result.episodes])
        )
    return dataclasses.replace(
        results[0],
        episodes=[episode for result in results for episode in result.episodes],
        beginnings=[beginning for result in results for beginning in result.beginnings],
        seconds=sum(result.seconds for result in results),
    )


def _evaluate(spec: PolicySpec, environment: EnvConfig, episodes: int, seed: int, stream: Stream) -> Evaluation:
    with make_vec_env(environment, 1) as one:
        most = MEASURED_ENVS if one.native else PYTHON_ENVS
    with make_vec_env(environment, min(episodes, most)) as environments:
        agent = spec.agent(environments.spaces, environments.num_envs)
        seeds = [episode_seed(seed, 0, number, stream) for number in range(episodes)]
        with torch_set_up(agent.threads, deterministic=False):
            return evaluate(agent, spec.name, environments, seeds)


def scenarios(environment: EnvConfig, path: Path) -> list[EnvConfig]:
    """The environment for each scenario file, sorted by name; those of a folder are all read.

    Raises:
        UserError: The environment takes no scenarios, there is no file, or some in a folder cannot be used.
    """
    option = scenario_option(read_metadata(environment))
    if option is None:
        raise UserError(f"{environment.id} has no scenarios: leave out --scenario")
    if not path.exists():
        raise UserError(f"--scenario {path}: there is no such file or folder")
    if not path.is_dir():
        return [environment.with_kwargs({option: str(path)})]
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv" and not file.name.startswith("."))
    if not files:
        raise UserError(f"--scenario {path}: the folder holds no .csv file")
    places = [environment.with_kwargs({option: str(file)}) for file in files]
    _check_scenarios(places, path)
    return places


def _check_scenarios(places: list[EnvConfig], path: Path) -> None:
    """Make the environment once with each scenario, so that all files are read.

    Raises:
        UserError: Some cannot be used.
    """
    failures = []
    for place in places:
        try:
            make_vec_env(place, 1).close()
        except UserError as error:
            failures.append(str(error))
    if failures:
        hidden = f"\n… and {len(failures) - _SHOWN_FAILURES} more" if len(failures) > _SHOWN_FAILURES else ""
        raise UserError(
            f"--scenario {path}: {len(failures)} of {len(places)} files cannot be used; mend them or take them away:\n"
            + "\n".join(failures[:_SHOWN_FAILURES])
            + hidden
        )

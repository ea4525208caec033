"""Load a policy from a run folder, a checkpoint or an agent's name; use it in other programs; evaluate it."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit import capabilities, plugins
from rlkit.agent import Agent, Inspection
from rlkit.capabilities import scenario_option
from rlkit.env.config import EnvConfig, absolute_id
from rlkit.env.frame_stack import push_frame, repeat_frame
from rlkit.env.make import check_arguments, make_vec_env, read_metadata
from rlkit.env.seeding import episode_seed
from rlkit.errors import UserError
from rlkit.nn.utils import ParameterLimitExceeded, parameter_limit, torch_set_up
from rlkit.perception.config import PerceptionConfig
from rlkit.spaces import Observations, Spaces
from rlkit.training.checkpoint import Checkpoint, read_checkpoint
from rlkit.training.config import MEASURED_ENVS, PYTHON_ENVS, RunConfig
from rlkit.training.evaluation import Evaluation, evaluate
from rlkit.training.run import build_agent
from rlkit.training.run_folder import RunFolder
from rlkit.utils.parsing import did_you_mean
from rlkit.utils.terminal import printable

SMALL_BUFFER = 128  # steps, of an agent that will not learn; no agent sums rewards over more

EPISODES = 20


@dataclass(frozen=True)
class PolicySpec:
    """Somebody who can act, and where.

    Args:
        name: What to call them.
        environment: Where they act unless told otherwise.
        config: The run that they come from; None for those known by name.
        checkpoint: Their weights; None for those known by name.
    """

    name: str
    environment: EnvConfig
    config: RunConfig | None = None
    checkpoint: Checkpoint | None = None

    def agent(self, spaces: Spaces, num_envs: int) -> Agent:
        """Build them for an environment with these spaces.

        Raises:
            UserError: If they were trained for other spaces.
        """
        if self.config is None or self.checkpoint is None:
            agent_type = plugins.agent_class(self.name)
            return agent_type.build(spaces, agent_type.Config(), num_envs, "cpu", seed=0)
        plain = {**self.config.hyperparameters}
        if "buffer_size" in plain:  # nothing will be remembered, so the memory need not be there
            smaller = {
                "batch_size": 1,
                "learning_starts": 1,
                "buffer_size": max(2 * num_envs, SMALL_BUFFER),
                "replay_on_disk": False,
            }
            plain |= {key: value for key, value in smaller.items() if key in plain}
        config = dataclasses.replace(self.config, hyperparameters=plain, num_envs=num_envs)
        try:
            with parameter_limit(self.checkpoint.weights_bytes):
                agent = build_agent(config, spaces)
        except ParameterLimitExceeded as error:
            raise UserError(
                f"{self.checkpoint.folder} does not fit the agent that config.json describes: its networks would have "
                f"more than {error.limit / 2**20:.0f} MiB of parameters, the weights have "
                f"{self.checkpoint.weights_bytes / 2**20:.1f} MiB.",
                exit_code=1,
            ) from error
        try:
            agent.load_weights(self.checkpoint.weights())
        except (RuntimeError, KeyError) as error:
            then, now = (_seen_by(environment) for environment in (self.config.environment, self.environment))
            eyes = "" if then == now else f" It saw by {then}, and would see by {now} now."
            raise UserError(
                f"{self.checkpoint.folder} was trained in {self.config.environment.id} and does not fit "
                f"{self.environment.id}: the observations or actions differ.{eyes}",
                exit_code=1,
            ) from error
        return agent


def find_policy(
    who: str | Path,
    *,
    env: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
) -> PolicySpec:
    """Find who is meant by a run folder, the folder of one checkpoint, or an agent's name with an environment.

    Of a run, the weights of the best evaluation are taken, or the latest if there was none.

    Args:
        who: Run folder, checkpoint folder or agent's name.
        env: Where they are to act; for a run, its own evaluation environment if not given.
        env_kwargs: Arguments of the environment, beyond those that it advises for evaluation.
        perception: What replaces the camera's picture, as `training.config.plan` takes it; for a run, what it was
            trained with if not given.
        perception_kwargs: How it is shown and spoilt; the rest stays as the run had it.
        report: Told about damaged checkpoints that are passed over.

    Raises:
        UserError: If nobody is found.
    """
    report = report or (lambda sentence: print(f"warning: {printable(sentence)}", file=sys.stderr))
    path = Path(who)
    if not path.exists() and str(who) in plugins.agent_names():
        name = str(who)
        if plugins.agent_class(name).learns:
            raise UserError(f"{name} has learned nothing yet: give the folder of a run, or one of: random, expert.")
        if env is None:
            raise UserError(f"Say where {name} is to act, for instance --env CartPole-v1.")
        return PolicySpec(name, _evaluated(EnvConfig(env), env_kwargs).seen_by(perception, perception_kwargs))
    if str(who).startswith("pretrained:"):
        raise UserError(f"{who}: no trained weights ship with this version; train your own with rlkit train.")
    if not path.exists():
        names = [name for name in plugins.agent_names() if not plugins.agent_class(name).learns]
        raise UserError(
            f"There is no run folder at {who}, and no agent of that name.{did_you_mean(str(who), names)} "
            f"Agents that need no training: {', '.join(names)}."
        )
    is_checkpoint = (path / "manifest.json").is_file()
    run = RunFolder.open(path.resolve().parent.parent if is_checkpoint else path)
    checkpoint = (
        read_checkpoint(path) if is_checkpoint else run.checkpoints.best(report) or run.checkpoints.newest(report)
    )
    if checkpoint is None:
        raise UserError(
            f"{path} has no checkpoint that is intact: go on with rlkit train --resume {path}, or train again",
            exit_code=1,
        )
    environment = run.config.evaluation.with_kwargs(env_kwargs or {})
    if env is not None and absolute_id(env) != environment.id:
        environment = dataclasses.replace(
            _evaluated(EnvConfig(env), env_kwargs),
            frame_stack=environment.frame_stack,
            perception=environment.perception,
        )
    elif env is None and environment.code is not None:
        raise UserError(
            f"This run needs the code of {environment.id!r}, which is not imported without being asked for. "
            f"If you trust it, add: --env {environment.id}"
        )
    else:
        check_arguments(environment, env_kwargs or {})
    return PolicySpec(path.name, environment.seen_by(perception, perception_kwargs), run.config, checkpoint)


def _seen_by(environment: EnvConfig) -> str:
    """What stands between the camera and the agent, in words."""
    perception = environment.perception
    if perception is None:
        return "the camera's own picture"
    size = "" if perception.view_size is None else f" of {perception.view_size[0]}×{perception.view_size[1]}"
    return f"{perception.what} in a {perception.view} view{size}"


def _evaluated(environment: EnvConfig, env_kwargs: Mapping[str, Any] | None) -> EnvConfig:
    advised = capabilities.default_kwargs(read_metadata(environment), "evaluation")
    return environment.with_kwargs(advised).with_kwargs(env_kwargs or {})


class Policy:
    """Chooses actions for the observations of one environment, greedily.

    It remembers the last frames where the agent sees several at once: call `reset` when an episode begins. Where it
    drives by perception, it takes the camera's picture and finds the drivable area itself.

    Args:
        who: Who acts, and in which environment.
    """

    def __init__(self, who: PolicySpec):
        with make_vec_env(who.environment, 1) as environments:
            self._spaces = environments.spaces
            self._observer = environments.observer
            self._actions = environments.actions
            self.agent: Agent = who.agent(environments.spaces, 1)
        self.action_names = self._spaces.action_names
        self._seen: Observations | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the frames of the last episode."""
        self._seen = None
        self._observer.begin([0], np.ones(1, dtype=np.bool_))

    def act(self, observation: Any) -> Any:
        """The greedy action for an observation as the Gymnasium environment gives it, as that environment takes it."""
        actions: npt.NDArray[np.int64] = self.agent.act(self._see(observation), explore=False)
        given = self._actions.decode(actions)[0]
        return int(given) if given.ndim == 0 else given

    def q_values(self, observation: Any) -> npt.NDArray[np.float32] | None:
        """Expected return of each action, (A,) float32; None if the agent has no such thing. Remembers no frame."""
        inspection: Inspection = self.agent.inspect(self._look(observation), want=("q",))
        return None if inspection.q is None else inspection.q[0]

    def _see(self, observation: Any) -> Observations:
        self._seen = self._look(observation)
        return self._seen

    def _look(self, observation: Any) -> Observations:
        leaves = self._observer.see(self._observer.batch_of_one(observation))
        for leaf in self._spaces.observations.values():
            if leaf.stack > 1:
                frame = leaves[leaf.name]
                leaves[leaf.name] = (
                    repeat_frame(frame, leaf.stack) if self._seen is None else push_frame(self._seen[leaf.name], frame)
                )
        return leaves


def load_policy(
    who: str | Path,
    env: str | None = None,
    *,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
) -> Policy:
    """Load what a run learned.

    Args:
        who: A run folder, the folder of one checkpoint, or the name of an agent that needs no training.
        env: The environment's id; needed where the run's environment is a file or a module to import.
        perception: What replaces the camera's picture (`truth`, `none`, a segmentation model), if not what the run was
            trained with.
        perception_kwargs: How it is shown, as far as it differs.

    Raises:
        UserError: If there is no such run or agent.
    """
    return Policy(find_policy(who, env=env, perception=perception, perception_kwargs=perception_kwargs))


def evaluate_policy(
    who: PolicySpec, *, episodes: int | None = None, seed: int = 0, scenario: Path | None = None
) -> Evaluation:
    """Let somebody act through whole episodes and say what came of it.

    Args:
        who: Who, and where.
        episodes: How many; per file where scenarios are given. None: 20, or one per file.
        seed: Which episodes.
        scenario: A file, or a folder of them, for the environment's scenario option.

    Raises:
        UserError: If the environment takes no scenarios, or a file is missing.
    """
    if scenario is None:
        return _measure(who, who.environment, EPISODES if episodes is None else episodes, seed)
    results = [_measure(who, place, episodes or 1, seed) for place in scenarios(who.environment, scenario)]
    return dataclasses.replace(
        results[0],
        episodes=[episode for result in results for episode in result.episodes],
        beginnings=[beginning for result in results for beginning in result.beginnings],
        seconds=sum(result.seconds for result in results),
    )


def _measure(who: PolicySpec, environment: EnvConfig, episodes: int, seed: int) -> Evaluation:
    with make_vec_env(environment, 1) as one:
        most = MEASURED_ENVS if one.native else PYTHON_ENVS
    with make_vec_env(environment, min(episodes, most)) as environments:
        agent = who.agent(environments.spaces, environments.num_envs)
        seeds = [episode_seed(seed, 0, number, "evaluation") for number in range(episodes)]
        with torch_set_up(agent.threads, deterministic=False):
            return evaluate(agent, who.name, environments, seeds)


def scenarios(environment: EnvConfig, path: Path) -> list[EnvConfig]:
    """The environment once for each scenario file, in the order of their names.

    Raises:
        UserError: If the environment takes no scenarios, or there is no file.
    """
    option = scenario_option(read_metadata(environment))
    if option is None:
        raise UserError(f"{environment.id} has no circuits to choose from: leave out --scenario")
    if not path.exists():
        raise UserError(f"--scenario {path}: there is no such file or folder")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv") if path.is_dir() else [path]
    if not files:
        raise UserError(f"--scenario {path}: the folder holds no .csv file")
    return [environment.with_kwargs({option: str(file)}) for file in files]

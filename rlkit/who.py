"""Who is meant by a run folder, the folder of one checkpoint, or an agent's name; and their loading."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlkit import capabilities, plugins
from rlkit.agent import Agent
from rlkit.config import RunConfig
from rlkit.environments import EnvironmentConfig, check_arguments, read_metadata
from rlkit.errors import UserError
from rlkit.nn.counting import ParameterLimitExceeded, parameter_limit
from rlkit.perception.perception_config import PerceptionConfig
from rlkit.runs import build_agent
from rlkit.spaces import Spaces
from rlkit.specs import absolute_id
from rlkit.terminal import printable
from rlkit.training.checkpoints import Checkpoint, read_checkpoint
from rlkit.training.run_folder import RunFolder

SMALL_BUFFER = 128  # steps, of an agent that will not learn; no agent sums rewards over more


@dataclass(frozen=True)
class Who:
    """Somebody who can act, and where.

    Args:
        name: What to call them.
        environment: Where they act unless told otherwise.
        config: The run that they come from; None for those known by name.
        checkpoint: Their weights; None for those known by name.
    """

    name: str
    environment: EnvironmentConfig
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


def find(
    who: str | Path,
    *,
    env: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    perception: str | Path | PerceptionConfig | None = None,
    perception_kwargs: Mapping[str, Any] | None = None,
    report: Callable[[str], None] | None = None,
) -> Who:
    """Find who is meant by a run folder, the folder of one checkpoint, or an agent's name with an environment.

    Of a run, the weights of the best evaluation are taken, or the latest if there was none.

    Args:
        who: Run folder, checkpoint folder or agent's name.
        env: Where they are to act; for a run, its own evaluation environment if not given.
        env_kwargs: Arguments of the environment, beyond those that it advises for evaluation.
        perception: What replaces the camera's picture, as `runs.plan` takes it; for a run, what it was trained with if
            not given.
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
        return Who(name, _evaluated(EnvironmentConfig(env), env_kwargs).seen_by(perception, perception_kwargs))
    if str(who).startswith("pretrained:"):
        raise UserError(f"{who}: no trained weights ship with this version; train your own with rlkit train.")
    if not path.exists():
        names = [name for name in plugins.agent_names() if not plugins.agent_class(name).learns]
        raise UserError(
            f"There is no run folder at {who}, and no agent of that name.{plugins.did_you_mean(str(who), names)} "
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
            _evaluated(EnvironmentConfig(env), env_kwargs),
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
    return Who(path.name, environment.seen_by(perception, perception_kwargs), run.config, checkpoint)


def _seen_by(environment: EnvironmentConfig) -> str:
    """What stands between the camera and the agent, in words."""
    perception = environment.perception
    if perception is None:
        return "the camera's own picture"
    size = "" if perception.view_size is None else f" of {perception.view_size[0]}×{perception.view_size[1]}"
    return f"{perception.what} in a {perception.view} view{size}"


def _evaluated(environment: EnvironmentConfig, env_kwargs: Mapping[str, Any] | None) -> EnvironmentConfig:
    advised = capabilities.evaluation_kwargs(read_metadata(environment))
    return environment.with_kwargs(advised).with_kwargs(env_kwargs or {})

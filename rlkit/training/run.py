"""Training an agent as a Python call: train, start, resume."""

import dataclasses
import inspect
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import torch

from rlkit import plugins
from rlkit.agent import Agent, OffPolicyAgent
from rlkit.env.config import EnvConfig, absolute_id, code_of
from rlkit.env.make import check_arguments, check_typed_again, make_vec_env, read_metadata
from rlkit.env.vector import VecEnv
from rlkit.errors import UserError
from rlkit.hyperparameters import from_plain
from rlkit.nn.distributed import ALONE, LearnerGroup, check_learners
from rlkit.nn.utils import torch_set_up
from rlkit.spaces import Spaces
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.checkpoint import saved_steps
from rlkit.training.config import MEASURED_ENVS, PYTHON_ENVS, RunConfig, plan
from rlkit.training.extension import check_budget, extended
from rlkit.training.learners import started_learners
from rlkit.training.logger import evaluated_at
from rlkit.training.progress import LearnerReporter, Reporter, make_reporter
from rlkit.training.run_folder import RunFolder, check_spaces
from rlkit.training.signals import OUTPUT
from rlkit.training.trained_agent import initialised
from rlkit.training.trainer import Trainer
from rlkit.utils.io import disk_errors, write_json
from rlkit.utils.system import available_memory
from rlkit.utils.terminal import outputs_kept

if TYPE_CHECKING:
    from rlkit.training.cluster import Cluster

SAVES_MEMORY = ("buffer_size=N", "replay_on_disk=true")  # usual hyperparameters of agents with a replay buffer

MakeReporter = Callable[[int], Reporter]
P = ParamSpec("P")


@dataclass(frozen=True)
class Run:
    """A run that is complete or was stopped.

    Args:
        path: Its folder.
        steps: How many steps were taken, over all sessions.
        stopped: Why the run ended early; None if it completed.
    """

    path: Path
    steps: int
    stopped: str | None


def _with_parameters_of_plan(function: Callable[P, Run]) -> Callable[P, Run]:
    """Show the parameters of `plan` in the signature of a function that passes them on, for `help` and editors."""
    own, passed_on = inspect.signature(function), inspect.signature(plan)
    parameters = [parameter for parameter in own.parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
    parameters += [parameter for name, parameter in passed_on.parameters.items() if name not in own.parameters]
    function.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    return function


@_with_parameters_of_plan
def train(
    env: str | EnvConfig,
    *,
    init: str | Path | None = None,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    started: Callable[[Path], None] | None = None,
    ray: str | None = None,
    **plan_options: Any,
) -> Run:
    """Train an agent and keep the run in a folder.

    Args:
        env: Id of an environment, or its description.
        init: A trained agent whose weights to start from: a run folder, a checkpoint, `pretrained:NAME`; all else
            begins anew. None for random weights.
        run_dir: The run folder; None makes one under `runs/`.
        time_limit: Seconds after which to stop; the run can be resumed.
        reporter: Makes what shows progress, from the budget in steps.
        started: Called with the run folder once it exists.
        ray: Where remote actors run: `local`, `auto`, or the HOST:PORT of a Ray cluster; None for this machine.
        **plan_options: All others are described at `rlkit.training.config.plan`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    config = plan(env, **plan_options)
    if init is not None:
        config = initialised(config, init)
    return start(config, run_dir=run_dir, time_limit=time_limit, reporter=reporter, started=started, ray=ray)


def start(
    config: RunConfig,
    *,
    run_dir: str | Path | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    started: Callable[[Path], None] | None = None,
    ray: str | None = None,
) -> Run:
    """Start the run that `config` describes; the arguments are those of `train`.

    Raises:
        UserError: For anything that the caller can correct.
    """
    check_time_limit(time_limit)
    _check_ray(ray, config)
    check_learners(config.learners, config.device)
    with ExitStack() as stack:
        stack.enter_context(outputs_kept())
        environments = stack.enter_context(make_vec_env(config.environment, _local_envs(config)))
        check_async(config, environments)
        agent = build_agent(config, environments.spaces)
        check_memory(agent, config.learners)
        if config.init is not None:
            config.init.load_into(agent, environments.spaces)
        cluster = stack.enter_context(_actor_cluster(config, ray))
        run = RunFolder.create(None if run_dir is None else Path(run_dir), config)
        _describe_spaces(run, environments.spaces)
        if started is not None:
            started(run.path)
        progress = stack.enter_context(reporter(config.steps))
        group = stack.enter_context(_other_learners(run, allow_code=True, resume=False))
        return _go(run, agent, environments, progress, time_limit, cluster, resume=False, group=group)


def _check_ray(address: str | None, config: RunConfig) -> None:
    """Refuse a cluster for a run that would not use it.

    Raises:
        UserError: The run has no remote actors.
    """
    if address is not None and not config.actors:
        raise UserError(
            f"--ray {address}: this run has no --actors that could run there; --seeds trains several runs there"
        )


@contextmanager
def _actor_cluster(config: RunConfig, address: str | None) -> "Iterator[Cluster | None]":
    """The cluster of remote actors; None without actors.

    Connected before the run folder is made, so that nothing is left where there is no cluster.
    """
    if not config.actors:
        yield None
        return
    from rlkit.training.actor_trainer import actor_cluster
    from rlkit.training.cluster import LOCAL

    with actor_cluster(address or LOCAL, config) as cluster:
        yield cluster


def _local_envs(config: RunConfig) -> int:
    """Number of training environments in this process: with remote actors one, for its spaces."""
    return 1 if config.actors else config.num_envs // config.learners


def resume(
    path: str | Path,
    *,
    env: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    time_limit: float | None = None,
    reporter: MakeReporter = make_reporter,
    network: str | None = None,
    steps: int | None = None,
    ray: str | None = None,
) -> Run:
    """Continue a run from its newest intact checkpoint, exactly as if it had not been interrupted.

    A folder that `RunFolder.create` has made, and in which nothing has begun, is trained as by `start`.

    Args:
        path: The run folder.
        env: The environment's id, typed again: needed where it names a file or a module to import.
        env_kwargs: Arguments of the environment, typed again: needed for those that name code to import.
        time_limit: Seconds after which to stop again.
        reporter: Makes what shows progress, from the budget in steps.
        network: The network of the perception model, typed again: needed where it is a user's own code.
        steps: A new budget in all, also of a complete run, which config.json keeps; None for that of the run.
        ray: As of `train`.

    Raises:
        UserError: If there is no such run, or it does not fit.
    """
    check_time_limit(time_limit)
    run = RunFolder.open(Path(path), RunConfig)
    if network is not None:
        run.config = run.config.with_network(network)
    config = typed_again(run.config, env, env_kwargs)
    notes: list[str] = []
    if steps is not None:
        check_budget(run.path, config, steps)
        config, notes = extended(config, steps)
    run.config = config
    _check_ray(ray, config)
    check_learners(config.learners, _device(config))
    run.check_learners()
    with ExitStack() as stack:
        stack.enter_context(outputs_kept())
        count = _local_envs(config)
        environments = stack.enter_context(make_vec_env(config.environment, count, allow_code=env is not None))
        check_spaces(run.path, environments.spaces)
        if not (run.path / "spaces.json").exists():  # of a run that has not begun
            check_async(config, environments)
            _describe_spaces(run, environments.spaces)
        agent = build_agent(config, environments.spaces)
        check_memory(agent, config.learners)
        progress = stack.enter_context(reporter(config.steps))
        cluster = stack.enter_context(_actor_cluster(config, ray))
        group = stack.enter_context(_other_learners(run, allow_code=env is not None, resume=True))
        return _go(run, agent, environments, progress, time_limit, cluster, resume=True, notes=notes, group=group)


def _other_learners(
    run: RunFolder[RunConfig], *, allow_code: bool, resume: bool
) -> AbstractContextManager[LearnerGroup]:
    """The first learner of a run, with the others at work within the block."""
    config = run.config
    return started_learners(
        config.learners,
        _device(config),
        lambda: how_to_continue(run, AgentTrainer),
        _learn,
        run.path,
        config,
        allow_code,
        resume,
    )


def how_to_continue(run: RunFolder[Any], trainer: type[Trainer[Any]]) -> str:
    """How to continue a run that ended without saving."""
    steps = saved_steps(run.path)
    kept = f"the checkpoint after {steps:,} steps is kept" if steps else "no step was saved yet"
    return f"{kept}, continue with: {trainer.command} {run.path}"


def _learn(group: LearnerGroup, path: Path, config: RunConfig, allow_code: bool, resume: bool) -> None:
    """What each learner but the first does."""
    run = RunFolder(path, config).of_learner(group.rank)
    with make_vec_env(config.environment, _local_envs(config), allow_code=allow_code) as environments:
        agent = build_agent(config, environments.spaces, group)
        _go(run, agent, environments, LearnerReporter(group.rank), None, None, resume, group=group)


def _go(
    run: RunFolder[RunConfig],
    agent: Agent,
    environments: VecEnv,
    reporter: Reporter,
    time_limit: float | None,
    cluster: "Cluster | None",
    resume: bool,
    notes: Sequence[str] = (),
    group: LearnerGroup = ALONE,
) -> Run:
    config = run.config
    count = min(config.eval_episodes, MEASURED_ENVS if environments.native else PYTHON_ENVS)
    evaluation = dataclasses.replace(config.evaluation, id=environments.config.id)
    count_threads = 1 if config.deterministic else agent.threads
    if config.async_envs:
        # One core for the environments: threads of torch that share it would slow down every operation.
        count_threads = min(count_threads or torch.get_num_threads(), max(1, torch.get_num_threads() - 1))
    if group.count > 1:
        count_threads = min(count_threads or torch.get_num_threads(), max(1, torch.get_num_threads() // group.count))
    with (
        run.locked() if group.is_first else nullcontext(),
        make_vec_env(evaluation, count) if group.is_first else nullcontext(environments) as measured,
        torch_set_up(count_threads, config.deterministic),
    ):
        environments.warn = measured.warn = agent.warn = reporter.warn
        for line in [*environments.describe(), *agent.describe()]:
            reporter.say(line)
        if config.actors:
            each = config.num_envs // config.actors
            reporter.say(f"actors: {config.actors} processes, each steps {each} environments")
        for sentence in agent.cautions() if group.is_first else []:
            reporter.warn(sentence)
        if group.count > 1:
            reporter.say(f"learners: {group.count} processes, each with the environments, replay and batches above")
        agent.join(group)
        arguments = ", ".join(f"{key}={value}" for key, value in evaluation.kwargs.items())
        if config.init is not None:
            reporter.say(f"initial weights: {config.init}")
        measured_by = f"{config.eval_episodes} episodes of its own{f' with {arguments}' if arguments else ''}"
        reporter.say(f"evaluation: {measured_by if config.eval_freq else 'none (--eval-freq 0)'}")
        reporter.say(f"run: {run.path}")
        if cluster is not None:
            assert isinstance(agent, OffPolicyAgent)  # as `build_agent` has checked
            from rlkit.training.actor_trainer import train_with_actors

            outcome = train_with_actors(
                cluster, run, agent, environments, measured, reporter, time_limit, resume, notes
            )
        else:
            trainer = AgentTrainer(run, agent, environments, measured, reporter, group)
            outcome = go_on(trainer, environments, time_limit, resume, notes)
        if outcome.stopped is None:
            named = [str(run.path), *([] if config.environment.code is None else ["--env", config.environment.id])]
            what = shlex.join(named)
            reporter.say(
                f"saved after {outcome.steps:,} steps: {run.path}; evaluate it: rlkit evaluate {what}; "
                f"watch it: rlkit watch {what}"
            )
        return outcome


def go_on(
    trainer: AgentTrainer, environments: VecEnv, time_limit: float | None, resume: bool, notes: Sequence[str] = ()
) -> Run:
    """Train from the start, or from the newest checkpoint.

    Args:
        trainer: Of an agent.
        environments: In which it acts.
        time_limit: Seconds after which to stop.
        resume: Whether the run exists already.
        notes: Of a budget that has changed, to be stored and told.
    """
    run, config = trainer.run, trainer.config
    if resume:
        # A run that is killed between logging and saving has logged the step of its first checkpoint.
        end, first = (-(-steps // config.num_envs) * config.num_envs for steps in (config.steps, config.save_freq))
        unsaved = min(first or end, end - 1)
        # The last evaluation comes between logging and saving, too; without it the run is not complete.
        cut_short = config.eval_freq > 0 and not evaluated_at(run.path, end)
        restored = trainer.resume(unsaved=end if cut_short and first in (0, end) else unsaved)
        if not restored and config.init is not None:
            config.init.load_into(trainer.agent, environments.spaces)
    if notes and trainer.group.is_first:
        run.store_budget()
    for line in notes:
        trainer.reporter.say(line)
    return fit(trainer, time_limit, resumed=resume)


def fit(trainer: Trainer[Any], time_limit: float | None, resumed: bool) -> Run:
    """Train to the end or until stopped, and report which.

    Args:
        trainer: Of an agent or a segmentation network, new or resumed.
        time_limit: Seconds after which to stop.
        resumed: Whether the run was begun in an earlier session.

    Raises:
        UserError: Training diverged, or something cannot be written.
    """
    path, reporter = trainer.run.path, trainer.reporter
    if trainer.complete:
        more = f"; to train it further: {trainer.command} {path} --steps N, the new total"
        reporter.say(f"this run is complete: {trainer.steps:,} steps are taken{more}")
        return Run(path, trainer.steps, None)
    if resumed:
        reporter.say(f"resuming after {trainer.steps:,} of {trainer.config.steps:,} steps")
    stopped = trainer.fit(time_limit)
    if stopped is not None:
        tell = reporter.warn if stopped == OUTPUT else reporter.say
        tell(f"stopped by {stopped} after {trainer.steps:,} steps; continue with: {trainer.command} {path}")
    return Run(path, trainer.steps, stopped)


def build_agent(config: RunConfig, spaces: Spaces, group: LearnerGroup = ALONE) -> Agent:
    """The untrained agent of a run, or its part in one of several learners; they are to begin with `Agent.join`.

    Raises:
        UserError: If the hyperparameters are impossible, or do not fit into memory.
    """
    agent_type = plugins.agent_class(config.algorithm)
    if config.actors and not issubclass(agent_type, OffPolicyAgent):
        raise UserError(f"--actors: the agent {config.algorithm!r} learns from its own steps only; dqn does not")
    hyperparameters: Any = from_plain(agent_type.Config, config.hyperparameters)
    if config.learners > 1:
        hyperparameters = agent_type.shared(hyperparameters, config.learners)
    count = config.num_envs // config.learners
    try:
        return agent_type.build(spaces, hyperparameters, count, _device(config), group.seed(config.seed))
    except MemoryError as error:
        raise UserError(f"Not enough memory: {error}. Try a smaller buffer_size.", exit_code=1) from error
    except ValueError as error:
        raise UserError(f"The agent {config.algorithm!r} cannot be built: {error}.") from error


def check_async(config: RunConfig, environments: VecEnv) -> None:
    """Check that environments can take their steps while the agent learns, where that is asked for.

    Raises:
        UserError: They are stepped in the process of the agent.
    """
    if config.async_envs and not environments.busy_elsewhere:
        raise UserError(
            f"--async-envs: {config.environment.id} is stepped in Python, in the process of the agent: "
            "add --env-kwargs workers=1 (or more), or leave --async-envs out."
        )


def _describe_spaces(run: RunFolder[RunConfig], spaces: Spaces) -> None:
    with disk_errors(str(run.path)):
        write_json(run.file("spaces.json"), spaces.describe())


def _device(config: RunConfig) -> str:
    """The device of a run, which may be resumed where there is no GPU."""
    return "cpu" if config.device == "cuda" and not torch.cuda.is_available() else config.device


def check_memory(agent: Agent, learners: int = 1) -> None:
    """Check that the agent's memory estimate, times the number of learners, fits into the free memory.

    Raises:
        UserError: It does not.
    """
    needed, free = learners * agent.memory_estimate(), available_memory()
    if free is not None and needed > free:
        known = {field.name for field in dataclasses.fields(agent.Config)}
        remedies = [f"--set {setting}" for setting in SAVES_MEMORY if setting.partition("=")[0] in known]
        raise UserError(
            f"Training would take {needed / 2**30:.1f} GiB of memory, and {free / 2**30:.1f} GiB are free. "
            f"Try {', or '.join(remedies) or 'a smaller network'}.",
            exit_code=1,
        )


def check_time_limit(seconds: float | None) -> None:
    """Check that a time limit is positive.

    Raises:
        UserError: It is not.
    """
    if seconds is not None and not seconds > 0:
        raise UserError(f"--time-limit {seconds:g}: expected a number of seconds greater than 0.")


def typed_again(config: RunConfig, env: str | None, env_kwargs: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration of a run, read from a file, with the code that it names allowed as far as it was typed.

    Args:
        config: As the file describes it.
        env: The environment's id as typed; None if it was not.
        env_kwargs: Arguments of the environment as typed: none may differ from the run's.

    Raises:
        UserError: Something else was typed, or the file names code that was not typed.
    """
    environment = config.environment
    check_typed_again(environment.kwargs, env_kwargs or {})
    if env is None and environment.code is not None:
        read_metadata(environment, allow_code=False)  # says what to type
    if env is not None:
        typed = absolute_id(env)
        # A run that was moved finds its environment's file under another path.
        if typed != environment.id and not (code_of(typed) and Path(typed).name == Path(environment.id).name):
            raise UserError(f"This run was trained in {environment.id} and cannot continue in {env}: leave out {env}.")
        environment = dataclasses.replace(environment, id=typed)
    evaluation = dataclasses.replace(config.evaluation, id=environment.id)
    for described in (environment, evaluation):
        check_arguments(described, env_kwargs or {})
    return dataclasses.replace(config, environment=environment, evaluation=evaluation)

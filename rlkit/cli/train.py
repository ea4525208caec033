"""`rlkit train`: train an agent, or resume its training."""

import dataclasses
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from rlkit.cli.options import (
    KeyValues,
    RayOption,
    RayWorkingDir,
    check_ray,
    given_options,
    print_line,
    read_kwargs,
    read_pairs,
    read_seeds,
    unset,
)
from rlkit.errors import UserError

if TYPE_CHECKING:
    from rlkit.training.config import RunConfig
    from rlkit.training.run import MakeReporter

DEFAULT_AGENT = "dqn"
EVALUATION_OPTIONS = ("eval_freq", "eval_episodes")


@dataclass(frozen=True)
class Train:
    """Train an agent in an environment; configuration, metrics and checkpoints are saved in a run folder.

    Only the environment is required:  rlkit train CartPole-v1
    """

    env: Annotated[str | None, tyro.conf.Positional, unset("[ENV]")] = None
    """The environment: an id (CartPole-v1, rlkit/Driving-v0), my_package:MyEnv-v0, or path/to/file.py:MyEnv."""

    algo: Annotated[str, tyro.conf.arg(metavar="NAME")] = DEFAULT_AGENT
    """The agent; `rlkit agents` lists them."""
    preset: Annotated[str | None, unset("NAME")] = None
    """Named set of hyperparameters; chosen by the agent if not given."""
    set: KeyValues = ()
    """Hyperparameters to override, such as gamma=0.997; `rlkit agents dqn` lists them."""
    config: Annotated[Path | None, unset("FILE")] = None
    """Repeat the run that this config.json describes; --seed, --steps and --device may differ."""
    steps: Annotated[int | None, unset("N")] = None
    """Total environment steps; with --resume, the new total of a run that goes on after its end."""
    time_limit: Annotated[float | None, unset("SECONDS")] = None
    """Stop after this many seconds (with --seeds: of each); the run is saved and can be resumed."""
    seed: Annotated[int | None, unset("S")] = None
    """Random seed (0 if not given)."""
    seeds: Annotated[str | None, unset("0..4")] = None
    """Several runs in sequence, or at once with --ray: 0..4 or 0,3,7. The same command with --run-dir resumes them."""
    ray: RayOption = None
    ray_working_dir: RayWorkingDir = None
    device: Annotated[Literal["auto", "cpu", "cuda"] | None, unset("auto|cpu|cuda")] = None
    """Device of the networks (auto if not given: a GPU if available)."""
    num_envs: Annotated[int | None, unset("N")] = None
    """Number of parallel environments."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as view_size=32, and for any environment: max_episode_steps, frame_skip,
    grayscale, resize, image_bounds, frame_stack, action_bins, mirror_actions (the mirror image of each action), workers
    (processes for single environments), step_timeout (seconds per call) and unrewarded_limit (consecutive steps without
    a positive reward that terminate an episode, in training only)."""
    perception: Annotated[str | None, unset("RUN|FILE|truth|none")] = None
    """Replace the camera image by the drivable area and, with a detector, the objects on it, as found by a perception
    run, a model file or pretrained:NAME, or from ground truth (truth); none for the camera image."""
    perception_kwargs: KeyValues = ()
    """Options of perception, such as view=camera, view_size=32, soft=true, objects=false, noise=0.1, latency=2,
    dropped=0.2, missed=0.1, ghosts=0.5."""
    eval_freq: Annotated[int | None, unset("N")] = None
    """Steps between evaluations; 0 for none."""
    eval_episodes: Annotated[int | None, unset("N")] = None
    """Episodes per evaluation (50 in compiled environments, else 20)."""
    save_freq: Annotated[int | None, unset("N")] = None
    """Steps between checkpoints; 0 for one at the end only."""
    init: Annotated[str | None, unset("RUN|CHECKPOINT|pretrained:NAME")] = None
    """Start from the weights of a trained agent; replay buffer, exploration and schedules begin anew."""
    run_dir: Annotated[Path | None, unset("DIR")] = None
    """The run folder to create (with --seeds: the folder of the runs s0, s1, ...)."""
    resume: Annotated[Path | None, unset("RUN")] = None
    """Resume the run in this folder from its last checkpoint."""
    actors: Annotated[int | None, unset("N")] = None
    """Step the environments in N processes of their own, also on other machines (--ray): for slow environments."""
    learners: Annotated[int | None, unset("N")] = None
    """Processes that train together, each with its share of environments, batch and replay buffer (1 if not given); on
    GPUs, each takes one."""
    deterministic: bool = False
    """Use one thread and deterministic operations only."""
    async_envs: bool = False
    """Step the environments in a thread of their own while the agent learns: faster with images on several cores."""
    watch: bool = False
    """Open a window that shows the newest checkpoint during training."""
    quiet: Annotated[bool, tyro.conf.arg(aliases=["-q"])] = False
    """Print warnings only."""

    def run(self) -> None:
        """Train."""
        if self.seeds is not None and (self.seed is not None or self.resume is not None):
            raise UserError("--seeds goes with neither --seed nor --resume")
        if self.env is None and self.resume is None and self.config is None:
            raise UserError("name one environment, for instance: rlkit train CartPole-v1   (rlkit envs lists them)")
        check_ray(self.ray, self.ray_working_dir)
        if self.ray is not None and not (self.seeds or self.actors or self.resume or self.config):
            raise UserError(
                "--ray trains several runs at once (--seeds 0..9), or steps the environments of one (--actors N)"
            )
        if self.ray is not None and self.seeds is not None and self.actors:
            raise UserError("--ray trains whole runs of --seeds on its nodes, without --actors: leave out one of them")
        if self.ray_working_dir is not None and self.seeds is None:
            raise UserError("--ray-working-dir goes with --seeds: actors need the environment's code on their nodes")
        if self.ray is not None and self.seeds is not None and self.watch:
            raise UserError("--watch shows one run: with --ray, watch them later, or by rlkit watch RUN --live")
        if self.watch:
            self._check_display()
        from rlkit.errors import EnvironmentFailure
        from rlkit.training.signals import Interrupted, exit_status

        folders: list[Path] = []
        try:
            status = exit_status(self._train(folders))
        except EnvironmentFailure as error:
            raise UserError(f"{error}{self._how_to_resume(folders)}", error.exit_code) from error
        except Interrupted as error:
            raise Interrupted(error.number, error.advice + self._how_to_resume(folders)) from error
        if status:
            sys.exit(status)

    def _train(self, folders: list[Path]) -> str | None:
        """Train, and append each run's folder to `folders` as soon as it exists; return why it stopped."""
        from rlkit.training import run as training_run
        from rlkit.training.progress import make_reporter

        reporter = functools.partial(make_reporter, quiet=self.quiet)
        if self.resume is not None:
            self._refuse_what_resuming_cannot_change()
            network = self._network_typed_again("--resume")
            folders.append(self.resume)
            return training_run.resume(
                self.resume,
                env=self.env,
                env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
                time_limit=self.time_limit,
                reporter=reporter,
                network=network,
                steps=self.steps,
                ray=self.ray,
            ).stopped

        def started(folder: Path) -> None:
            folders.append(folder)
            if self.watch:
                self._open_window(folder)

        if self.seeds is None:
            return training_run.start(
                self._plan(self.seed),
                run_dir=self.run_dir,
                time_limit=self.time_limit,
                reporter=reporter,
                started=started,
                ray=self.ray,
            ).stopped
        return self._train_seeds(reporter, started)

    def _train_seeds(self, reporter: "MakeReporter", started: Callable[[Path], None]) -> str | None:
        """Train the runs of --seeds; return what stopped them."""
        import contextlib

        from rlkit.experiments.executor import Executor, LocalExecutor
        from rlkit.experiments.multi_seed import train_seeds

        assert self.seeds is not None
        seeds = read_seeds(self.seeds)
        if self.ray is not None and self.device == "cuda":  # of the nodes; this machine may have none
            config = dataclasses.replace(dataclasses.replace(self, device="cpu")._plan(seeds[0]), device="cuda")
        else:
            config = self._plan(seeds[0])
        say = (lambda line: None) if self.quiet else print_line
        with contextlib.ExitStack() as stack:
            folder = self.run_dir
            executor: Executor
            if self.ray is not None:
                from rlkit.experiments.ray_executor import ray_executor
                from rlkit.training.run_folder import new_path

                folder = folder or new_path(config.folder_name.rpartition("-")[0])
                executor = stack.enter_context(
                    ray_executor(self.ray, config, working_dir=self.ray_working_dir, quiet=self.quiet, say=say)
                )
            else:
                executor = LocalExecutor()
            train_seeds(
                config,
                seeds,
                folder=folder,
                env=self.env,
                time_limit=self.time_limit,
                reporter=None if executor.concurrent else reporter,
                started=started,
                say=say,
                executor=executor,
            )
        return executor.stopped

    def _how_to_resume(self, folders: list[Path]) -> str:
        """How to resume after a failure, as a sentence; empty if nothing was saved."""
        from rlkit.env.config import code_of
        from rlkit.training.checkpoint import saved_steps

        if self.ray is not None and folders:
            kept = any(saved_steps(folder) for folder in folders)
            return f"\nthe saved checkpoints are kept; --run-dir {folders[-1].parent} resumes them" if kept else ""
        if self.seeds is not None and self.run_dir is not None:
            kept = any(saved_steps(folder) for folder in self.run_dir.glob("s*"))
            return "\nthe saved checkpoints are kept; the same command resumes them" if kept else ""
        steps = saved_steps(folders[-1]) if folders else 0
        if not steps:
            return ""
        typed = f"{self.env} " if self.env is not None and code_of(self.env) else ""
        return f"\nthe checkpoint after {steps:,} steps is kept; resume with: rlkit train {typed}--resume {folders[-1]}"

    def _plan(self, seed: int | None) -> "RunConfig":
        from rlkit.training.config import plan
        from rlkit.training.trained_agent import initialised

        if self.config is not None:
            return self._repeated(seed)
        assert self.env is not None
        planned = plan(
            self.env,
            algo=self.algo,
            preset=self.preset,
            settings=read_pairs("--set", self.set),
            steps=self.steps,
            seed=0 if seed is None else seed,
            device=self.device or "auto",
            num_envs=self.num_envs,
            env_kwargs=read_kwargs("--env-kwargs", self.env_kwargs),
            eval_freq=self.eval_freq,
            eval_episodes=self.eval_episodes,
            save_freq=self.save_freq,
            deterministic=self.deterministic,
            async_envs=self.async_envs,
            actors=self.actors or 0,
            learners=1 if self.learners is None else self.learners,
            perception=self.perception,
            perception_kwargs=read_kwargs("--perception-kwargs", self.perception_kwargs),
        )
        return planned if self.init is None else initialised(planned, self.init)

    def _repeated(self, seed: int | None) -> "RunConfig":
        from rlkit.nn.utils import choose_device
        from rlkit.training.config import RunConfig
        from rlkit.training.extension import extended
        from rlkit.training.run import typed_again
        from rlkit.training.run_folder import open_config

        assert self.config is not None
        if self.config.is_dir():
            raise UserError(f"--config {self.config}: this is a folder; name the file {self.config / 'config.json'}")
        self._refuse(
            "--config",
            "preset",
            "set",
            "num_envs",
            "actors",
            "learners",
            "perception",
            *EVALUATION_OPTIONS,
            "save_freq",
            "init",
        )
        config = open_config(self.config, RunConfig)
        network = self._network_typed_again("--config")
        config = config if network is None else config.with_network(network)
        config = typed_again(config, self.env, read_kwargs("--env-kwargs", self.env_kwargs))
        changed: dict[str, Any] = {
            "seed": seed,
            "device": None if self.device is None else choose_device(self.device),
            "deterministic": self.deterministic or None,
            "async_envs": self.async_envs or None,
        }
        config = dataclasses.replace(config, **{name: value for name, value in changed.items() if value is not None})
        config, notes = (config, []) if self.steps is None else extended(config, self.steps)
        for line in notes if not self.quiet else []:
            print_line(line)
        return config

    def _refuse_what_resuming_cannot_change(self) -> None:
        options = ("preset", "set", "config", "seed", "device", "num_envs", "deterministic", "async_envs", "perception")
        self._refuse("--resume", *options, *EVALUATION_OPTIONS, "save_freq", "run_dir", "init", "actors", "learners")

    def _network_typed_again(self, option: str) -> str | None:
        """The only perception option taken here: permission to import a user's own network."""
        typed = read_kwargs("--perception-kwargs", self.perception_kwargs)
        network = typed.pop("network", None)
        if typed:
            raise UserError(f"{option} takes {next(iter(typed))} of perception from the run: leave it out")
        return None if network is None else str(network)

    def _refuse(self, option: str, *names: str) -> None:
        for refused in given_options(self, ("algo", *names)):
            raise UserError(f"{option} takes {refused} from the run: leave it out")

    def _check_display(self) -> None:
        from rlkit.viewer import has_display

        if not has_display():
            raise UserError(
                "--watch needs a display; without one, record a video later: rlkit watch RUN --record FILE.mp4"
            )

    def _open_window(self, folder: Path) -> None:
        """Show the run in another process, so that rendering does not block training."""
        import subprocess

        environment = [] if self.env is None else ["--env", self.env]
        # -P keeps the current folder out of sys.path.
        command = [sys.executable, "-P", "-m", "rlkit", "watch", str(folder), "--live", *environment]
        subprocess.Popen(command, start_new_session=True)

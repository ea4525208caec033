"""The environment under test: makes, resets and steps it, and collects issues.

A failure that makes further calls impossible raises `CheckAborted`. Environments that only exist as vector environments
are tested as a batch of one.
"""

import copy
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector.utils import create_empty_array, iterate

from rlkit.env.make import vectorize
from rlkit.env.registry import make_single
from rlkit.env.vector import AnyVectorEnv
from rlkit.env_checker.compare import Mismatch, StepResult, find_mismatch, flag_mismatch, reward_mismatch
from rlkit.env_checker.issues import Issue, make_issue
from rlkit.errors import UserError, describe_error

Env = gymnasium.Env[Any, Any]
Progress = Callable[[str, bool], None]
"""Called before each call of the environment with what is done, and whether it may take long, as for compilation."""

NO_DISPLAY = re.compile(r"\bdisplay\b|video device|\bX server\b|\bEGL\b|\bGLX\b|\bglfw\b", re.IGNORECASE)


class SingleFromVector(gymnasium.Env[Any, Any]):
    """A single environment from a vector environment.

    Args:
        vector: Has one environment, in `AutoresetMode.DISABLED`.
    """

    def __init__(self, vector: AnyVectorEnv):
        self.vector = vector
        self.metadata = vector.metadata
        self.render_mode = vector.render_mode
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the environment."""
        super().reset(seed=seed)
        seeds: Any = None if seed is None else [seed]
        observation, _ = self.vector.reset(seed=seeds, options=options or None)
        return self._only(observation), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the environment."""
        batch: Any = create_empty_array(self.action_space, n=1)
        batch[0] = action
        observation, rewards, terminated, truncated, _ = self.vector.step(batch)
        return self._only(observation), float(np.asarray(rewards)[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """Its image."""
        pictures = self.vector.render()
        return pictures[0] if pictures else None

    def close(self) -> None:
        """Close the batch."""
        self.vector.close()

    def _only(self, observation: Any) -> Any:
        # A copy: a batch may be reused.
        return copy.deepcopy(next(iter(iterate(self.vector.observation_space, observation))))


def no_progress(doing: str, lenient: bool) -> None:
    """Ignore progress."""


class CheckAborted(Exception):  # noqa: N818 - the error is in the environment
    """The environment cannot be used further.

    Args:
        issue: The reason.
    """

    def __init__(self, issue: Issue):
        super().__init__(issue.message)
        self.issue = issue


class Subject:
    """Makes, resets and steps single environments, and checks the results.

    Args:
        spec: Registration of the environment.
        kwargs: Its arguments.
        steps: Number of random steps.
        seconds: Time limit of each check.
        progress: Called before each call of the environment.
    """

    def __init__(
        self,
        spec: EnvSpec,
        kwargs: Mapping[str, Any],
        steps: int,
        seconds: float = 10.0,
        progress: Progress = no_progress,
    ):
        self.spec = spec
        self.kwargs = dict(kwargs)
        self.steps = steps
        self.seconds = seconds
        self.progress = progress
        self.issues: dict[str, Issue] = {}
        self._at: dict[int, tuple[int | None, int]] = {}  # seed and step of each environment's episode
        self._warm = {"reset": False, "step": False}

    def report(self, name: str, message: str) -> None:
        """Add an issue; of several with one name the first is kept."""
        self.issues.setdefault(name, make_issue(name, message))

    def deadline(self) -> float:
        """Time at which a check that begins now should end, by `time.monotonic`."""
        return time.monotonic() + self.seconds

    def late(self, deadline: float) -> bool:
        """Whether the time of a check is up."""
        return time.monotonic() > deadline

    def make(self, render_mode: str | None = None) -> Env:
        """Make an environment.

        Raises:
            CheckAborted: It cannot be made.
        """
        self.progress("make", True)
        try:
            if self.spec.entry_point is None:
                return SingleFromVector(vectorize(self.spec, 1, self.kwargs, render_mode)[0])
            return make_single(self.spec, self.kwargs, render_mode)
        except UserError as error:
            if error.exit_code == 2:  # wrong id or arguments: not an issue of the environment
                raise
            raise CheckAborted(_not_made(error)) from error
        except (SystemExit, ImportError) as error:
            raise CheckAborted(make_issue("cannot-be-made", describe_error(error))) from error

    def reset(self, env: Env, seed: int | None, options: dict[str, Any] | None = None) -> StepResult:
        """Begin an episode.

        Args:
            env: The environment.
            seed: None for none.
            options: As in Gymnasium; None for none.

        Raises:
            CheckAborted: It raises, or does not return an observation and an info.
        """
        given: dict[str, Any] = {} if seed is None else {"seed": seed}
        given |= {} if options is None else {"options": options}
        where = f"reset({', '.join(f'{name}={value}' for name, value in given.items())})"
        self._progress("reset", where)
        self._at[id(env)] = (seed, 0)
        try:
            result: Any = env.reset(**copy.deepcopy(given))
        except (Exception, SystemExit) as error:
            raise CheckAborted(_raised("reset", where, error)) from error
        self._warm["reset"] = True
        if not isinstance(result, tuple) or len(result) != 2:
            raise CheckAborted(make_issue("reset-result", f"{where} returned {_described(result)}"))
        observation, info = result
        self._report_all(where, find_mismatch(env.observation_space, observation), _info_mismatch(info))
        return StepResult(observation, 0.0, False, False, info if isinstance(info, Mapping) else {})

    def step(self, env: Env, action: Any) -> StepResult:
        """Take one step.

        Raises:
            CheckAborted: It raises, or does not return five values.
        """
        seed, before = self._at[id(env)]
        self._at[id(env)] = (seed, before + 1)
        where = f"step {before + 1:,} of the episode from " + ("no seed" if seed is None else f"seed {seed}")
        self._progress("step", where)
        try:
            result: Any = env.step(action)
        except (Exception, SystemExit) as error:
            raise CheckAborted(_raised("step", where, error)) from error
        self._warm["step"] = True
        if not isinstance(result, tuple) or len(result) != 5:
            name = "old-api" if isinstance(result, tuple) and len(result) == 4 else "step-result"
            raise CheckAborted(make_issue(name, f"{where} returned {_described(result)}"))
        observation, reward, terminated, truncated, info = result
        self._report_all(
            where,
            find_mismatch(env.observation_space, observation),
            reward_mismatch(reward) or _range_mismatch(env, float(reward)),
            flag_mismatch("terminated", terminated),
            flag_mismatch("truncated", truncated),
            _info_mismatch(info),
        )
        number = float(reward) if reward_mismatch(reward) is None else np.nan
        return StepResult(
            observation, number, bool(terminated), bool(truncated), info if isinstance(info, Mapping) else {}
        )

    def _progress(self, kind: str, where: str) -> None:
        self.progress(where, not self._warm[kind])

    def _report_all(self, where: str, *mismatches: Mismatch | None) -> None:
        for found in mismatches:
            if found is not None:
                self.report(found[0], f"{where}: {found[1]}")


def _raised(doing: str, where: str, error: BaseException) -> Issue:
    """Classify a failure by its exception."""
    text = str(error)
    message = f"{where} raised {describe_error(error)}"
    if doing == "step" and "expected 5, got 4" in text:
        return make_issue("old-api", f"{where} returned 4 values")
    if doing == "reset" and isinstance(error, TypeError) and "unexpected keyword argument" in text:
        return make_issue("reset-arguments", message)
    if doing == "reset" and isinstance(error, ValueError) and "values to unpack" in text:
        return make_issue("reset-result", message)
    if isinstance(error, ModuleNotFoundError | gymnasium.error.DependencyNotInstalled):
        return make_issue("needs-package", message)
    return make_issue("needs-display" if NO_DISPLAY.search(text) else f"raises-in-{doing}", message)


def _not_made(error: UserError) -> Issue:
    text = str(error)
    if isinstance(error.__cause__, ModuleNotFoundError | gymnasium.error.DependencyNotInstalled):
        return make_issue("needs-package", text)
    return make_issue("needs-display" if NO_DISPLAY.search(text) else "cannot-be-made", text)


def _info_mismatch(info: Any) -> Mismatch | None:
    return None if isinstance(info, dict) else ("info-type", f"the info is {_described(info)}")


def _range_mismatch(env: Env, reward: float) -> Mismatch | None:
    """Report a reward outside `reward_range`, which older environments declare."""
    declared = getattr(env.unwrapped, "reward_range", None)
    if not isinstance(declared, tuple) or len(declared) != 2:
        return None
    low, high = declared
    fits = low <= reward <= high
    return None if fits else ("reward-out-of-bounds", f"the reward is {reward:g}; reward_range is ({low:g}, {high:g})")


def _described(result: Any) -> str:
    if isinstance(result, tuple):
        return f"{len(result)} values"
    if isinstance(result, np.ndarray):
        return f"an array of shape {result.shape}"
    return "None" if result is None else f"a {type(result).__name__}"

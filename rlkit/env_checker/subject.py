"""The environment under test: every call of it goes through here, so that whatever it does is recorded.

What is merely wrong is recorded and the check goes on; what leaves nothing to go on with raises `Halted`. Environments
that exist as vector environments only are tested as a batch of one.
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
from rlkit.env_checker.compare import Answer, Misfit, bad_flag, bad_number, misfit
from rlkit.env_checker.issues import Issue, finding
from rlkit.errors import UserError, describe_error

Env = gymnasium.Env[Any, Any]
Pulse = Callable[[str, bool], None]
"""Told before each call what is about to be done, and whether it may take long because something is compiled first."""

NO_DISPLAY = re.compile(r"\bdisplay\b|video device|\bX server\b|\bEGL\b|\bGLX\b|\bglfw\b", re.IGNORECASE)


class AloneInBatch(gymnasium.Env[Any, Any]):
    """Looks like a single environment.

    Args:
        vector: With one environment, in `AutoresetMode.DISABLED`.
    """

    def __init__(self, vector: AnyVectorEnv):
        self.vector = vector
        self.metadata = vector.metadata
        self.render_mode = vector.render_mode
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Reset the one."""
        super().reset(seed=seed)
        seeds: Any = None if seed is None else [seed]
        observation, _ = self.vector.reset(seed=seeds, options=options or None)
        return self._only(observation), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Step the one."""
        batch: Any = create_empty_array(self.action_space, n=1)
        batch[0] = action
        observation, rewards, terminated, truncated, _ = self.vector.step(batch)
        return self._only(observation), float(np.asarray(rewards)[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> Any:
        """Its picture."""
        pictures = self.vector.render()
        return pictures[0] if pictures else None

    def close(self) -> None:
        """Close the batch."""
        self.vector.close()

    def _only(self, observation: Any) -> Any:
        # A copy: whoever uses batches knows that they may be written again.
        return copy.deepcopy(next(iter(iterate(self.vector.observation_space, observation))))


def silent(doing: str, lenient: bool) -> None:
    """A pulse that nobody listens to."""


class Halted(Exception):  # noqa: N818 - it is no error of ours
    """The environment cannot go on.

    Args:
        finding: Why.
    """

    def __init__(self, finding: Issue):
        super().__init__(finding.seen)
        self.finding = finding


class Subject:
    """Makes, resets and steps single environments, and writes down what is wrong with their answers.

    Args:
        spec: What is examined.
        kwargs: Its arguments.
        steps: How many steps of random play it is given.
        seconds: How long any one trial may take; slow environments are tried less.
        pulse: Told what is about to be done.
    """

    def __init__(
        self, spec: EnvSpec, kwargs: Mapping[str, Any], steps: int, seconds: float = 10.0, pulse: Pulse = silent
    ):
        self.spec = spec
        self.kwargs = dict(kwargs)
        self.steps = steps
        self.seconds = seconds
        self.pulse = pulse
        self.found: dict[str, Issue] = {}
        self._at: dict[int, tuple[int | None, int]] = {}  # seed and step of each environment's episode
        self._warm = {"reset": False, "step": False}

    def write_down(self, name: str, seen: str) -> None:
        """Note a finding; of several of one name the first is kept."""
        self.found.setdefault(name, finding(name, seen))

    def deadline(self) -> float:
        """When a trial that begins now should end, by `time.monotonic`."""
        return time.monotonic() + self.seconds

    def late(self, deadline: float) -> bool:
        """Whether a trial's time is up."""
        return time.monotonic() > deadline

    def make(self, render_mode: str | None = None) -> Env:
        """Make one.

        Raises:
            Halted: It cannot be made.
        """
        self.pulse("make", True)
        try:
            if self.spec.entry_point is None:
                return AloneInBatch(vectorize(self.spec, 1, self.kwargs, render_mode)[0])
            return make_single(self.spec, self.kwargs, render_mode)
        except UserError as error:
            if error.exit_code == 2:  # it was asked for wrongly: that is for the one who asks
                raise
            raise Halted(_not_made(error)) from error
        except (SystemExit, ImportError) as error:
            raise Halted(finding("cannot-be-made", describe_error(error))) from error

    def reset(self, env: Env, seed: int | None, options: dict[str, Any] | None = None) -> Answer:
        """Begin an episode.

        Args:
            env: Which environment.
            seed: None for none.
            options: As in Gymnasium; None for none.

        Raises:
            Halted: It raises, or does not give an observation and an info.
        """
        given: dict[str, Any] = {} if seed is None else {"seed": seed}
        given |= {} if options is None else {"options": options}
        where = f"reset({', '.join(f'{name}={value}' for name, value in given.items())})"
        self._pulse("reset", where)
        self._at[id(env)] = (seed, 0)
        try:
            answer: Any = env.reset(**copy.deepcopy(given))
        except (Exception, SystemExit) as error:
            raise Halted(_raised("reset", where, error)) from error
        self._warm["reset"] = True
        if not isinstance(answer, tuple) or len(answer) != 2:
            raise Halted(finding("reset-answer", f"{where} gave {_described(answer)}"))
        observation, info = answer
        self._hold(where, misfit(env.observation_space, observation), _bad_info(info))
        return Answer(observation, 0.0, False, False, info if isinstance(info, Mapping) else {})

    def step(self, env: Env, action: Any) -> Answer:
        """Take one step.

        Raises:
            Halted: It raises, or does not give five values.
        """
        seed, before = self._at[id(env)]
        self._at[id(env)] = (seed, before + 1)
        where = f"step {before + 1:,} of the episode from " + ("no seed" if seed is None else f"seed {seed}")
        self._pulse("step", where)
        try:
            answer: Any = env.step(action)
        except (Exception, SystemExit) as error:
            raise Halted(_raised("step", where, error)) from error
        self._warm["step"] = True
        if not isinstance(answer, tuple) or len(answer) != 5:
            name = "old-api" if isinstance(answer, tuple) and len(answer) == 4 else "step-answer"
            raise Halted(finding(name, f"{where} gave {_described(answer)}"))
        observation, reward, terminated, truncated, info = answer
        self._hold(
            where,
            misfit(env.observation_space, observation),
            bad_number(reward) or _beyond(env, float(reward)),
            bad_flag("terminated", terminated),
            bad_flag("truncated", truncated),
            _bad_info(info),
        )
        number = float(reward) if bad_number(reward) is None else np.nan
        return Answer(observation, number, bool(terminated), bool(truncated), info if isinstance(info, Mapping) else {})

    def _pulse(self, kind: str, where: str) -> None:
        self.pulse(where, not self._warm[kind])

    def _hold(self, where: str, *misfits: Misfit | None) -> None:
        for found in misfits:
            if found is not None:
                self.write_down(found[0], f"{where}: {found[1]}")


def _raised(doing: str, where: str, error: BaseException) -> Issue:
    """Tell kinds of failure apart by what was raised."""
    text = str(error)
    seen = f"{where} raised {describe_error(error)}"
    if doing == "step" and "expected 5, got 4" in text:
        return finding("old-api", f"{where} gave 4 values")
    if doing == "reset" and isinstance(error, TypeError) and "unexpected keyword argument" in text:
        return finding("reset-arguments", seen)
    if doing == "reset" and isinstance(error, ValueError) and "values to unpack" in text:
        return finding("reset-answer", seen)
    if isinstance(error, ModuleNotFoundError | gymnasium.error.DependencyNotInstalled):
        return finding("needs-package", seen)
    return finding("needs-display" if NO_DISPLAY.search(text) else f"raises-in-{doing}", seen)


def _not_made(error: UserError) -> Issue:
    text = str(error)
    if isinstance(error.__cause__, ModuleNotFoundError | gymnasium.error.DependencyNotInstalled):
        return finding("needs-package", text)
    return finding("needs-display" if NO_DISPLAY.search(text) else "cannot-be-made", text)


def _bad_info(info: Any) -> Misfit | None:
    return None if isinstance(info, dict) else ("info-type", f"the info is {_described(info)}")


def _beyond(env: Env, reward: float) -> Misfit | None:
    """Whether a reward leaves the range that older environments promise."""
    promised = getattr(env.unwrapped, "reward_range", None)
    if not isinstance(promised, tuple) or len(promised) != 2:
        return None
    low, high = promised
    fits = low <= reward <= high
    return None if fits else ("reward-out-of-bounds", f"the reward is {reward:g}; reward_range is ({low:g}, {high:g})")


def _described(answer: Any) -> str:
    if isinstance(answer, tuple):
        return f"{len(answer)} values"
    if isinstance(answer, np.ndarray):
        return f"an array of shape {answer.shape}"
    return "None" if answer is None else f"a {type(answer).__name__}"

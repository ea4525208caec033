"""Check random rollouts: results of reset and step, reused observations, and ends of episodes."""

import contextlib
import copy
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit.env_checker.compare import StepResult, difference
from rlkit.env_checker.subject import Env, Subject

SAME_LENGTHS = 3  # episodes of equal length that are no coincidence
MIN_LENGTH = 5  # steps; shorter episodes often have equal lengths
LARGE = 100.0  # magnitude of a vector entry that is reported
ENDLESS = 500  # steps without an end that are reported
COMPARED = 500  # steps whose observations are compared with copies
TRUNCATION_SPREAD = 0.5  # truncated episodes whose shortest is below this fraction of the longest have no common limit


@dataclass
class RolloutStatistics:
    """Statistics of random rollouts.

    Attributes:
        steps: Number of steps.
        lengths: Steps of each completed episode.
        ends: "terminated", "truncated" or "both" for each of them.
        rewards: Return of each of them.
    """

    steps: int = 0
    lengths: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)


def play(subject: Subject) -> RolloutStatistics:
    """Take random actions for `subject.steps` steps, or until the time is up.

    Raises:
        CheckAborted: The environment failed.
    """
    env = subject.make()
    try:
        return _play(subject, env)
    finally:
        close(env)


def check_ends(subject: Subject, statistics: RolloutStatistics) -> None:
    """Report suspicious ends of episodes."""
    limit = subject.kwargs.get("max_episode_steps", subject.spec.max_episode_steps)
    lengths = statistics.lengths
    if not lengths:
        if limit is None and statistics.steps >= ENDLESS:
            subject.report(
                "no-end", f"no episode ended in {statistics.steps:,} steps of random play, and no limit is set"
            )
        return
    at_limit = [end for length, end in zip(lengths, statistics.ends, strict=True) if length == limit]
    if len(at_limit) >= 2 and all(end != "truncated" for end in at_limit):
        subject.report(
            "limit-as-termination",
            f"{len(at_limit)} episodes were terminated in step {limit:,}, which is the limit of the registration",
        )
        return
    same = len(set(lengths)) == 1
    if len(lengths) >= SAME_LENGTHS and same and lengths[0] >= MIN_LENGTH and set(statistics.ends) == {"terminated"}:
        subject.report(
            "same-length", f"all {len(lengths)} episodes of random play were terminated in step {lengths[0]:,}"
        )
    if (
        len(lengths) >= SAME_LENGTHS
        and set(statistics.ends) == {"truncated"}
        and min(lengths) < TRUNCATION_SPREAD * max(lengths)
    ):
        subject.report(
            "always-truncated",
            f"all {len(lengths)} episodes were truncated, after {min(lengths):,} to {max(lengths):,} steps, and none "
            "terminated",
        )


def check_steps_after_end(subject: Subject, statistics: RolloutStatistics) -> None:
    """Step after the end of an episode, which reveals an environment that resets itself."""
    lengths = [length for length, end in zip(statistics.lengths, statistics.ends, strict=True) if end == "terminated"]
    if not lengths:
        return
    typical = int(np.median(lengths))
    env = subject.make()
    deadline = subject.deadline()
    again = 0
    try:
        for seed in range(SAME_LENGTHS):
            if _run_to_end(subject, env, seed, 4 * typical, deadline) != "terminated":
                break
            again += _ends_anew(env, 4 * typical, deadline)
    finally:
        close(env)
    if again == SAME_LENGTHS:
        subject.report(
            "autoreset",
            f"stepped after its end, the episode continued and ended again, {SAME_LENGTHS} times of {SAME_LENGTHS}",
        )


def close(env: Env) -> None:
    """Close an environment and ignore exceptions."""
    with contextlib.suppress(Exception):
        env.close()


def sampler(env: Env, seed: int) -> "spaces.Space[Any]":
    """A copy of the action space with its own seed."""
    space = copy.deepcopy(env.action_space)
    space.seed(seed)
    return space


def _play(subject: Subject, env: Env) -> RolloutStatistics:
    statistics = RolloutStatistics()
    actions = sampler(env, 0)
    subject.reset(env, 0)
    subject.step(env, actions.sample())  # the first step may compile
    deadline = subject.deadline()
    episode = 0
    while statistics.steps < subject.steps and time.monotonic() < deadline:
        # The second episode is reset without a seed, as Gymnasium allows.
        result = subject.reset(env, None if episode == 1 else episode)
        memory = _Memory(subject)
        memory.take(result, statistics.steps < COMPARED)
        _check_magnitude(subject, env, result.observation)
        length, total = 0, 0.0
        while not result.ended and statistics.steps < subject.steps and time.monotonic() < deadline:
            result = subject.step(env, actions.sample())
            memory.take(result, statistics.steps < COMPARED)
            _check_magnitude(subject, env, result.observation)
            length, total = length + 1, total + result.reward
            statistics.steps += 1
        if result.ended:
            both = result.terminated and result.truncated
            statistics.ends.append("both" if both else "terminated" if result.terminated else "truncated")
            statistics.lengths.append(length)
            statistics.rewards.append(total)
        if episode < SAME_LENGTHS:
            subject.reset(env, episode + 1)
            memory.check("after the next reset")
        episode += 1
    return statistics


class _Memory:
    """Keeps the last observation and a copy of it, and compares them later."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._given: Any = None
        self._copy: Any = None

    def take(self, result: StepResult, look: bool) -> None:
        if not look:
            self._given = self._copy = None
            return
        self.check("after the next step")
        self._given, self._copy = result.observation, copy.deepcopy(result.observation)

    def check(self, when: str) -> None:
        if self._given is None:
            return
        found = difference(self._copy, self._given)
        if found is not None:
            self._subject.report("observation-reused", f"{when}, an earlier observation changed:{found}")


def _check_magnitude(subject: Subject, env: Env, observation: Any) -> None:
    if "large-values" in subject.issues:
        return
    parts = observation.items() if isinstance(observation, dict) else [("", observation)]
    for key, part in parts:
        if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind == "f" and part.size:
            index = int(np.argmax(np.abs(part)))
            if np.isfinite(part[index]) and abs(part[index]) > LARGE:
                where = f"[{key!r}][{index}]" if key else f"[{index}]"
                subject.report("large-values", f"observation{where} is {part[index]:g}")


def _run_to_end(subject: Subject, env: Env, seed: int, most: int, deadline: float) -> str:
    actions = sampler(env, seed)
    result = subject.reset(env, seed)
    for _ in range(most):
        result = subject.step(env, actions.sample())
        if result.ended or time.monotonic() > deadline:
            break
    return "terminated" if result.terminated and not result.truncated else "other"


def _ends_anew(env: Env, most: int, deadline: float) -> bool:
    """Whether an episode continues after its end until it ends again."""
    bare = env.unwrapped  # wrappers may refuse; the environment may raise
    actions = sampler(env, 99)
    alive = 0
    with warnings.catch_warnings(), contextlib.suppress(Exception, SystemExit):
        warnings.simplefilter("ignore")  # about stepping after the end
        for _ in range(most):
            _, _, terminated, _, _ = bare.step(actions.sample())
            if terminated:
                return alive >= 2
            alive += 1
            if time.monotonic() > deadline:
                break
    return False

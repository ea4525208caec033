"""Random play: what reset and step give, whether it stays as it was given, and how episodes end."""

import contextlib
import copy
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit.env_checker.compare import Answer, difference
from rlkit.env_checker.subject import Env, Subject

ALIKE = 3  # episodes of one length that are no coincidence any more
SHORTEST = 5  # steps; shorter episodes often have the same length
LARGE = 100.0  # an entry of a vector, beyond which a network notices
ENDLESS = 500  # steps in which an end is to be expected, if there is one
KEPT = 500  # steps of which the observations are looked at once more
CUT_ALIKE = 0.5  # how far the shortest of cut episodes may be from the longest, if a limit of steps has cut them


@dataclass
class Experience:
    """What came of random play.

    Attributes:
        steps: How many were taken.
        lengths: Steps of each episode that ended.
        ends: "terminated", "truncated" or "both", for each of them.
        rewards: What each of them came to.
    """

    steps: int = 0
    lengths: list[int] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)


def play(subject: Subject) -> Experience:
    """Play at random for as many steps as were asked for, or until the time is up.

    Raises:
        Halted: The environment failed.
    """
    env = subject.make()
    try:
        return _play(subject, env)
    finally:
        close(env)


def judge_ends(subject: Subject, experience: Experience) -> None:
    """Write down what is odd about the ends of episodes."""
    limit = subject.kwargs.get("max_episode_steps", subject.spec.max_episode_steps)
    lengths = experience.lengths
    if not lengths:
        if limit is None and experience.steps >= ENDLESS:
            subject.write_down(
                "no-end", f"no episode ended in {experience.steps:,} steps of random play, and no limit is set"
            )
        return
    at_limit = [end for length, end in zip(lengths, experience.ends, strict=True) if length == limit]
    if len(at_limit) >= 2 and all(end != "truncated" for end in at_limit):
        subject.write_down(
            "limit-as-end",
            f"{len(at_limit)} episodes were terminated in step {limit:,}, which is the limit of the registration",
        )
        return
    same = len(set(lengths)) == 1
    if len(lengths) >= ALIKE and same and lengths[0] >= SHORTEST and set(experience.ends) == {"terminated"}:
        subject.write_down(
            "same-length", f"all {len(lengths)} episodes of random play were terminated in step {lengths[0]:,}"
        )
    if len(lengths) >= ALIKE and set(experience.ends) == {"truncated"} and min(lengths) < CUT_ALIKE * max(lengths):
        subject.write_down(
            "always-cut",
            f"all {len(lengths)} episodes were truncated, after {min(lengths):,} to {max(lengths):,} steps, and none "
            "terminated",
        )


def look_behind_ends(subject: Subject, experience: Experience) -> None:
    """Step on after an end, which no caller should: an environment that resets itself shows it there."""
    lengths = [length for length, end in zip(experience.lengths, experience.ends, strict=True) if end == "terminated"]
    if not lengths:
        return
    typical = int(np.median(lengths))
    env = subject.make()
    deadline = subject.deadline()
    again = 0
    try:
        for seed in range(ALIKE):
            if _run_to_end(subject, env, seed, 4 * typical, deadline) != "terminated":
                break
            again += _ends_anew(env, 4 * typical, deadline)
    finally:
        close(env)
    if again == ALIKE:
        subject.write_down(
            "resets-itself",
            f"after its end the episode went on when stepped, and came to another end, {ALIKE} times of {ALIKE}",
        )


def close(env: Env) -> None:
    """Close an environment; that it cannot be closed after a failure is no news."""
    with contextlib.suppress(Exception):
        env.close()


def sampler(env: Env, seed: int) -> "spaces.Space[Any]":
    """The environment's actions, drawn from a seed."""
    space = copy.deepcopy(env.action_space)
    space.seed(seed)
    return space


def _play(subject: Subject, env: Env) -> Experience:
    experience = Experience()
    actions = sampler(env, 0)
    subject.reset(env, 0)
    subject.step(env, actions.sample())  # whatever is compiled first does not count
    deadline = subject.deadline()
    episode = 0
    while experience.steps < subject.steps and time.monotonic() < deadline:
        # The second begins without a seed, as Gymnasium allows: it goes on with the generator of the first.
        answer = subject.reset(env, None if episode == 1 else episode)
        memory = _Memory(subject)
        memory.take(answer, experience.steps < KEPT)
        _note_size(subject, env, answer.observation)
        length, total = 0, 0.0
        while not answer.ended and experience.steps < subject.steps and time.monotonic() < deadline:
            answer = subject.step(env, actions.sample())
            memory.take(answer, experience.steps < KEPT)
            _note_size(subject, env, answer.observation)
            length, total = length + 1, total + answer.reward
            experience.steps += 1
        if answer.ended:
            both = answer.terminated and answer.truncated
            experience.ends.append("both" if both else "terminated" if answer.terminated else "truncated")
            experience.lengths.append(length)
            experience.rewards.append(total)
        if episode < ALIKE:
            subject.reset(env, episode + 1)
            memory.check("after the next reset")
        episode += 1
    return experience


class _Memory:
    """Keeps the last observation as a careless caller does, beside a copy, and compares them later."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._given: Any = None
        self._copy: Any = None

    def take(self, answer: Answer, look: bool) -> None:
        if not look:
            self._given = self._copy = None
            return
        self.check("after the next step")
        self._given, self._copy = answer.observation, copy.deepcopy(answer.observation)

    def check(self, when: str) -> None:
        if self._given is None:
            return
        found = difference(self._copy, self._given)
        if found is not None:
            self._subject.write_down("observation-reused", f"{when}, an observation given before changed:{found}")


def _note_size(subject: Subject, env: Env, observation: Any) -> None:
    if "large-values" in subject.found:
        return
    parts = observation.items() if isinstance(observation, dict) else [("", observation)]
    for key, part in parts:
        if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind == "f" and part.size:
            index = int(np.argmax(np.abs(part)))
            if np.isfinite(part[index]) and abs(part[index]) > LARGE:
                where = f"[{key!r}][{index}]" if key else f"[{index}]"
                subject.write_down("large-values", f"observation{where} came to {part[index]:g}")


def _run_to_end(subject: Subject, env: Env, seed: int, most: int, deadline: float) -> str:
    actions = sampler(env, seed)
    answer = subject.reset(env, seed)
    for _ in range(most):
        answer = subject.step(env, actions.sample())
        if answer.ended or time.monotonic() > deadline:
            break
    return "terminated" if answer.terminated and not answer.truncated else "other"


def _ends_anew(env: Env, most: int, deadline: float) -> bool:
    """Whether stepping on is as if nothing had ended, until another end comes."""
    bare = env.unwrapped  # wrappers may refuse or count; raising is what an environment may do here
    actions = sampler(env, 99)
    alive = 0
    with warnings.catch_warnings(), contextlib.suppress(Exception, SystemExit):
        warnings.simplefilter("ignore")  # some warn of what we do, rightly
        for _ in range(most):
            _, _, terminated, _, _ = bare.step(actions.sample())
            if terminated:
                return alive >= 2
            alive += 1
            if time.monotonic() > deadline:
                break
    return False

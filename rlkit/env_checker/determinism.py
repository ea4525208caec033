"""Seeds: the same one brings the same episode, whatever happened before, and actions make a difference."""

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit.env_checker.compare import Answer, difference, first_difference
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import Env, Subject

SEEDS = (3, 20_261, 2**31 - 1)  # the last is the largest that every generator in use takes
STEPS = 150  # of each course that is compared
PAIRS = 4  # of actions that are tried for a difference


def compare_courses(subject: Subject) -> None:
    """Play the same seeds in two environments side by side, and again in one that has a past.

    Raises:
        Halted: The environment failed.
    """
    if subject.spec.nondeterministic:  # it says so itself
        return
    numpy_before, python_before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    first, second = subject.make(), subject.make()
    try:
        courses = []
        for seed in SEEDS:
            one, other = _side_by_side(subject, first, second, seed)
            courses.append(one)
            # Only the first seed meets environments without a past.
            found = first_difference(one, other)
            if found is not None:
                subject.write_down("seed-not-reproduced", f"two environments, both reset with seed {seed}: {found}")
                break
        else:
            _compare_with_a_past(subject, first, courses[0])
            if all(first_difference(courses[0], course) is None for course in courses[1:]):
                subject.write_down("one-episode", f"seeds {', '.join(map(str, SEEDS))} brought the same episode")
    finally:
        close(first)
        close(second)
    if not _same_state(numpy_before, np.random.get_state(legacy=False)):  # noqa: NPY002
        subject.write_down("global-chance", "the state of NumPy's global generator changed while it was played")
    elif random.getstate() != python_before:
        subject.write_down("global-chance", "the state of the generator of Python's module random changed")


def try_actions(subject: Subject) -> None:
    """Hold different actions for a while each, and see whether anything differs.

    Raises:
        Halted: The environment failed.
    """
    env = subject.make()
    try:
        options = _extremes(env.action_space)
        seen = None
        for action in options:
            course = record(subject, env, SEEDS[0], [action] * 50)
            if seen is not None and first_difference(seen, course) is not None:
                return
            seen = seen or course
        if len(options) > 1 and seen is not None and len(seen) > 2:
            subject.write_down(
                "actions-without-effect",
                f"{len(options)} different actions, each held for {len(seen) - 1} steps from one seed, led to the same "
                "observations, rewards and end",
            )
    finally:
        close(env)


def digest(subject: Subject) -> str | None:
    """Digest of what a seed brings, for comparing with another process; None where it promises nothing."""
    if subject.spec.nondeterministic:
        return None
    env = subject.make()
    content = hashlib.sha256()
    try:
        for answer in record(subject, env, SEEDS[0], _drawn(env, SEEDS[0])):
            _feed(content, answer.observation)
            content.update(repr((answer.reward, answer.terminated, answer.truncated)).encode())
    finally:
        close(env)
    return content.hexdigest()


def restore_state(subject: Subject) -> None:
    """Where there are get_state and set_state, go back and see whether the same follows.

    Raises:
        Halted: The environment failed.
    """
    made = subject.make()
    env: Any = made.unwrapped  # what wrappers count, such as steps until a limit, is not the environment's to restore
    try:
        if not (hasattr(env, "get_state") and hasattr(env, "set_state")):
            return
        actions = sampler(env, 1)
        answer = subject.reset(env, SEEDS[0])
        for _ in range(10):
            if not answer.ended:
                answer = subject.step(env, actions.sample())
        if answer.ended:
            return
        then = [actions.sample() for _ in range(STEPS)]
        state = env.get_state()
        expected = _follow(subject, env, then)
        env.set_state(state)
        came = _follow(subject, env, then)
        found = first_difference([answer, *expected], [answer, *came])
        if found is not None:
            subject.write_down("state-not-restored", f"after set_state(get_state()) the same actions led on: {found}")
    finally:
        close(made)


def record(subject: Subject, env: Env, seed: int, actions: Sequence[Any]) -> list[Answer]:
    """The course of an episode, its reset first, until its end or the end of the actions."""
    return [subject.reset(env, seed).kept(), *_follow(subject, env, actions)]


def _follow(subject: Subject, env: Env, actions: Sequence[Any]) -> list[Answer]:
    course: list[Answer] = []
    deadline = subject.deadline()
    for action in actions:
        course.append(subject.step(env, action).kept())
        if course[-1].ended or time.monotonic() > deadline:
            break
    return course


def _side_by_side(subject: Subject, first: Env, second: Env, seed: int) -> tuple[list[Answer], list[Answer]]:
    """Two courses, step by step in turn, so that whatever both share is in each other's way."""
    one, other = [subject.reset(first, seed).kept()], [subject.reset(second, seed).kept()]
    deadline = subject.deadline()
    for action in _drawn(first, seed):
        one.append(subject.step(first, action).kept())
        other.append(subject.step(second, action).kept())
        if one[-1].ended or other[-1].ended or time.monotonic() > deadline:
            break
    return one, other


def _compare_with_a_past(subject: Subject, env: Env, expected: list[Answer]) -> None:
    """Reset in the middle of an episode, and after its end, to a seed whose course is known."""
    drawn = _drawn(env, SEEDS[0])
    for past in (7, STEPS):
        record(subject, env, 12, _drawn(env, 12)[:past])
        came = record(subject, env, SEEDS[0], drawn[: len(expected) - 1])
        found = first_difference(expected, came)
        if found is not None:
            subject.write_down(
                "reset-leaks",
                f"seed {SEEDS[0]} in an environment that had played another episode before, against one that had not: "
                f"{found}",
            )
            return


def _drawn(env: Env, seed: int) -> list[Any]:
    actions = sampler(env, seed)
    return [actions.sample() for _ in range(STEPS)]


def _extremes(space: "spaces.Space[Any]") -> list[Any]:
    """Some actions that are as different as can be."""
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return [np.int64(start + number) for number in range(min(int(space.n), 2 * PAIRS))]
    if isinstance(space, spaces.Box) and space.is_bounded():
        return [space.low, space.high, *(space.sample() for _ in range(PAIRS))]
    options: list[Any] = []
    for _ in range(2 * PAIRS):
        action = space.sample()
        if all(difference(other, action) is not None for other in options):
            options.append(action)
    return options


def _feed(content: Any, observation: Any) -> None:
    if isinstance(observation, Mapping):
        for key in sorted(observation):
            _feed(content, observation[key])
    elif isinstance(observation, tuple):
        for part in observation:
            _feed(content, part)
    else:
        content.update(np.ascontiguousarray(observation).tobytes())


def _same_state(before: Any, after: Any) -> bool:
    return difference(before, after) is None

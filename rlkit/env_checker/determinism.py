"""Check that a seed determines an episode, and that actions have an effect."""

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from rlkit.env_checker.compare import StepResult, difference, first_difference
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import Env, Subject

SEEDS = (3, 20_261, 2**31 - 1)  # the last is the largest that all common generators accept
STEPS = 150  # per trajectory
PAIRS = 4  # pairs of actions that are compared


def compare_trajectories(subject: Subject) -> None:
    """Run the same seeds in two environments side by side, and again after other episodes.

    Raises:
        CheckAborted: The environment failed.
    """
    if subject.spec.nondeterministic:  # registered as such
        return
    numpy_before, python_before = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
    first, second = subject.make(), subject.make()
    try:
        trajectories = []
        for seed in SEEDS:
            one, other = _side_by_side(subject, first, second, seed)
            trajectories.append(one)
            found = first_difference(one, other)
            if found is not None:
                subject.report("seed-not-reproduced", f"two environments, both reset with seed {seed}: {found}")
                break
        else:
            _compare_after_other_episodes(subject, first, trajectories[0])
            if all(first_difference(trajectories[0], course) is None for course in trajectories[1:]):
                subject.report("one-episode", f"seeds {', '.join(map(str, SEEDS))} gave the same episode")
    finally:
        close(first)
        close(second)
    if not _same_state(numpy_before, np.random.get_state(legacy=False)):  # noqa: NPY002
        subject.report("global-randomness", "the state of NumPy's global generator changed during the episodes")
    elif random.getstate() != python_before:
        subject.report("global-randomness", "the state of the generator of Python's module random changed")


def compare_actions(subject: Subject) -> None:
    """Repeat each of several actions and check whether anything differs.

    Raises:
        CheckAborted: The environment failed.
    """
    env = subject.make()
    try:
        options = _extremes(env.action_space)
        seen = None
        for action in options:
            trajectory = record(subject, env, SEEDS[0], [action] * 50)
            if seen is not None and first_difference(seen, trajectory) is not None:
                return
            seen = seen or trajectory
        if len(options) > 1 and seen is not None and len(seen) > 2:
            subject.report(
                "actions-without-effect",
                f"{len(options)} different actions, each held for {len(seen) - 1} steps from one seed, led to the same "
                "observations, rewards and end",
            )
    finally:
        close(env)


def digest(subject: Subject) -> str | None:
    """Digest of a seed's trajectory, to compare with another process; None for nondeterministic environments."""
    if subject.spec.nondeterministic:
        return None
    env = subject.make()
    content = hashlib.sha256()
    try:
        for result in record(subject, env, SEEDS[0], _drawn(env, SEEDS[0])):
            _feed(content, result.observation)
            content.update(repr((result.reward, result.terminated, result.truncated)).encode())
    finally:
        close(env)
    return content.hexdigest()


def restore_state(subject: Subject) -> None:
    """Check that set_state restores what get_state returned, if both exist.

    Raises:
        CheckAborted: The environment failed.
    """
    made = subject.make()
    env: Any = made.unwrapped  # the state of wrappers, such as a step counter, is not restored
    try:
        if not (hasattr(env, "get_state") and hasattr(env, "set_state")):
            return
        actions = sampler(env, 1)
        result = subject.reset(env, SEEDS[0])
        for _ in range(10):
            if not result.ended:
                result = subject.step(env, actions.sample())
        if result.ended:
            return
        then = [actions.sample() for _ in range(STEPS)]
        state = env.get_state()
        expected = _follow(subject, env, then)
        env.set_state(state)
        came = _follow(subject, env, then)
        found = first_difference([result, *expected], [result, *came])
        if found is not None:
            subject.report("state-not-restored", f"after set_state(get_state()), with the same actions: {found}")
    finally:
        close(made)


def record(subject: Subject, env: Env, seed: int, actions: Sequence[Any]) -> list[StepResult]:
    """The trajectory of an episode, beginning with its reset, until its end or the last action."""
    return [subject.reset(env, seed).copy(), *_follow(subject, env, actions)]


def _follow(subject: Subject, env: Env, actions: Sequence[Any]) -> list[StepResult]:
    trajectory: list[StepResult] = []
    deadline = subject.deadline()
    for action in actions:
        trajectory.append(subject.step(env, action).copy())
        if trajectory[-1].ended or time.monotonic() > deadline:
            break
    return trajectory


def _side_by_side(subject: Subject, first: Env, second: Env, seed: int) -> tuple[list[StepResult], list[StepResult]]:
    """Two trajectories, step by step in turn, so that shared state interferes."""
    one, other = [subject.reset(first, seed).copy()], [subject.reset(second, seed).copy()]
    deadline = subject.deadline()
    for action in _drawn(first, seed):
        one.append(subject.step(first, action).copy())
        other.append(subject.step(second, action).copy())
        if one[-1].ended or other[-1].ended or time.monotonic() > deadline:
            break
    return one, other


def _compare_after_other_episodes(subject: Subject, env: Env, expected: list[StepResult]) -> None:
    """Reset during an episode, and after its end, to a seed whose trajectory is known."""
    drawn = _drawn(env, SEEDS[0])
    for past in (7, STEPS):
        record(subject, env, 12, _drawn(env, 12)[:past])
        came = record(subject, env, SEEDS[0], drawn[: len(expected) - 1])
        found = first_difference(expected, came)
        if found is not None:
            subject.report(
                "reset-leaks",
                f"seed {SEEDS[0]} after another episode in the same environment, compared with a new one: {found}",
            )
            return


def _drawn(env: Env, seed: int) -> list[Any]:
    actions = sampler(env, seed)
    return [actions.sample() for _ in range(STEPS)]


def _extremes(space: "spaces.Space[Any]") -> list[Any]:
    """Some actions that differ as much as possible."""
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

"""The declared mirror: whether the mirror image of an episode looks and pays as the environment says that it does.

An episode is played beside its mirror image, which the environment makes itself, with mirrored actions. What is seen in
the one and then turned over, as learners do it, has to be what is seen in the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector.utils import concatenate, create_empty_array

from rlkit.env.observations import convert
from rlkit.env_checker.compare import ABSOLUTE, RELATIVE, Answer, difference
from rlkit.env_checker.declarations import DeclaredMirror, declared_mirror
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import Env, Halted, Subject
from rlkit.replay.buffer import Batch
from rlkit.replay.mirroring import mirror_every_second
from rlkit.spaces import Observations

SEEDS = (3, 20_261, 77)
STEPS = 150  # of each course
OPTIONS = {"mirrored": True}
"""What `reset` is given for the mirror image of the episode of a seed."""


def compare_with_mirror(subject: Subject) -> None:
    """Play episodes beside their mirror images, where there is a mirror and the environment offers such images.

    Raises:
        Halted: The environment failed.
    """
    plain = subject.make()
    try:
        declared = declared_mirror(subject, plain)
        if declared is None:
            return
        if subject.spec.nondeterministic:
            subject.write_down("mirror-not-verified", "the environment is registered as nondeterministic")
            return
        image, again = subject.make(), subject.make()
        try:
            _compare(subject, _Trio(plain, image, again), declared)
        finally:
            close(image)
            close(again)
    finally:
        close(plain)


@dataclass(frozen=True)
class _Trio:
    """Three environments that are reset from the same seeds.

    Args:
        plain: Is given the actions.
        image: Is to play the mirror image, and is given mirrored actions.
        again: Is given mirrored actions too, but not asked for the mirror image: what `image` does if it does not know
            the option.
    """

    plain: Env
    image: Env
    again: Env


def _compare(subject: Subject, trio: _Trio, declared: DeclaredMirror) -> None:
    deadline = subject.deadline()
    first, honoured = "", False
    for seed in SEEDS:
        try:
            found, other = _course(subject, trio, declared, seed, deadline)
        except _Refused as refused:
            subject.write_down("mirror-not-verified", str(refused))
            return
        honoured = honoured or other
        first = first or (f"seed {seed}, {found}" if found else "")
        if first and honoured:
            subject.write_down("mirror-differs", first)
            return
    if first:
        subject.write_down("mirror-not-verified", f"reset(seed=..., options={OPTIONS}) changes nothing")


class _Refused(Exception):  # noqa: N818 - it is no error of ours
    """The environment does not take the option."""


def _course(
    subject: Subject, trio: _Trio, declared: DeclaredMirror, seed: int, deadline: float
) -> tuple[str | None, bool]:
    """Play one episode and its image until both what differs and whether the option has an effect are known.

    Returns:
        What differs first, and whether the image was anything but the plain episode.
    """
    actions = sampler(trio.plain, seed)
    start = int(trio.plain.action_space.start)  # type: ignore[attr-defined]
    one = subject.reset(trio.plain, seed)
    try:
        two = subject.reset(trio.image, seed, OPTIONS)
    except Halted as halted:
        raise _Refused(halted.finding.seen) from halted
    three = subject.reset(trio.again, seed)
    found, honoured = None, False
    for step in range(STEPS + 1):
        honoured = honoured or _differ(two, three)
        found = found or _unlike(declared, trio.plain, one, two, step)
        over = one.ended or two.ended or three.ended
        if over or (found and honoured) or subject.late(deadline):
            break
        action = int(actions.sample())
        mirrored = start + declared.mirror.actions[action - start]
        one = subject.step(trio.plain, np.int64(action))
        two = subject.step(trio.image, np.int64(mirrored))
        three = subject.step(trio.again, np.int64(mirrored))
    return found, honoured


def _differ(one: Answer, other: Answer) -> bool:
    ends = (one.terminated, one.truncated) != (other.terminated, other.truncated)
    return ends or one.reward != other.reward or difference(one.observation, other.observation) is not None


def _unlike(declared: DeclaredMirror, env: Env, one: Answer, image: Answer, step: int) -> str | None:
    """Say how an answer, turned over, differs from what the mirror image gave."""
    where = "the first observation" if step == 0 else f"step {step}"
    expected = _turned_over(declared, _leaves(declared, env, one.observation))
    for name, leaf in _leaves(declared, env, image.observation).items():
        found = _unlike_leaves(expected[name][0], leaf[0])
        if found is not None:
            return f"{where}: observation {name!r}: {found}"
    if not np.isclose(one.reward, image.reward, RELATIVE, ABSOLUTE, equal_nan=True):
        return f"{where}: the reward is {image.reward:g} in the mirror image instead of {one.reward:g}"
    for flag in ("terminated", "truncated"):
        if getattr(one, flag) != getattr(image, flag):
            return f"{where}: {flag} is {getattr(image, flag)} in the mirror image instead of {getattr(one, flag)}"
    return None


def _unlike_leaves(expected: npt.NDArray[Any], came: npt.NDArray[Any]) -> str | None:
    """Say how much differs: pictures to the last bit, vectors beyond rounding."""
    if came.dtype.kind == "f":
        same = np.isclose(expected, came, RELATIVE, ABSOLUTE, equal_nan=True)
    else:
        same = np.asarray(expected == came)
    if same.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    return (
        f"{100.0 * (1.0 - same.mean()):.3g} % of the values differ between the mirror image and what is turned over; "
        f"[{', '.join(map(str, index))}] is {came[index]} instead of {expected[index]}"
    )


def _leaves(declared: DeclaredMirror, env: Env, observation: Any) -> Observations:
    """What an agent sees of an observation, as a batch of one."""
    empty: Any = create_empty_array(env.observation_space, 1)
    return convert(declared.rules, concatenate(env.observation_space, [observation], empty), 1)


def _turned_over(declared: DeclaredMirror, leaves: Observations) -> Observations:
    """Leaves of a batch of one in the mirror, by the code that learners use: it mirrors the first of every two."""
    numbers = np.zeros(1, np.int64)
    weights = np.ones(1, np.float32)
    batch = Batch(leaves, numbers, weights, weights, leaves, numbers, weights)
    return dict(mirror_every_second(batch, declared.mirror).observations)

"""Check the declared mirror symmetry.

An episode is run beside its mirror image, which the environment provides, with mirrored actions. The observations of
the one, mirrored as in training, must equal those of the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector.utils import concatenate, create_empty_array

from rlkit.env.leaf_rules import convert
from rlkit.env_checker.compare import ABSOLUTE, RELATIVE, StepResult, difference
from rlkit.env_checker.declarations import DeclaredMirror, declared_mirror
from rlkit.env_checker.rollout import close, sampler
from rlkit.env_checker.subject import CheckAborted, Env, Subject
from rlkit.replay.interface import Batch
from rlkit.replay.mirroring import mirror_every_second
from rlkit.spaces import Observations

SEEDS = (3, 20_261, 77)
STEPS = 150  # per trajectory
OPTIONS = {"mirrored": True}
"""Options of `reset` for the mirror image of the episode of a seed."""


def compare_with_mirror(subject: Subject) -> None:
    """Run episodes beside their mirror images, if the environment declares a mirror and provides them.

    Raises:
        CheckAborted: The environment failed.
    """
    plain = subject.make()
    try:
        declared = declared_mirror(subject, plain)
        if declared is None:
            return
        if subject.spec.nondeterministic:
            subject.report("mirror-not-verified", "the environment is registered as nondeterministic")
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
    """Three environments that are reset with the same seeds.

    Args:
        plain: Gets the actions.
        image: Gets the mirrored actions and the option for the mirror image.
        again: Gets the mirrored actions without the option, to detect an environment that ignores it.
    """

    plain: Env
    image: Env
    again: Env


def _compare(subject: Subject, trio: _Trio, declared: DeclaredMirror) -> None:
    deadline = subject.deadline()
    first, honoured = "", False
    for seed in SEEDS:
        try:
            found, other = _run(subject, trio, declared, seed, deadline)
        except _OptionRefused as refused:
            subject.report("mirror-not-verified", str(refused))
            return
        honoured = honoured or other
        first = first or (f"seed {seed}, {found}" if found else "")
        if first and honoured:
            subject.report("mirror-differs", first)
            return
    if first:
        subject.report("mirror-not-verified", f"reset(seed=..., options={OPTIONS}) has no effect")


class _OptionRefused(Exception):  # noqa: N818 - not an error of rlkit
    """The environment does not accept the option."""


def _run(
    subject: Subject, trio: _Trio, declared: DeclaredMirror, seed: int, deadline: float
) -> tuple[str | None, bool]:
    """Run an episode and its mirror image until a difference is found and the option has had an effect.

    Returns:
        The first difference, and whether the option has an effect.
    """
    actions = sampler(trio.plain, seed)
    start = int(trio.plain.action_space.start)  # type: ignore[attr-defined]
    one = subject.reset(trio.plain, seed)
    try:
        two = subject.reset(trio.image, seed, OPTIONS)
    except CheckAborted as aborted:
        raise _OptionRefused(aborted.issue.message) from aborted
    three = subject.reset(trio.again, seed)
    found, honoured = None, False
    for step in range(STEPS + 1):
        honoured = honoured or _differ(two, three)
        found = found or _mismatch(declared, trio.plain, one, two, step)
        over = one.ended or two.ended or three.ended
        if over or (found and honoured) or subject.late(deadline):
            break
        action = int(actions.sample())
        mirrored = start + declared.mirror.actions[action - start]
        one = subject.step(trio.plain, np.int64(action))
        two = subject.step(trio.image, np.int64(mirrored))
        three = subject.step(trio.again, np.int64(mirrored))
    return found, honoured


def _differ(one: StepResult, other: StepResult) -> bool:
    ends = (one.terminated, one.truncated) != (other.terminated, other.truncated)
    return ends or one.reward != other.reward or difference(one.observation, other.observation) is not None


def _mismatch(declared: DeclaredMirror, env: Env, one: StepResult, image: StepResult, step: int) -> str | None:
    """Describe how a mirrored result differs from that of the mirror image."""
    where = "the first observation" if step == 0 else f"step {step}"
    expected = _mirrored(declared, _leaves(declared, env, one.observation))
    for name, leaf in _leaves(declared, env, image.observation).items():
        found = _leaf_mismatch(expected[name][0], leaf[0])
        if found is not None:
            return f"{where}: observation {name!r}: {found}"
    if not np.isclose(one.reward, image.reward, RELATIVE, ABSOLUTE, equal_nan=True):
        return f"{where}: the reward is {image.reward:g} in the mirror image instead of {one.reward:g}"
    for flag in ("terminated", "truncated"):
        if getattr(one, flag) != getattr(image, flag):
            return f"{where}: {flag} is {getattr(image, flag)} in the mirror image instead of {getattr(one, flag)}"
    return None


def _leaf_mismatch(expected: npt.NDArray[Any], came: npt.NDArray[Any]) -> str | None:
    """Describe how much differs: images exactly, vectors within rounding errors."""
    if came.dtype.kind == "f":
        same = np.isclose(expected, came, RELATIVE, ABSOLUTE, equal_nan=True)
    else:
        same = np.asarray(expected == came)
    if same.all():
        return None
    index = tuple(int(i) for i in np.argwhere(~same)[0])
    return (
        f"{100.0 * (1.0 - same.mean()):.3g} % of the values differ between the mirror image and its prediction; "
        f"[{', '.join(map(str, index))}] is {came[index]} instead of {expected[index]}"
    )


def _leaves(declared: DeclaredMirror, env: Env, observation: Any) -> Observations:
    """The leaves of an observation, as a batch of one."""
    empty: Any = create_empty_array(env.observation_space, 1)
    return convert(declared.rules, concatenate(env.observation_space, [observation], empty), 1)


def _mirrored(declared: DeclaredMirror, leaves: Observations) -> Observations:
    """Mirrored leaves of a batch of one, by the code for training, which mirrors the first of every two."""
    numbers = np.zeros(1, np.int64)
    weights = np.ones(1, np.float32)
    batch = Batch(leaves, numbers, weights, weights, leaves, numbers, weights)
    return dict(mirror_every_second(batch, declared.mirror).observations)

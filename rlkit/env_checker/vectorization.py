"""Compare an environment's own vector environment with single ones, and measure its speed."""

import copy
import time
from typing import Any

import numpy as np
from gymnasium.vector.utils import iterate

from rlkit.env.make import join_singles, vectorize
from rlkit.env.vector import AnyVectorEnv
from rlkit.env_checker.compare import difference
from rlkit.env_checker.issues import make_issue
from rlkit.env_checker.subject import CheckAborted, Subject
from rlkit.errors import UserError, describe_error

COUNT = 3  # environments in the batch that is compared
STEPS = 150
TIMED = 1.0  # s
NATIVE = 32  # environments per batch of `rlkit train` in a native vector environment
JOINED = 8  # and of single environments


def compare_with_singles(subject: Subject) -> None:
    """Run the same seeds and actions in the vector environment and in single ones, and compare.

    Raises:
        CheckAborted: The environment failed.
    """
    spec = subject.spec
    if spec.vector_entry_point is None or spec.entry_point is None:
        return
    native, is_native, why = _made(subject, COUNT)
    try:
        if not is_native:
            subject.report("vector-autoreset", why.rpartition("because ")[2])
            return
        exact = not spec.nondeterministic
        singles = join_singles(spec, COUNT, subject.kwargs)
        try:
            ours, theirs = (vector.metadata.get("mirror") or None for vector in (native, singles))
            if difference(theirs, ours) is not None:
                subject.report("vector-differs", f"metadata['mirror'] is {ours} instead of {theirs} in a single one")
            _side_by_side(subject, native, singles, exact)
        finally:
            singles.close()
    finally:
        native.close()


def time_batch(subject: Subject) -> dict[str, Any]:
    """Time steps of a batch as in training.

    Returns:
        `batch` (its size), `batch_native`, `batch_steps_per_second` (of all environments), `batch_why`.

    Raises:
        CheckAborted: The environment failed.
    """
    count = JOINED if subject.spec.vector_entry_point is None else NATIVE
    vector, native, why = _made(subject, count)
    if not native and count != JOINED:
        vector.close()
        count = JOINED
        vector, native, why = _made(subject, count)
    try:
        space = copy.deepcopy(vector.action_space)
        space.seed(0)
        actions = [space.sample() for _ in range(64)]
        try:
            subject.progress("reset of a batch", True)
            vector.reset(seed=list(range(count)))  # type: ignore[arg-type]
            rounds, began = 0, time.perf_counter()
            while time.perf_counter() - began < TIMED or rounds < 2:
                subject.progress("step of a batch", rounds == 0)
                _, _, terminated, truncated, _ = vector.step(actions[rounds % len(actions)])
                rounds += 1
                ended = np.logical_or(terminated, truncated)
                if ended.any():
                    seeds = list(range(rounds, rounds + count))
                    vector.reset(seed=seeds, options={"reset_mask": ended})  # type: ignore[arg-type]
                if rounds == 1:
                    began = time.perf_counter()  # the first step may compile
        except (Exception, SystemExit) as error:
            raise CheckAborted(
                make_issue("vector-fails", f"a batch of {count} raised {describe_error(error)}")
            ) from error
        rate = (rounds - 1) * count / (time.perf_counter() - began)
    finally:
        vector.close()
    return {"batch": count, "batch_native": native, "batch_steps_per_second": rate, "batch_why": why}


def _made(subject: Subject, count: int) -> tuple[AnyVectorEnv, bool, str]:
    subject.progress("make of a batch", True)
    try:
        return vectorize(subject.spec, count, subject.kwargs, None)
    except (UserError, SystemExit) as error:
        raise CheckAborted(make_issue("vector-fails", f"a batch of {count}: {error}")) from error


def _side_by_side(subject: Subject, native: AnyVectorEnv, singles: AnyVectorEnv, exact: bool) -> None:
    space = copy.deepcopy(native.action_space)
    space.seed(0)
    seeds = [11, 12, 13]
    deadline = None
    try:
        subject.progress("reset of a batch", True)
        ours, theirs = _reset(native, seeds), _reset(singles, seeds)
        given: Any = None
        for step in range(STEPS + 1):
            if exact and _differs(subject, native, seeds, step, ours, theirs):
                return
            if native.metadata.get("fresh_observations") is True:
                if given is not None and (found := difference(given[1], given[0])) is not None:
                    subject.report("not-fresh", f"in step {step} of a batch, an earlier observation changed:{found}")
                    return
                given = (ours[0], copy.deepcopy(ours[0]))
            ended = np.logical_or(ours[2], ours[3])
            if ended.any():
                seeds = [seed + COUNT if over else seed for seed, over in zip(seeds, ended, strict=True)]
                ours, theirs = _reset(native, seeds, ended), _reset(singles, seeds, ended)
                if exact and _differs(subject, native, seeds, step, ours, theirs, ended):
                    return
            if deadline is not None and time.monotonic() > deadline:
                return
            actions = space.sample()
            subject.progress(f"step {step + 1} of a batch", step == 0)
            ours, theirs = tuple(native.step(actions)[:4]), tuple(singles.step(actions)[:4])
            deadline = deadline or subject.deadline()  # the first step may compile
    except (Exception, SystemExit) as error:
        raise CheckAborted(make_issue("vector-fails", f"a batch of {COUNT} raised {describe_error(error)}")) from error


def _reset(vector: AnyVectorEnv, seeds: list[int], mask: Any = None) -> tuple[Any, ...]:
    """Reset the environments in the mask, or all; return observations, rewards and flags as `step` does."""
    options = None if mask is None else {"reset_mask": mask.copy()}
    observation, _ = vector.reset(seed=list(seeds), options=options)  # type: ignore[arg-type]
    return observation, np.zeros(len(seeds)), np.zeros(len(seeds), np.bool_), np.zeros(len(seeds), np.bool_)


def _differs(
    subject: Subject,
    native: AnyVectorEnv,
    seeds: list[int],
    step: int,
    ours: tuple[Any, ...],
    theirs: tuple[Any, ...],
    mask: Any = None,
) -> bool:
    """Report the first difference between a batch and single environments, except rounding errors."""
    names = ("reward", "terminated", "truncated")
    observed = zip(*(iterate(native.observation_space, result[0]) for result in (theirs, ours)), strict=True)
    for place, (expected, came) in enumerate(observed):
        if mask is not None and not mask[place]:
            continue
        found = difference(expected, came, exact=False, path=" observation")
        for name, one, other in zip(names, theirs[1:], ours[1:], strict=True):
            what = difference(np.float64(one[place]), np.float64(other[place]), exact=False, path=f" {name}")
            found = found or what
        if found is not None:
            what = "after a reset" if mask is not None else f"step {step}"
            subject.report(
                "vector-differs",
                f"index {place} of a batch of {COUNT} (seed {seeds[place]}), {what}:{found} in a single one",
            )
            return True
    return False

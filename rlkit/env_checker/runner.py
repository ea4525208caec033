"""Run the checks in order, in this process."""

import time
from collections.abc import Callable
from typing import Any

from rlkit.env.actions import Bins
from rlkit.env.config import EnvConfig, split_kwargs
from rlkit.env.registry import accepted_arguments, find_spec
from rlkit.env_checker import determinism, performance, rendering, symmetry, vectorization
from rlkit.env_checker.declarations import read_declarations, run_checker
from rlkit.env_checker.issues import Report, in_order
from rlkit.env_checker.rollout import RolloutStatistics, check_ends, check_steps_after_end, play
from rlkit.env_checker.subject import CheckAborted, Progress, Subject, no_progress

STEPS = 2_000


def examine(
    config: EnvConfig,
    steps: int = STEPS,
    *,
    timed: bool = True,
    seconds: float = 10.0,
    progress: Progress = no_progress,
) -> Report:
    """Run all checks in this process, which the environment may hang or crash.

    Args:
        config: The environment.
        steps: Number of random steps.
        timed: Whether to measure speed and memory, which takes about 5 seconds.
        seconds: Time limit of each check; slow environments are run for fewer steps.
        progress: Called before each call of the environment.

    Returns:
        A report whose facts are those of the checks, and `random_play` and `digest`.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    began = time.monotonic()
    subject, bins = _subject(config, steps, seconds, progress)
    facts: dict[str, Any] = {}
    skipped = _run(subject, _checks(subject, facts, bins, timed))
    return Report(
        environment=config.id,
        kwargs=config.kwargs,
        issues=in_order(list(subject.issues.values())),
        facts=facts,
        skipped=tuple(skipped),
        seconds=time.monotonic() - began,
    )


def digest_of(config: EnvConfig, *, progress: Progress = no_progress) -> str | None:
    """Digest of the trajectory of one seed, to compare with another process.

    Args:
        config: The environment.
        progress: Called before each call of the environment.

    Returns:
        None if the environment is registered as nondeterministic, or fails.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    subject, _ = _subject(config, 1, 10.0, progress)
    try:
        return determinism.digest(subject)
    except CheckAborted:
        return None


def _subject(config: EnvConfig, steps: int, seconds: float, progress: Progress) -> tuple[Subject, Bins | None]:
    spec = find_spec(config.id)
    kwargs, options = split_kwargs(config.kwargs, lambda: accepted_arguments(spec))
    return Subject(spec, kwargs, steps, seconds, progress), options.action_bins


def _checks(subject: Subject, facts: dict[str, Any], bins: Bins | None, timed: bool) -> dict[str, Callable[[], None]]:
    """The checks by name, in order."""
    statistics = RolloutStatistics()

    def declarations() -> None:
        facts.update(read_declarations(subject, bins))

    def random_play() -> None:
        nonlocal statistics
        statistics = play(subject)
        facts["random_play"] = _summary(statistics)

    def ends() -> None:
        check_ends(subject, statistics)
        check_steps_after_end(subject, statistics)

    def seeds() -> None:
        determinism.compare_trajectories(subject)
        facts["digest"] = determinism.digest(subject)

    checks: dict[str, Callable[[], None]] = {
        "spaces and metadata": declarations,
        "random play": random_play,
        "ends of episodes": ends,
        "seeds": seeds,
        "effect of actions": lambda: determinism.compare_actions(subject),
        "saved states": lambda: determinism.restore_state(subject),
        "mirror": lambda: symmetry.compare_with_mirror(subject),
        "rendering": lambda: facts.update(rendering.render(subject)),
        "vector environment": lambda: vectorization.compare_with_singles(subject),
    }
    if timed:
        checks["speed and memory"] = lambda: facts.update(performance.measure(subject))
        checks["speed of a batch"] = lambda: facts.update(vectorization.time_batch(subject))
    checks["Gymnasium's checker"] = lambda: run_checker(subject)
    return checks


def _run(subject: Subject, checks: dict[str, Callable[[], None]]) -> list[str]:
    """Run the checks until the environment fails; return the names of those that were skipped.

    If only the vector environment fails, the other checks continue.
    """
    names = list(checks)
    for number, check in enumerate(checks.values()):
        try:
            check()
        except CheckAborted as aborted:
            issue = aborted.issue
            subject.issues.setdefault(issue.name, issue)
            if issue.name != "vector-fails":
                return names[number + 1 :]
    return []


def _summary(statistics: RolloutStatistics) -> dict[str, Any]:
    lengths, ends = statistics.lengths, statistics.ends
    return {
        "steps": statistics.steps,
        "episodes": len(lengths),
        "shortest": min(lengths, default=None),
        "longest": max(lengths, default=None),
        "terminated": sum(end != "truncated" for end in ends),
        "truncated": sum(end == "truncated" for end in ends),
        "mean_reward": sum(statistics.rewards) / len(lengths) if lengths else None,
    }

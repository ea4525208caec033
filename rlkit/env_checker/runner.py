"""The order in which an environment is examined, in the process that runs it."""

import time
from collections.abc import Callable
from typing import Any

from rlkit.env.actions import Bins
from rlkit.env.config import EnvConfig, split_kwargs
from rlkit.env.registry import accepted_arguments, find_spec
from rlkit.env_checker import determinism, performance, rendering, symmetry, vectorization
from rlkit.env_checker.declarations import read_declarations, run_checker
from rlkit.env_checker.issues import Report, in_order
from rlkit.env_checker.rollout import Experience, judge_ends, look_behind_ends, play
from rlkit.env_checker.subject import Halted, Pulse, Subject, silent

STEPS = 2_000


def examine(
    config: EnvConfig, steps: int = STEPS, *, timed: bool = True, seconds: float = 10.0, pulse: Pulse = silent
) -> Report:
    """Try everything with an environment, in this process: it may hang, or take the process with it.

    Args:
        config: Which environment.
        steps: Of random play.
        timed: Whether to time it and watch its memory, which takes about 5 seconds.
        seconds: How long any one trial may take; slow environments are tried less.
        pulse: Told what is about to be done.

    Returns:
        A report whose facts are those of the probes, and `random_play` and `digest`.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    began = time.monotonic()
    subject, bins = _subject(config, steps, seconds, pulse)
    facts: dict[str, Any] = {}
    skipped = _run(subject, _trials(subject, facts, bins, timed))
    return Report(
        environment=config.id,
        kwargs=config.kwargs,
        findings=in_order(list(subject.found.values())),
        facts=facts,
        skipped=tuple(skipped),
        seconds=time.monotonic() - began,
    )


def digest_of(config: EnvConfig, *, pulse: Pulse = silent) -> str | None:
    """Digest of what one seed brings, for comparing with another process.

    Args:
        config: Which environment.
        pulse: Told what is about to be done.

    Returns:
        None where the environment says that seeds promise nothing, or does not work.

    Raises:
        UserError: There is no such environment, or its arguments are wrong.
    """
    subject, _ = _subject(config, 1, 10.0, pulse)
    try:
        return determinism.digest(subject)
    except Halted:
        return None


def _subject(config: EnvConfig, steps: int, seconds: float, pulse: Pulse) -> tuple[Subject, Bins | None]:
    spec = find_spec(config.id)
    kwargs, options = split_kwargs(config.kwargs, lambda: accepted_arguments(spec))
    return Subject(spec, kwargs, steps, seconds, pulse), options.action_bins


def _trials(subject: Subject, facts: dict[str, Any], bins: Bins | None, timed: bool) -> dict[str, Callable[[], None]]:
    """What is done, in order, by the words for it."""
    experience = Experience()

    def declarations() -> None:
        facts.update(read_declarations(subject, bins))

    def random_play() -> None:
        nonlocal experience
        experience = play(subject)
        facts["random_play"] = _told(experience)

    def ends() -> None:
        judge_ends(subject, experience)
        look_behind_ends(subject, experience)

    def reproducing() -> None:
        determinism.compare_courses(subject)
        facts["digest"] = determinism.digest(subject)

    trials: dict[str, Callable[[], None]] = {
        "spaces and promises": declarations,
        "random play": random_play,
        "ends of episodes": ends,
        "seeds": reproducing,
        "effect of actions": lambda: determinism.try_actions(subject),
        "saved states": lambda: determinism.restore_state(subject),
        "mirror": lambda: symmetry.compare_with_mirror(subject),
        "pictures": lambda: facts.update(rendering.draw(subject)),
        "vector environment": lambda: vectorization.compare_with_singles(subject),
    }
    if timed:
        trials["speed and memory"] = lambda: facts.update(performance.measure(subject))
        trials["speed of a batch"] = lambda: facts.update(vectorization.time_batch(subject))
    trials["Gymnasium's checker"] = lambda: run_checker(subject)
    return trials


def _run(subject: Subject, trials: dict[str, Callable[[], None]]) -> list[str]:
    """Run trials until the environment fails as a whole; return what was left out.

    A vector environment that fails says nothing against single ones: the others go on.
    """
    names = list(trials)
    for number, trial in enumerate(trials.values()):
        try:
            trial()
        except Halted as halted:
            found = halted.finding
            subject.found.setdefault(found.name, found)
            if found.name != "vector-fails":
                return names[number + 1 :]
    return []


def _told(experience: Experience) -> dict[str, Any]:
    lengths, ends = experience.lengths, experience.ends
    return {
        "steps": experience.steps,
        "episodes": len(lengths),
        "shortest": min(lengths, default=None),
        "longest": max(lengths, default=None),
        "terminated": sum(end != "truncated" for end in ends),
        "truncated": sum(end == "truncated" for end in ends),
        "mean_reward": sum(experience.rewards) / len(lengths) if lengths else None,
    }

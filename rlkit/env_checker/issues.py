"""The issues that `rlkit check` reports: severity, consequence and remedy of each kind, and the report."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Issue:
    """One issue of an environment.

    Args:
        name: Its name in `CATALOGUE`.
        level: "error" is always wrong, "warning" is usually wrong, "note" is for information.
        message: What happened, with numbers.
        reason: Why it matters.
        fix: What to do.
    """

    name: str
    level: Level
    message: str
    reason: str
    fix: str


@dataclass(frozen=True)
class Report:
    """Result of checking an environment.

    Args:
        environment: Its id, as typed.
        kwargs: Its arguments.
        issues: Errors first, each name once.
        facts: What was measured or declared, as JSON values; see `runner.examine`.
        skipped: Checks that were not possible because the environment failed before.
        seconds: Duration.
    """

    environment: str
    kwargs: Mapping[str, Any]
    issues: tuple[Issue, ...]
    facts: Mapping[str, Any]
    skipped: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether there is no error."""
        return not self.of("error")

    def of(self, level: Level) -> tuple[Issue, ...]:
        """The issues of one level."""
        return tuple(issue for issue in self.issues if issue.level == level)

    def names(self) -> set[str]:
        """The names of all issues."""
        return {issue.name for issue in self.issues}

    def with_issue(self, issue: Issue) -> Self:
        """The report with one more issue."""
        return dataclasses.replace(self, issues=in_order([*self.issues, issue]))

    def to_json(self) -> dict[str, Any]:
        """A tree for `json.dumps`."""
        return {
            "env": self.environment,
            "kwargs": dict(self.kwargs),
            "passed": self.passed,
            "issues": [dataclasses.asdict(issue) for issue in self.issues],
            "facts": dict(self.facts),
            "skipped": list(self.skipped),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """Read the result of `to_json`."""
        return cls(
            environment=tree["env"],
            kwargs=tree["kwargs"],
            issues=tuple(Issue(**issue) for issue in tree["issues"]),
            facts=tree["facts"],
            skipped=tuple(tree["skipped"]),
            seconds=tree["seconds"],
        )


def in_order(issues: Sequence[Issue]) -> tuple[Issue, ...]:
    """Sort by level, stably."""
    return tuple(sorted(issues, key=lambda issue: LEVELS.index(issue.level)))


@dataclass(frozen=True)
class Kind:
    """The constant part of an issue; fields as in `Issue`."""

    level: Level
    reason: str
    fix: str


def make_issue(name: str, message: str) -> Issue:
    """An issue of a kind in `CATALOGUE`.

    Args:
        name: Name of the kind.
        message: What happened.
    """
    kind = CATALOGUE[name]
    return Issue(name, kind.level, message, kind.reason, kind.fix)


CATALOGUE: dict[str, Kind] = {
    # ------------------------------------------------------------------------------------------------ it does not work
    "cannot-be-made": Kind(
        "error",
        "The environment cannot be used.",
        "Fix the exception; arguments go after --env-kwargs.",
    ),
    "needs-package": Kind(
        "error",
        "The environment cannot be used without the package.",
        "Install it; in a package of your own, declare it under [project] dependencies, or in an extra.",
    ),
    "needs-display": Kind(
        "error",
        "Servers have no display; the check runs without one.",
        "Open a window only for render_mode='human', and only in render().",
    ),
    "hangs": Kind(
        "error",
        "Training would hang without a message.",
        "See the line that is named. If it is only slow, allow more time: --timeout SECONDS.",
    ),
    "crashes": Kind(
        "error",
        "A crash cannot be caught by an except clause: a run would lose everything since its last checkpoint.",
        "See the compiled code that is called at the line that is named.",
    ),
    "raises-in-reset": Kind(
        "error",
        "Training would stop here.",
        "Fix the exception; the seed that is named reproduces it.",
    ),
    "raises-in-step": Kind(
        "error",
        "Training would stop here, perhaps after hours.",
        "Fix the exception; the seed and the step that are named reproduce it.",
    ),
    # -------------------------------------------------------------------------------------- results of reset and step
    "old-api": Kind(
        "error",
        "The `done` of old Gym does not distinguish termination from truncation, so values are learned wrongly.",
        "Return five values from step: observation, reward, terminated, truncated, info.",
    ),
    "reset-result": Kind(
        "error",
        "Gymnasium's reset returns two values, which every caller unpacks.",
        "End reset with `return observation, info`, where info is a dict and may be empty.",
    ),
    "step-result": Kind(
        "error",
        "Gymnasium's step returns five values, which every caller unpacks.",
        "Return observation, reward, terminated, truncated, info.",
    ),
    "reset-arguments": Kind(
        "error",
        "Without a seed no episode can be repeated, and no result reproduced.",
        "Write `def reset(self, *, seed=None, options=None)`, and call `super().reset(seed=seed)` first.",
    ),
    "info-type": Kind(
        "error",
        "Wrappers and vector environments add keys to info and read it as a dict.",
        "Return a dict as the last value, {} if there is nothing to report.",
    ),
    "observation-type": Kind(
        "error",
        "Observations are batched as their space describes them.",
        "Return np.array(..., dtype=self.observation_space.dtype), and for a Dict exactly the keys of its space.",
    ),
    "observation-shape": Kind(
        "error",
        "Networks and buffers are built for the shape of the space.",
        "Give observation_space the shape that is returned, or return its shape.",
    ),
    "observation-dtype": Kind(
        "error",
        "Values are truncated or rounded silently in buffers of the space's dtype, or memory is doubled.",
        "Return observation.astype(self.observation_space.dtype), or give the space the intended dtype.",
    ),
    "observation-out-of-bounds": Kind(
        "error",
        "Scaling by the bounds of the space gives networks wrong numbers; uint8 images overflow.",
        "Widen low and high of the space (np.inf where there is no bound), or clip the observation.",
    ),
    "observation-not-finite": Kind(
        "error",
        "One NaN in a batch turns all weights of a network into NaN.",
        "Find the division or root that produces it; np.seterr(all='raise') names the line.",
    ),
    "reward-type": Kind(
        "error",
        "Rewards are summed and stored as numbers; an array of shape (1,) changes shapes elsewhere.",
        "Return float(reward).",
    ),
    "reward-not-finite": Kind(
        "error",
        "One NaN or infinite reward turns all weights of a network into NaN.",
        "Find the division or logarithm that produces it; bound what can grow.",
    ),
    "reward-out-of-bounds": Kind(
        "error",
        "The environment declares a reward_range; scaling by it gives wrong numbers.",
        "Give reward_range the actual bounds of the reward, or remove it.",
    ),
    "flag-type": Kind(
        "error",
        "Numbers, None and arrays behave unlike True and False in masks and in `is` comparisons.",
        "Return bool(terminated) and bool(truncated).",
    ),
    "observation-reused": Kind(
        "error",
        "Replay buffers keep observations and would find later ones in their place.",
        "Return a copy (self.state.copy()), or fill a new array at every step.",
    ),
    # ------------------------------------------------------------------------------------------------- reproducibility
    "seed-not-reproduced": Kind(
        "error",
        "No result can be reproduced, no failure debugged, and no run resumed exactly.",
        "Begin reset with super().reset(seed=seed), and draw every random number from self.np_random.",
    ),
    "process-not-reproduced": Kind(
        "error",
        "A run that is resumed or repeated gets other episodes from the same seed.",
        "Look for loops over a set, hash() of strings, the time, or addresses: sort what has no order of its own.",
    ),
    "reset-leaks": Kind(
        "error",
        "An episode depends on the one before, so that nothing can be reproduced.",
        "Set everything in reset that step changes: counters, positions, lists, speeds, the last action.",
    ),
    "global-randomness": Kind(
        "warning",
        "Other code that draws from the same generator changes the episodes, and vice versa.",
        "Draw from self.np_random, not from random or np.random.",
    ),
    "actions-without-effect": Kind(
        "warning",
        "There is nothing to learn if all actions have the same effect.",
        "Check that step uses its action, and that the observation shows its effect.",
    ),
    "one-episode": Kind(
        "note",
        "All episodes begin in the same way: evaluating several is no more informative than one.",
        "Draw the start, or parts of the task, from self.np_random in reset.",
    ),
    "state-not-restored": Kind(
        "error",
        "Whatever relies on get_state and set_state continues from another state.",
        "Let get_state return copies of everything that step reads, including self.np_random.bit_generator.state.",
    ),
    # ------------------------------------------------------------------------------------------------- ends of episodes
    "limit-as-termination": Kind(
        "error",
        "A time limit that is reported as terminated teaches that states near the limit, which the observation does "
        "not show, are worthless.",
        "Return terminated=False at the limit and leave truncation to max_episode_steps, or return truncated=True.",
    ),
    "same-length": Kind(
        "warning",
        "This looks like a time limit; one that is reported as terminated teaches that states near it, which the "
        "observation does not show, are worthless.",
        "If it is a limit, return truncated=True, or register with max_episode_steps. If the task really ends there, "
        "include the remaining time in the observation.",
    ),
    "no-end": Kind(
        "warning",
        "An episode without end is never evaluated, and an agent that is stuck fills the replay buffer with one state.",
        "Register it with max_episode_steps=N, or add --env-kwargs max_episode_steps=N.",
    ),
    "autoreset": Kind(
        "warning",
        "If the environment resets itself, the last observation of an episode is lost, or belongs to the next one.",
        "Leave resetting to the caller: return the last observation, and change nothing until reset.",
    ),
    "always-truncated": Kind(
        "note",
        "After truncated=True the value of the next state is still counted; after terminated=True it is not.",
        "Where an episode really fails or is won, return terminated=True.",
    ),
    # -------------------------------------------------------------------------------------------- spaces and metadata
    "observations-unsupported": Kind(
        "error",
        "No network of rlkit reads such observations.",
        "Wrap the environment (gymnasium.wrappers.TransformObservation), or change its observation_space.",
    ),
    "actions-unsupported": Kind(
        "error",
        "Agents of rlkit choose from a numbered list of actions.",
        "Follow the message, or wrap the environment (gymnasium.wrappers.TransformAction).",
    ),
    "metadata-malformed": Kind(
        "error",
        "A declaration in the metadata cannot be read, so rlkit refuses the environment.",
        "Follow the message.",
    ),
    "mirror-differs": Kind(
        "error",
        "By default DQN mirrors half of each batch, and would learn from transitions that cannot happen.",
        "Correct metadata['mirror'], or change the layout of the observation. If neither is possible for these "
        "arguments, leave 'mirror' out of the metadata of the environment that was made.",
    ),
    "mirror-not-verified": Kind(
        "note",
        "The declared mirror symmetry could not be verified; a wrong one gives wrong transitions.",
        "Let reset(seed=..., options={'mirrored': True}) begin the mirror image of the episode of that seed.",
    ),
    "large-values": Kind(
        "note",
        "Networks learn slowly from vectors whose entries are far from ±1, unless they are normalized "
        "(DQN's preset `fast` does).",
        "Divide each entry by its largest magnitude.",
    ),
    "rendering": Kind(
        "error",
        "Videos and the viewer need images.",
        "For render_mode='rgb_array' let render() return an array (height, width, 3) of uint8.",
    ),
    "rendering-needs-display": Kind(
        "warning",
        "Videos cannot be made on machines without a display.",
        "Draw onto a surface in memory (pygame.Surface) instead of a window.",
    ),
    # --------------------------------------------------------------------------------- vector environment, performance
    "vector-fails": Kind(
        "error",
        "rlkit trains in the vector environment of the registration, so training would stop here.",
        "Fix the exception, or leave vector_entry_point out of the registration: single environments are used then.",
    ),
    "vector-differs": Kind(
        "error",
        "An agent is trained in the vector environment, but evaluated and played in another task.",
        "Let both call the same code, and use the seed of each environment in the batch for that one alone.",
    ),
    "vector-autoreset": Kind(
        "note",
        "Each episode needs a seed of its own, so rlkit steps single environments, or batches of one, which is slower.",
        "Support autoreset_mode=AutoresetMode.DISABLED, reset where options['reset_mask'] is True, and declare it in "
        "the metadata.",
    ),
    "not-fresh": Kind(
        "error",
        "The metadata declares fresh_observations, so rlkit keeps them without a copy: replay stores wrong ones.",
        "Fill new arrays at every step, or remove 'fresh_observations' from the metadata.",
    ),
    "memory-grows": Kind(
        "error",
        "A long run exhausts the memory.",
        "Look for lists that step or reset append to, and for windows, figures or physics worlds that are not closed.",
    ),
    "gymnasium": Kind(
        "error",
        "Gymnasium's own checker rejects the environment.",
        "Follow the message; gymnasium.utils.env_checker.check_env reproduces it.",
    ),
    "gymnasium-warning": Kind(
        "note",
        "Gymnasium's own checker warns about it.",
        "Decide whether it is intended.",
    ),
}

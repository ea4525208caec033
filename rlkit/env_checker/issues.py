"""What `rlkit check` may find: every kind of issue with its severity, consequence and remedy, and the report."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Level = Literal["fault", "doubt", "note"]


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong, may be wrong, or is worth knowing.

    Args:
        name: Its name in `CATALOGUE`.
        level: "fault" is wrong whatever was meant, "doubt" is wrong most times, "note" is worth knowing.
        seen: What happened, with numbers.
        why: What comes of it.
        mend: What to write instead.
    """

    name: str
    level: Level
    seen: str
    why: str
    mend: str


@dataclass(frozen=True)
class Report:
    """All that came of an examination.

    Args:
        environment: Its id, as typed.
        kwargs: Its arguments.
        findings: Faults first, each name once.
        facts: What was measured or declared, as JSON values; see `runner.examine`.
        skipped: What could not be looked at, for want of a working environment.
        seconds: How long it took.
    """

    environment: str
    kwargs: Mapping[str, Any]
    findings: tuple[Issue, ...]
    facts: Mapping[str, Any]
    skipped: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no fault was found."""
        return not self.of("fault")

    def of(self, level: Level) -> tuple[Issue, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level == level)

    def names(self) -> set[str]:
        """The names of all findings."""
        return {finding.name for finding in self.findings}

    def with_finding(self, finding: Issue) -> Self:
        """The same with one more finding."""
        return dataclasses.replace(self, findings=in_order([*self.findings, finding]))

    def to_json(self) -> dict[str, Any]:
        """Give a tree that `json.dumps` takes."""
        return {
            "env": self.environment,
            "kwargs": dict(self.kwargs),
            "passed": self.passed,
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "facts": dict(self.facts),
            "skipped": list(self.skipped),
            "seconds": self.seconds,
        }

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(
            environment=tree["env"],
            kwargs=tree["kwargs"],
            findings=tuple(Issue(**finding) for finding in tree["findings"]),
            facts=tree["facts"],
            skipped=tuple(tree["skipped"]),
            seconds=tree["seconds"],
        )


def in_order(findings: Sequence[Issue]) -> tuple[Issue, ...]:
    """Faults, doubts, notes; within each as they were found."""
    levels: tuple[Level, ...] = ("fault", "doubt", "note")
    return tuple(sorted(findings, key=lambda finding: levels.index(finding.level)))


@dataclass(frozen=True)
class Entry:
    """What is always the same about a finding.

    Args:
        level: How bad it is.
        why: What comes of it.
        mend: What to write instead.
    """

    level: Level
    why: str
    mend: str


def finding(name: str, seen: str) -> Issue:
    """A finding from the catalogue.

    Args:
        name: A key of `CATALOGUE`.
        seen: What happened this time.
    """
    entry = CATALOGUE[name]
    return Issue(name, entry.level, seen, entry.why, entry.mend)


CATALOGUE: dict[str, Entry] = {
    # ------------------------------------------------------------------------------------------- it does not run at all
    "cannot-be-made": Entry(
        "fault",
        "Nothing can be done with it.",
        "Mend what is raised; arguments go after --env-kwargs.",
    ),
    "needs-package": Entry(
        "fault",
        "Whoever has not installed the package cannot use the environment.",
        "Install it; in a package of your own, declare it under [project] dependencies, or in an extra.",
    ),
    "needs-display": Entry(
        "fault",
        "Machines that train have no screen. The environment was run here as on such a machine.",
        "Open a window only for render_mode='human', and only in render().",
    ),
    "hangs": Entry(
        "fault",
        "Training would stand still without a word.",
        "Look at the line that is named. If it is only slow, allow it longer: --timeout SECONDS.",
    ),
    "crashes": Entry(
        "fault",
        "No except clause can catch it: a run would end with what its last checkpoint holds.",
        "Look at the compiled code that is called at the line that is named.",
    ),
    "raises-in-reset": Entry(
        "fault",
        "Training would stop here.",
        "Mend what is raised; the seed that is named brings it about again.",
    ),
    "raises-in-step": Entry(
        "fault",
        "Training would stop here, maybe after hours.",
        "Mend what is raised; the seed and the step that are named bring it about again.",
    ),
    # ----------------------------------------------------------------------------------------- what reset and step give
    "old-api": Entry(
        "fault",
        "The old Gym's `done` does not say whether an episode ended or was cut, so values are learned wrongly.",
        "Return five values from step: observation, reward, terminated, truncated, info.",
    ),
    "reset-answer": Entry(
        "fault",
        "Gymnasium's reset gives two values; everything that calls it unpacks two.",
        "End reset with `return observation, info`, where info is a dict and may be empty.",
    ),
    "step-answer": Entry(
        "fault",
        "Gymnasium's step gives five values; everything that calls it unpacks five.",
        "Return observation, reward, terminated, truncated, info.",
    ),
    "reset-arguments": Entry(
        "fault",
        "Without a seed no episode can be played again, so no result can be repeated.",
        "Write `def reset(self, *, seed=None, options=None)`, and in it first `super().reset(seed=seed)`.",
    ),
    "info-type": Entry(
        "fault",
        "Wrappers and vector environments add keys to info and read it as a dict.",
        "Return a dict as the last value, {} where there is nothing to say.",
    ),
    "observation-type": Entry(
        "fault",
        "Observations are joined into batches by what their space says they are.",
        "Return np.array(..., dtype=self.observation_space.dtype), and for a Dict exactly the keys of its space.",
    ),
    "observation-shape": Entry(
        "fault",
        "Networks and buffers are built for the shape that the space promises.",
        "Give observation_space the shape that is really returned, or the other way round.",
    ),
    "observation-dtype": Entry(
        "fault",
        "Values are cut or rounded without a word where buffers have the space's dtype, or memory is doubled.",
        "Return observation.astype(self.observation_space.dtype), or give the space the dtype that is meant.",
    ),
    "observation-out-of-bounds": Entry(
        "fault",
        "Whatever scales observations by the bounds of the space feeds networks with wrong numbers; pictures overflow.",
        "Widen low and high of the space (np.inf where there is no bound), or clip the observation.",
    ),
    "observation-not-finite": Entry(
        "fault",
        "One NaN in a batch turns all weights of a network into NaN.",
        "Find the division or root that makes it; np.seterr(all='raise') names the line.",
    ),
    "reward-type": Entry(
        "fault",
        "Rewards are summed and stored as numbers; an array of shape (1,) changes shapes far from here.",
        "Return float(reward).",
    ),
    "reward-not-finite": Entry(
        "fault",
        "One NaN or infinite reward turns all weights of a network into NaN.",
        "Find the division or logarithm that makes it; bound what can grow.",
    ),
    "reward-out-of-bounds": Entry(
        "fault",
        "The environment promises a reward_range; whoever scales by it gets wrong numbers.",
        "Give reward_range the bounds that rewards really have, or leave it out.",
    ),
    "end-type": Entry(
        "fault",
        "Numbers, None and arrays as flags behave otherwise than True and False in masks and in `is` comparisons.",
        "Return bool(terminated) and bool(truncated).",
    ),
    "observation-reused": Entry(
        "fault",
        "Whoever keeps an observation, as every replay buffer does, finds later ones in its place.",
        "Return a copy (self.state.copy()), or fill a new array at every step.",
    ),
    # ------------------------------------------------------------------------------------------------- seeds and chance
    "seed-not-reproduced": Entry(
        "fault",
        "No result can be repeated, no failure looked at again, and no run resumed exactly.",
        "Begin reset with super().reset(seed=seed), and draw every random number from self.np_random.",
    ),
    "process-not-reproduced": Entry(
        "fault",
        "A run that is resumed, or repeated tomorrow, meets other episodes under the same seed.",
        "Look for loops over a set, hash() of texts, the time, or addresses: sort what has no order of its own.",
    ),
    "reset-leaks": Entry(
        "fault",
        "What an episode is like depends on the one before: nothing can be repeated, and episodes are not alike.",
        "Set everything in reset that step changes: counters, positions, lists, speeds, the last action.",
    ),
    "global-chance": Entry(
        "doubt",
        "Other code that draws from the same generator changes the environment's episodes, and the other way round.",
        "Draw from self.np_random, not from random or np.random.",
    ),
    "actions-without-effect": Entry(
        "doubt",
        "There is nothing to learn where every action leads to the same.",
        "Look whether step uses its action, and whether the observation shows what it does.",
    ),
    "one-episode": Entry(
        "note",
        "Every episode begins alike: many episodes of an evaluation say no more than one.",
        "Draw the start, or parts of the task, from self.np_random in reset.",
    ),
    "state-not-restored": Entry(
        "fault",
        "Rewinding, and whatever else relies on get_state and set_state, goes on from somewhere else.",
        "Let get_state give copies of everything that step reads, self.np_random.bit_generator.state included.",
    ),
    # ------------------------------------------------------------------------------------------------- how episodes end
    "limit-as-end": Entry(
        "fault",
        "A limit of steps that is reported as terminated teaches that nothing is worth anything near the limit, "
        "which the observation does not show.",
        "Return terminated=False at the limit and leave cutting to max_episode_steps, or return truncated=True.",
    ),
    "same-length": Entry(
        "doubt",
        "That looks like a limit of steps, and a limit that is reported as terminated teaches that nothing is worth "
        "anything near it, which the observation does not show.",
        "If it is a limit: return truncated=True instead, or register with max_episode_steps. If the task really ends "
        "there, let the observation show how much time is left.",
    ),
    "no-end": Entry(
        "doubt",
        "An episode that nobody ends is never measured, and a stuck one fills the memory with the same.",
        "Register it with max_episode_steps=N, or add --env-kwargs max_episode_steps=N.",
    ),
    "resets-itself": Entry(
        "doubt",
        "If the environment begins a new episode by itself, its last observation is lost, or belongs to the next.",
        "Leave resetting to whoever calls: keep the end's observation, and change nothing until reset.",
    ),
    "always-cut": Entry(
        "note",
        "After truncated=True the value of what would have come is still counted; after terminated=True it is not.",
        "Where an episode really fails or is won, return terminated=True.",
    ),
    # ---------------------------------------------------------------------------------------------- spaces and promises
    "observations-unsupported": Entry(
        "fault",
        "No network here reads such observations.",
        "Wrap the environment (gymnasium.wrappers.TransformObservation), or change its observation_space.",
    ),
    "actions-unsupported": Entry(
        "fault",
        "Agents here choose from a numbered list of actions.",
        "Do as the sentence says, or wrap the environment (gymnasium.wrappers.TransformAction).",
    ),
    "metadata-malformed": Entry(
        "fault",
        "A promise in the metadata cannot be read, so rlkit refuses the environment.",
        "Write it as the sentence says.",
    ),
    "mirror-differs": Entry(
        "fault",
        "By default DQN learns half of each batch in this mirror, and then from transitions that cannot happen.",
        "Correct metadata['mirror'], or lay the observation out so that turning it over gives the mirrored one. Where "
        "neither can be done for these arguments, leave 'mirror' out of the metadata of the environment that was made.",
    ),
    "mirror-not-verified": Entry(
        "note",
        "The declared mirror is not verified; what is learned in it is as wrong as metadata['mirror'] is.",
        "Let reset(seed=..., options={'mirrored': True}) begin the mirror image of the episode that the seed brings.",
    ),
    "large-values": Entry(
        "note",
        "Networks learn slowly from vectors whose entries are far from ±1, unless something brings them to scale "
        "(DQN's preset `fast` does).",
        "Divide each entry by its largest size.",
    ),
    "rendering": Entry(
        "fault",
        "Videos and the viewer need pictures.",
        "For render_mode='rgb_array' let render() return an array (height, width, 3) of uint8.",
    ),
    "rendering-needs-display": Entry(
        "doubt",
        "Videos cannot be made on machines without a screen.",
        "Draw onto a surface in memory (pygame.Surface) and not into a window.",
    ),
    # -------------------------------------------------------------------------------------------------- vector and cost
    "vector-fails": Entry(
        "fault",
        "rlkit trains in the vector environment that the registration names, so training would stop here.",
        "Mend what is raised, or leave vector_entry_point out of the registration: single ones are stepped then.",
    ),
    "vector-differs": Entry(
        "fault",
        "What is learned in the vector environment is measured, watched and played in another task.",
        "Let both call the same code, and give the seed of each place in the batch to that place alone.",
    ),
    "vector-resets-itself": Entry(
        "note",
        "Each episode has to be reset from a seed of its own, so rlkit steps single environments instead, or batches "
        "of one, which is slower.",
        "Take autoreset_mode=AutoresetMode.DISABLED, reset where options['reset_mask'] is True, say so in metadata.",
    ),
    "not-fresh": Entry(
        "fault",
        "Its metadata promises fresh_observations, so rlkit keeps them without a copy: replay fills with wrong ones.",
        "Fill new arrays at every step, or take 'fresh_observations' out of the metadata.",
    ),
    "memory-grows": Entry(
        "fault",
        "A long run ends when the machine's memory does.",
        "Look for lists that step or reset add to, and for windows, figures or physics worlds that are never closed.",
    ),
    "gymnasium": Entry(
        "fault",
        "Gymnasium's own checker refuses it, and with it whoever relies on what that checker holds.",
        "Do as the sentence says; gymnasium.utils.env_checker.check_env repeats it.",
    ),
    "gymnasium-says": Entry(
        "note",
        "Gymnasium's own checker remarks on it.",
        "Read it, and judge whether it is meant.",
    ),
}

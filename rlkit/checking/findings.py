"""What an examination of an environment found, as plain values that JSON can hold."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Level = Literal["fault", "doubt", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, may be wrong, or is worth knowing.

    Args:
        name: Its name in `catalogue.CATALOGUE`.
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
        facts: What was measured or declared, as JSON values; see `examination.examine`.
        skipped: What could not be looked at, for want of a working environment.
        seconds: How long it took.
    """

    environment: str
    kwargs: Mapping[str, Any]
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any]
    skipped: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no fault was found."""
        return not self.of("fault")

    def of(self, level: Level) -> tuple[Finding, ...]:
        """The findings of one level."""
        return tuple(finding for finding in self.findings if finding.level == level)

    def names(self) -> set[str]:
        """The names of all findings."""
        return {finding.name for finding in self.findings}

    def with_finding(self, finding: Finding) -> Self:
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
            findings=tuple(Finding(**finding) for finding in tree["findings"]),
            facts=tree["facts"],
            skipped=tuple(tree["skipped"]),
            seconds=tree["seconds"],
        )


def in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Faults, doubts, notes; within each as they were found."""
    levels: tuple[Level, ...] = ("fault", "doubt", "note")
    return tuple(sorted(findings, key=lambda finding: levels.index(finding.level)))

"""The table of `rlkit report`: one row per group of seeds, with final and best scores and their intervals."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlkit.experiments.groups import Group
from rlkit.experiments.records import REWARD, RunRecord
from rlkit.experiments.statistics import Interval, interval

SHOWN = "rlkit-toolkit", "torch"  # packages whose versions are in the table; the JSON has all


@dataclass(frozen=True)
class Summary:
    """Final and best scores of a group of seeds.

    Args:
        group: The runs.
        tag: The scalar.
        final: Last value of each run that has logged it, by seed.
        best: Greatest value of each; the maximum of noisy values is biased upwards, `final` is not.
    """

    group: Group
    tag: str
    final: dict[int, float]
    best: dict[int, float]

    @property
    def intervals(self) -> tuple[Interval, Interval] | None:
        """Interquartile means of final and best with their 95 % intervals; None where nothing was logged yet."""
        if not self.final:
            return None
        return interval(list(self.final.values())), interval(list(self.best.values()))

    @property
    def steps_per_second(self) -> float | None:
        """Mean over the runs, evaluation and saving included; None where no time was logged."""
        rates = [run.steps / run.seconds for run in self.group.runs if run.seconds > 0]
        return float(np.mean(rates)) if rates else None

    @property
    def versions(self) -> dict[str, list[str]]:
        """Versions of Python and the packages in the group, by name."""
        names = {name for run in self.group.runs for name in run.config.versions}
        return {name: sorted({run.config.versions.get(name, "?") for run in self.group.runs}) for name in sorted(names)}

    def to_json(self) -> dict[str, Any]:
        """The row of the table with all values behind it."""
        config = self.group.runs[0].config
        plain: dict[str, Any] = {
            "env": self.group.environment,
            "agent": config.algorithm,
            "preset": config.preset,
            "label": self.group.label,
            "env_config": config.environment.to_json(),
            "hyperparameters": dict(config.hyperparameters),
            "metric": self.tag,
            "seeds": self.group.seeds,
            "steps_per_second": self.steps_per_second,
            "versions": self.versions,
            "runs": [self._run(run) for run in self.group.runs],
        }
        for name, found in zip(("final", "best"), self.intervals or (None, None), strict=True):
            plain[name] = found and {"iqm": found.value, "low": found.low, "high": found.high}
        return plain

    def _run(self, run: RunRecord) -> dict[str, Any]:
        seed = run.config.seed
        return {
            "path": str(run.path),
            "seed": seed,
            "final": self.final.get(seed),
            "best": self.best.get(seed),
            "steps": run.steps,
            "seconds": run.seconds,
            "complete": run.complete,
        }


def summarise(group: Group, tag: str = REWARD) -> Summary:
    """Read final and best values of a scalar from a group's curves."""
    curves = {run.config.seed: run.curve(tag).values for run in group.runs}
    measured = {seed: values for seed, values in curves.items() if len(values)}
    return Summary(
        group,
        tag,
        final={seed: float(values[-1]) for seed, values in measured.items()},
        best={seed: float(values.max()) for seed, values in measured.items()},
    )


HEADINGS = "environment", "agent", "seeds", "final", "best", "steps", "seconds", "steps/s", "versions"


def table_rows(summaries: Sequence[Summary]) -> list[tuple[str, ...]]:
    """Cells of the table, in the order of `HEADINGS`."""
    return [_row(summary) for summary in summaries]


def markdown(summaries: Sequence[Summary]) -> list[str]:
    """The same table as Markdown."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS), *table_rows(summaries)]
    return ["| " + " | ".join(_in_markdown(cell) for cell in row) + " |" for row in rows]


def _in_markdown(cell: str) -> str:
    """A cell's text in one line, with Markdown's special characters escaped."""
    return re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(cell.split()))


def notes(summaries: Sequence[Summary]) -> list[str]:
    """Notes below the table: what it shows, unfinished runs, repeated seeds, mixed versions."""
    tags = sorted({summary.tag for summary in summaries})
    lines = [f"final and best {', '.join(tags)}: interquartile mean over seeds [95 % bootstrap interval]"]
    for summary in summaries:
        runs = summary.group.runs
        unfinished = [run.config.seed for run in runs if not run.complete]
        if unfinished:
            lines.append(f"{_name(summary)}: unfinished, seeds {_listed(unfinished)}")
        if len(summary.final) < len(runs):
            nothing = [seed for seed in summary.group.seeds if seed not in summary.final]
            lines.append(f"{_name(summary)}: not measured yet, seeds {_listed(nothing)}")
        lines += [f"{_name(summary)}: {run.path} repeats a seed and is left out" for run in summary.group.left_out]
        mixed = {name: found for name, found in summary.versions.items() if len(found) > 1}
        if mixed:
            named = "; ".join(f"{name} {', '.join(found)}" for name, found in mixed.items())
            lines.append(f"{_name(summary)}: its runs were made with different versions ({named})")
    if any(len(summary.final) == 1 for summary in summaries):
        lines.append("rows with one seed have no interval")
    return lines


def aggregate_lines(summary: Summary) -> list[str]:
    """Summary of a set of seeds for `rlkit train --seeds`: one line per seed, then all of them."""
    lines = []
    for run in summary.group.runs:
        seed = run.config.seed
        figures = (
            f"final {summary.final[seed]:.4g}  best {summary.best[seed]:.4g}"
            if seed in summary.final
            else "not measured yet"
        )
        state = "" if run.complete else f"  unfinished, {run.steps:,} of {run.config.steps:,} steps"
        lines.append(f"seed {seed:<4} {figures}  {run.seconds:.0f} s{state}  {run.path}")
    if summary.intervals is not None and len(summary.final) > 1:
        final, best = summary.intervals
        lines.append(
            f"{len(summary.final)} seeds, {summary.tag}: interquartile mean [95 % interval] final {final}, best {best}"
        )
    return lines


def _row(summary: Summary) -> tuple[str, ...]:
    group = summary.group
    final, best = ("—", "—") if summary.intervals is None else tuple(map(_cell, summary.intervals))
    rate = summary.steps_per_second
    versions = (f"{name.partition('-')[0]} {'/'.join(summary.versions.get(name, ['?']))}" for name in SHOWN)
    return (
        group.environment,
        group.label,
        _listed(group.seeds),
        final,
        best,
        f"{np.mean([run.steps for run in group.runs]):,.0f}",
        f"{np.mean([run.seconds for run in group.runs]):,.0f}",
        "—" if rate is None else f"{rate:,.0f}",
        ", ".join(versions),
    )


def _cell(found: Interval) -> str:
    return str(found) if found.low != found.high else f"{found.value:.4g}"


def _name(summary: Summary) -> str:
    return f"{summary.group.environment}, {summary.group.label}"


def _listed(seeds: Sequence[int]) -> str:
    """Seeds as they are typed: 0..4 for a range, else 0,3,7."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}..{seeds[-1]}"
    return ",".join(map(str, seeds))

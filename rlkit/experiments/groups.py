"""Telling runs apart: those that differ in their seed alone are one group, and groups are named by what differs."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlkit.experiments.records import RunRecord

APART = "seed", "versions", "save_freq"  # what runs of one group may differ in; different versions are told
WITH_STEPS = "eval_freq", "eval_episodes"  # they follow from the budget: where that differs, it says enough
SHOWN = 4  # hyperparameters in a label; more would fill the line


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone.

    Args:
        label: What sets it apart from the other groups, such as `rainbow, gamma=0.9`.
        runs: One per seed, in the order of the seeds.
        left_out: Runs of seeds that are there already; none of them counts twice.
    """

    label: str
    runs: Sequence[RunRecord]
    left_out: Sequence[RunRecord] = ()

    @property
    def environment(self) -> str:
        """Id of the environment that its runs were trained in."""
        return self.runs[0].config.environment.id

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return [run.config.seed for run in self.runs]


def group_runs(runs: Sequence[RunRecord]) -> list[Group]:
    """Sort runs into groups, environment by environment, and name each group by what sets it apart in there.

    Of two runs with one seed the one that went further counts (of equals the later one by name): a seed that counted
    twice would make the interval narrower than it is.
    """
    members: dict[str, dict[str, list[RunRecord]]] = {}
    for run in runs:
        members.setdefault(run.config.environment.id, {}).setdefault(_same(run), []).append(run)
    groups = []
    for inside in members.values():
        alike = list(inside.values())
        named = labels([group[0] for group in alike])
        groups += [_group(label, group) for label, group in zip(named, alike, strict=True)]
    return groups


def _group(label: str, runs: Sequence[RunRecord]) -> Group:
    by_seed: dict[int, RunRecord] = {}
    for run in sorted(runs, key=lambda run: (run.steps, str(run.path))):
        by_seed[run.config.seed] = run
    kept = [by_seed[seed] for seed in sorted(by_seed)]
    return Group(label, kept, [run for run in runs if run not in kept])


def labels(runs: Sequence[RunRecord]) -> list[str]:
    """For each of some unlike runs in one environment, what sets it apart.

    The agent is always named, its preset, arguments, budget and so on where they differ. Hyperparameters are compared
    only among runs that share all of those: a preset or another budget changes many at once, and naming it says so.
    """
    heads = [_head(run) for run in runs]
    varying = [key for key in heads[0] if len({_text(head[key]) for head in heads}) > 1] if heads else []
    implied = ("agent", "measured", *(WITH_STEPS if "steps" in varying else ()))
    shown = ["agent"] + [key for key in varying if key not in implied]
    written = []
    for head, run in zip(heads, runs, strict=True):
        parts = [_WORDS.get(key, f"{key}={{}}".format)(head[key]) for key in shown]
        alike = [other for other, other_head in zip(runs, heads, strict=True) if other_head == head]
        written.append(", ".join([*filter(None, parts), *_differences(run, alike)]))
    return written


def _same(run: RunRecord) -> str:
    plain = run.config.to_json()
    return json.dumps({key: value for key, value in plain.items() if key not in APART}, sort_keys=True)


def _head(run: RunRecord) -> dict[str, Any]:
    config = run.config
    fields = [field.name for field in dataclasses.fields(config) if field.name not in (*APART, "hyperparameters")]
    head = {name: getattr(config, name) for name in fields if name not in ("environment", "evaluation", "algorithm")}
    places = {"arguments": config.environment.to_json(), "measured": config.evaluation.to_json()}
    return {"agent": config.algorithm, **places, **head}


def _differences(run: RunRecord, alike: Sequence[RunRecord]) -> list[str]:
    others = [other.config.hyperparameters for other in alike]
    ours = run.config.hyperparameters
    names = [name for name in ours if len({_text(other.get(name)) for other in others}) > 1]
    told = [f"{name}={_value(ours[name])}" for name in names[:SHOWN]]
    return told + ([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])


def _arguments(environment: Mapping[str, Any]) -> str:
    options = {key: value for key, value in environment.items() if key not in ("id", "kwargs") and value is not None}
    return ", ".join(f"{key}={_value(value)}" for key, value in {**environment["kwargs"], **options}.items())


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


_WORDS: Mapping[str, Callable[[Any], str]] = {
    "agent": str,
    "preset": str,
    "arguments": _arguments,
    "steps": lambda steps: f"{steps:,} steps",
    "num_envs": lambda count: f"{count} environments",
    "deterministic": lambda deterministic: "deterministic" if deterministic else "",
    "overlap": lambda overlap: "overlap" if overlap else "",
}

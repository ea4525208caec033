"""Grouping runs: those that differ only in their seed are one group; a group's label names what differs from others."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlkit.experiments.records import RunRecord

APART = "seed", "versions", "save_freq"  # may differ within a group; the report names different versions
WITH_STEPS = "eval_freq", "eval_episodes"  # follow from the budget: not in the label where that differs
SHOWN = 4  # hyperparameters in a label


@dataclass(frozen=True)
class Group:
    """Runs that differ only in their seed.

    Args:
        label: What distinguishes it from the other groups, such as `rainbow, gamma=0.9`.
        runs: One per seed, in the order of the seeds.
        left_out: Runs that repeat a seed.
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
    """Group runs by environment and settings, and label each group by what distinguishes it within its environment.

    Of several runs with one seed, the one with the most steps counts (of equals, the last by name): a seed that counted
    twice would make the confidence interval too narrow.
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
    """For each of several runs in one environment, what distinguishes it.

    The agent is always named; its preset, arguments, budget and so on where they differ. Hyperparameters are compared
    only among runs that share all of those, because a preset or a budget changes many of them at once.
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
    return {"agent": config.algorithm, **places, **head, "init": config.init and config.init.source}


def _differences(run: RunRecord, alike: Sequence[RunRecord]) -> list[str]:
    others = [other.config.hyperparameters for other in alike]
    ours = run.config.hyperparameters
    names = [name for name in ours if len({_text(other.get(name)) for other in others}) > 1]
    labels = [f"{name}={_value(ours[name])}" for name in names[:SHOWN]]
    return labels + ([f"{len(names) - SHOWN} more"] if len(names) > SHOWN else [])


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
    "async_envs": lambda async_envs: "async envs" if async_envs else "",
    "init": lambda source: "random weights" if source is None else f"weights of {source}",
}

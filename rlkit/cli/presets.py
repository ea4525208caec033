"""The presets of an agent side by side: which hyperparameters they set otherwise than the defaults."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rlkit.spaces import Leaf, Spaces

if TYPE_CHECKING:
    from rich.console import Console

    from rlkit.agent import Agent

STEPS = 1_000_000  # the budget that the table is for
_LETTERS = tuple("abcdef")
TASKS: Mapping[str, Spaces] = {
    "84×84": Spaces({"screen": Leaf("screen", (84, 84, 4), "uint8", 4)}, _LETTERS, reward_clip=1.0),
    "24×24": Spaces({"view": Leaf("view", (24, 24, 2), "uint8", 2)}, _LETTERS),
    "10×10": Spaces({"grid": Leaf("grid", (10, 10, 4), "uint8")}, _LETTERS),
    "vector": Spaces({"vector": Leaf("vector", (8,), "float32")}, _LETTERS),
}
"""What is seen, as examples; the first stands for all others where a preset is not the default one."""


def preset_columns(agent: "type[Agent]") -> dict[str, Any]:
    """Configurations by preset and task: the default preset for every task, the others for large pictures."""
    first = next(iter(agent.presets), None)
    return {
        f"{name} {task}": make(spaces, STEPS)
        for name, make in agent.presets.items()
        for task, spaces in TASKS.items()
        if name == first or task == next(iter(TASKS))
    }


def differences(config: Any) -> dict[str, Any]:
    """Hyperparameters whose value is not the default one."""
    values = {field.name: (getattr(config, field.name), field.default) for field in dataclasses.fields(config)}
    return {name: value for name, (value, default) in values.items() if value != default}


def print_presets(agent: "type[Agent]", console: "Console") -> None:
    """Print the table, in as many parts as the terminal is too narrow for it."""
    columns = preset_columns(agent)
    for names in _parts(list(columns), console.width):
        _print_part({name: columns[name] for name in names}, agent, console)
    console.print(
        f"Only what differs from the defaults; for {STEPS:,} steps, of which some schedules are a share.\n"
        "What is seen: " + ", ".join(TASKS) + "; where only one is given, presets are made for it.",
        highlight=False,
    )


def _print_part(columns: Mapping[str, Any], agent: "type[Agent]", console: "Console") -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("preset", no_wrap=True)
    for name in columns:
        table.add_column(name.replace("-", "-\n").replace(" ", "\n"), justify="right", overflow="fold")
    changed = {name: differences(config) for name, config in columns.items()}
    for field in dataclasses.fields(agent.Config):
        cells = [_short(values[field.name]) if field.name in values else "·" for values in changed.values()]
        if any(field.name in values for values in changed.values()):
            table.add_row(field.name, *cells)
    console.print(table)
    console.print()


def _parts(names: Sequence[str], width: int) -> list[Sequence[str]]:
    """Names of columns in groups that fit side by side: 27 characters for the hyperparameter, 13 for each column."""
    at_once = max(1, (width - 27) // 13)
    return [names[start : start + at_once] for start in range(0, len(names), at_once)]


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return "none" if value is None else str(value)

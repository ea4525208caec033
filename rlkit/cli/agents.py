"""`rlkit agents`: the agents, their presets and hyperparameters."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rlkit.cli.options import unset

if TYPE_CHECKING:
    from rlkit.agent import Agent


@dataclasses.dataclass(frozen=True)
class Agents:
    """List the agents, or the presets and hyperparameters of one."""

    name: Annotated[str | None, tyro.conf.Positional, unset("[NAME]")] = None
    """An agent, to list its presets and hyperparameters."""
    verbose: bool = False
    """Show the values of all presets side by side."""
    json: bool = False
    """Print them as JSON, for programs."""

    def run(self) -> None:
        """List them."""
        from rlkit.plugins import agent_class, agent_names

        if self.name is not None:
            agent = agent_class(self.name)
            if self.json:
                _print_json(_presets(agent) if self.verbose else _hyperparameters(agent))
            else:
                _print_agent(self.name, agent, self.verbose)
            return
        agents = {name: agent_class(name) for name in agent_names()}
        if self.json:
            describe = _presets if self.verbose else _first_sentence
            _print_json({name: describe(agent) for name, agent in agents.items()})
            return
        for name, agent in agents.items():
            print(f"{name:10} {_first_sentence(agent)}")
            if self.verbose and len(agent.presets) > 0 and dataclasses.fields(agent.Config):
                _print_presets(agent)
        print("\nrlkit agents NAME lists the hyperparameters of one, with --verbose the values of its presets.")


def _print_json(content: Any) -> None:
    import json

    print(json.dumps(content, indent=2))


def _presets(agent: "type[Agent]") -> dict[str, Any]:
    from rlkit.cli.presets import STEPS, differences, preset_columns

    columns = {name: differences(config) for name, config in preset_columns(agent).items()}
    defaults = {row["name"]: row["default"] for row in _hyperparameters(agent)}
    return {"steps": STEPS, "defaults": defaults, "presets": columns}


def _print_presets(agent: "type[Agent]") -> None:
    from rich.console import Console

    from rlkit.cli.presets import print_presets

    console = Console()
    console.print()
    print_presets(agent, console)


def _print_agent(name: str, agent: "type[Agent]", verbose: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{name}: {_first_sentence(agent)}\n", highlight=False)
    for preset, make in agent.presets.items():
        console.print(f"--preset {preset}: {(make.__doc__ or '').strip().splitlines()[0]}", highlight=False)
    if verbose and dataclasses.fields(agent.Config):
        _print_presets(agent)
    table = Table(box=None, pad_edge=False, title_justify="left")
    for column in ("--set", "default", "meaning", "source"):
        table.add_column(column, overflow="fold")
    for row in _hyperparameters(agent):
        bounds = f" ({row['allowed']})" if row["allowed"] else ""
        table.add_row(row["name"], str(row["default"]), row["meaning"] + bounds, row["source"])
    if table.rows:
        console.print()
        console.print(table)


def _hyperparameters(agent: "type[Agent]") -> list[dict[str, Any]]:
    return [
        {
            "name": field.name,
            "default": field.default,
            "meaning": field.metadata.get("meaning", ""),
            "allowed": " | ".join(field.metadata.get("choices", ())),
            "source": field.metadata.get("source", ""),
        }
        for field in dataclasses.fields(agent.Config)
    ]


def _first_sentence(thing: type) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]

"""`rlkit agents`: who can learn, and what can be set about them."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from rlkit.cli.options import unset

if TYPE_CHECKING:
    from rlkit.agent import Agent


@dataclasses.dataclass(frozen=True)
class Agents:
    """List the agents, or everything that can be set about one of them."""

    name: Annotated[str | None, tyro.conf.Positional, unset("[NAME]")] = None
    """Name an agent to see its presets and hyperparameters."""
    json: bool = False
    """Print them as JSON, for programs."""

    def run(self) -> None:
        """List them."""
        from rlkit.plugins import agent_class, agent_names

        if self.name is not None:
            agent = agent_class(self.name)
            if self.json:
                _print_json(_hyperparameters(agent))
            else:
                _print_agent(self.name, agent)
            return
        agents = {name: agent_class(name) for name in agent_names()}
        if self.json:
            _print_json({name: _first_sentence(agent) for name, agent in agents.items()})
            return
        for name, agent in agents.items():
            print(f"{name:10} {_first_sentence(agent)}")
        print("\nrlkit agents NAME lists what can be set about one.")


def _print_json(content: Any) -> None:
    import json

    print(json.dumps(content, indent=2))


def _print_agent(name: str, agent: "type[Agent]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(f"{name}: {_first_sentence(agent)}\n", highlight=False)
    for preset, make in agent.presets.items():
        console.print(f"--preset {preset}: {(make.__doc__ or '').strip().splitlines()[0]}", highlight=False)
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

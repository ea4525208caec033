"""`rlkit pretrained`: the trained agents that ship, and the card of one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from rlkit.cli.options import print_lines, unset

if TYPE_CHECKING:
    from rlkit.training.pretrained import AgentFile

WIDTH = 160  # of the table if standard output is no terminal
HEADINGS = ("name", "environment", "agent", "steps", "minutes", "measured")


@dataclass(frozen=True)
class Pretrained:
    """List the trained agents that ship, or show the card of one.

    They need no training:  rlkit watch pretrained:NAME
    """

    name: Annotated[str | None, tyro.conf.Positional, unset("[NAME]")] = None
    """An agent, to show how it was trained and chosen, and what it achieves."""
    json: bool = False
    """Print the cards as JSON, for programs."""

    def run(self) -> None:
        """List them, or show one."""
        from rlkit.perception.config import PRETRAINED
        from rlkit.training.pretrained import find_pretrained, pretrained_names

        if self.name is not None:
            found = find_pretrained(self.name.removeprefix(PRETRAINED))
            if self.json:
                _print_json(found.card.to_json())
            else:
                print_lines(_describe(found))
            return
        files = [find_pretrained(name) for name in pretrained_names()]
        if self.json:
            _print_json({file.card.name: file.card.to_json() for file in files})
            return
        if files:
            _print_table(files)
        print_lines(
            [
                "rlkit watch pretrained:NAME shows one, rlkit evaluate pretrained:NAME measures it,",
                "rlkit train ENV --init pretrained:NAME starts from its weights; rlkit pretrained NAME shows its card."
                if files
                else "No trained agent ships with this installation.",
            ]
        )


def _print_json(content: object) -> None:
    import json

    print(json.dumps(content, indent=2))


def _print_table(files: "list[AgentFile]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading in ("steps", "minutes") else "left", overflow="fold")
    for file in files:
        card = file.card
        measured = f"{card.figures.episodes} episodes: {card.figures.summary}"
        cells = (card.name, card.config.environment.id, card.config.algorithm, f"{card.config.steps:,}")
        table.add_row(*(Text(cell) for cell in (*cells, f"{card.minutes:.0f}", measured)))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table, highlight=False)


def _describe(file: "AgentFile") -> list[str]:
    """The card as text."""
    card = file.card
    config, evaluation = card.config, card.config.evaluation
    arguments = [f"{key}={value}" for key, value in evaluation.kwargs.items()]
    if evaluation.perception is not None:
        arguments.append(f"perception={evaluation.perception.what}")
    scores = ", ".join(f"{score:.4g} with seed {seed}" for seed, score in card.selection.scores.items())
    rows = {
        "environment": evaluation.id + (f" ({', '.join(arguments)})" if arguments else ""),
        "agent": f"{config.algorithm}, preset {config.preset}",
        "trained by": card.command,
        "budget": f"{config.steps:,} steps in {card.minutes:.1f} minutes; these weights after {card.steps:,} steps",
        "chosen": f"seed {card.selection.chosen} of {len(card.selection.scores)} ({card.selection.by}: {scores})",
        "measured": f"{card.figures.episodes} episodes: {card.figures.summary}",
        "measured by": card.figures.command,
        "versions": ", ".join(f"{name} {version}" for name, version in config.versions.items()),
        "file": f"{file.bytes / 1e6:.2f} MB, SHA-256 {file.digest}",
    }
    width = max(map(len, rows))
    lines = [f"{name:{width}}  {text}" for name, text in rows.items()]
    return [f"{card.name}: {card.about}", "", *lines, "", f"rlkit watch pretrained:{card.name}"]

"""Many runs at once on the terminal: a live table, or plain lines where the output is no terminal."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rlkit.utils.terminal import printable

FRAME = 5  # lines of the table's head, foot and borders
ENDED = ("complete", "stopped", "failed", "pruned", "time limit")


@dataclass
class Row:
    """What is shown of a run."""

    name: str
    total: int
    state: str = "waiting"
    node: str = ""
    steps: int = 0
    speed: str = ""
    evaluation: str = ""
    said: set[str] = field(default_factory=set)


class RunsTable:
    """Shows the state of all runs.

    Args:
        quiet: Whether to print warnings only.
        console: The terminal; None for standard output.
    """

    def __init__(self, quiet: bool = False, console: Console | None = None):
        self._console = console or Console()
        self._quiet = quiet
        self._rows: dict[str, Row] = {}
        self._warned: set[str] = set()
        self._live: Live | None = None

    def begin(self, name: str, total: int) -> None:
        """Add a run, or begin it again."""
        self._rows[name] = Row(name, total)

    def state(self, name: str, state: str, *, node: str | None = None, detail: str = "") -> None:
        """Tell the state of a run: waiting, training, or how it ended."""
        row = self._rows[name]
        row.state, row.node = state, row.node if node is None else node
        if self._live is None and state != "waiting":
            at = f" on {row.node}" if state == "training" else ""
            steps = f" after {row.steps:,} of {row.total:,} steps" if row.steps else ""
            self.say(f"{name}: {state}{at}{steps}{detail}")
        elif detail:
            self.say(f"{name}: {state}{detail}")

    def progress(self, name: str, steps: int, figures: Mapping[str, str]) -> None:
        """Tell the steps that a run has taken."""
        row = self._rows[name]
        row.steps, row.speed = steps, figures.get("steps/s", row.speed)

    def evaluated(self, name: str, steps: int, score: float) -> None:
        """Tell the latest evaluation of a run."""
        row = self._rows[name]
        row.steps, row.evaluation = max(row.steps, steps), f"{score:.4g}"
        if self._live is None:
            speed = f"  {row.speed} steps/s" if row.speed else ""
            self.say(f"{name}: {steps:>10,} of {row.total:,} steps{speed}  evaluation {score:.4g}")

    def say(self, sentence: str) -> None:
        """Print a line, above the table."""
        if self._quiet:
            return
        if self._live is None:
            print(printable(sentence), file=self._console.file, flush=True)
        else:
            self._console.print(printable(sentence), highlight=False, markup=False)

    def warn(self, name: str, sentence: str) -> None:
        """Print a warning of a run; the same one of further runs is left out."""
        if sentence in self._warned:
            return
        self._warned.add(sentence)
        text = f"warning: {name}: {printable(sentence)}"
        if self._live is None:
            print(text, file=sys.stderr, flush=True)
        else:
            self._console.print(text, style="yellow", highlight=False, markup=False)

    def __rich__(self) -> Table:
        # Columns keep their width from frame to frame; where the terminal is narrow, the names of nodes are shortened.
        table = Table(caption=self._caption(), box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        table.add_column("run", no_wrap=True)
        table.add_column("node", min_width=4)
        table.add_column("state", no_wrap=True, min_width=len("time limit"))
        steps_width = max((len(f"{row.total:,} of {row.total:,}") for row in self._rows.values()), default=0)
        for column, width in (("steps", steps_width), ("steps/s", 7), ("evaluation", 10)):
            table.add_column(column, justify="right", no_wrap=True, min_width=width)
        rows = list(self._rows.values())
        room = max(1, self._console.height - FRAME)
        shown = sorted(rows, key=lambda row: row.state in ENDED)[:room]
        for row in sorted(shown, key=rows.index):
            steps = f"{row.steps:,} of {row.total:,}"
            node = Text(printable(row.node), no_wrap=True, overflow="ellipsis")
            cells = [escape(printable(cell)) for cell in (row.name, row.state, steps, row.speed, row.evaluation)]
            table.add_row(cells[0], node, *cells[1:], style="dim" if row.state in ENDED else None)
        return table

    def _caption(self) -> str:
        states = [row.state for row in self._rows.values()]
        return ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            self._live = Live(self, console=self._console, refresh_per_second=4)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

"""`rlkit report`: results of runs, aggregated over seeds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro

from rlkit.cli.options import check_result_target, print_lines, unset, write_result
from rlkit.errors import UserError
from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rlkit.experiments.report import Summary

WIDTH = 240  # of the table if standard output is no terminal
KNOWN_BY = {"metric", "groups"}  # keys of its JSON


@dataclass(frozen=True)
class Report:
    """Summarize runs: those that differ only in their seed are one line, with a confidence interval.

    For instance:  rlkit report runs/
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Run folders, or folders that hold run folders."""
    metric: Annotated[str, tyro.conf.arg(metavar="TAG")] = "eval/mean_reward"
    """The metric: any logged scalar, such as eval/lap_rate."""
    markdown: bool = False
    """Print the table as Markdown."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the summary to this file (- for standard output)."""

    def run(self) -> None:
        """Print the summary."""
        from rlkit.experiments.groups import group_runs
        from rlkit.experiments.records import check_tag, find_runs
        from rlkit.experiments.report import markdown, notes, summarise

        if not self.runs:
            raise UserError("name the runs to report, for instance: rlkit report runs/")
        check_result_target(self.json, KNOWN_BY)
        runs = find_runs(self.runs)
        if any(run.tags for run in runs):  # new runs have no metrics yet
            check_tag(runs, self.metric)
        summaries = [summarise(group, self.metric) for group in group_runs(runs)]
        if self.json != "-":
            if self.markdown:
                print_lines(markdown(summaries))
            else:
                _print_table(summaries)
            print_lines(["", *notes(summaries)])
        if self.json is not None:
            content = {"metric": self.metric, "groups": [summary.to_json() for summary in summaries]}
            write_result(self.json, content, KNOWN_BY)


def _print_table(summaries: "Sequence[Summary]") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rlkit.experiments.report import HEADINGS, table_rows

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        right = heading in ("steps", "seconds", "steps/s")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for row in table_rows(summaries):
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH)).print(table, highlight=False)

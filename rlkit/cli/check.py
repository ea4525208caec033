"""`rlkit check`: what is wrong with an environment, and how to mend it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from rich.markup import escape

from rlkit.cli.options import KeyValues, check_result_target, read_kwargs, unset, write_result
from rlkit.errors import UserError
from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console

    from rlkit.env_checker import Issue, Report

RESULT = frozenset({"env", "passed", "findings"})  # what its JSON is known by
COLOURS = {"fault": "bold red", "doubt": "bold yellow", "note": "bold cyan"}
FOLDED = 8  # names of actions that are shown, of more


@dataclass(frozen=True)
class Check:
    """Check an environment: Gymnasium's API and common pitfalls.

    Leaves with status 0 where there is no fault; doubts and notes are for you to judge.
    """

    env: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ENV")]
    """CartPole-v1, my_package.module:MyEnv-v0, my_package.module:MyEnv or path/to/file.py:MyEnv."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment."""
    steps: Annotated[int, tyro.conf.arg(metavar="N")] = 2_000
    """Number of steps with random actions."""
    timeout: Annotated[float, tyro.conf.arg(metavar="SECONDS")] = 60.0
    """Seconds that one call may take; ten times as long where it may compile."""
    json: Annotated[str | None, unset("FILE")] = None
    """Write the findings to this file (- for standard output)."""

    def run(self) -> None:
        """Check it, and print the issues."""
        if self.steps < 1:
            raise UserError(f"--steps {self.steps}: expected a whole number of at least 1")
        if not 0 < self.timeout < float("inf"):
            raise UserError(f"--timeout {self.timeout:g}: expected a number of seconds greater than 0")
        check_result_target(self.json, RESULT)
        from rlkit.env.config import EnvConfig

        report = self._examine(EnvConfig(self.env, read_kwargs("--env-kwargs", self.env_kwargs)))
        if self.json != "-":
            from rich.console import Console

            print_report(report, Console(highlight=False, soft_wrap=False))
        if self.json is not None:
            write_result(self.json, report.to_json(), RESULT)
        if not report.passed:
            sys.exit(1)

    def _examine(self, config: Any) -> "Report":
        from rich.console import Console

        from rlkit.env_checker.process import check_environment

        console = Console(stderr=True)
        shown = escape(printable(self.env))
        with console.status(f"looking at {shown}") as status:
            return check_environment(
                config,
                steps=self.steps,
                time_out=self.timeout,
                tell=lambda doing: status.update(f"looking at {shown}: {doing}"),
            )


def print_report(report: "Report", console: "Console") -> None:
    """Print what was measured, and each finding with why it matters and how to mend it."""
    from rich.table import Table
    from rich.text import Text

    arguments = "".join(f", {key}={value}" for key, value in report.kwargs.items())
    counts = [(len(report.of("doubt")), "doubt"), (len(report.of("note")), "note")]
    aside = ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for count, word in counts if count)
    faults = len(report.of("fault"))
    verdict = (
        Text("no fault", "bold green")
        if report.passed
        else Text(f"{faults} fault{'s' if faults > 1 else ''}", "bold red")
    )
    console.print(Text.assemble(f"{report.environment}{arguments}: ", verdict, f", {aside}" if aside else ""))
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in fact_lines(report.facts):
        table.add_row(f"  {name}", Text(text))
    if report.skipped:
        table.add_row("  not looked at", Text(", ".join(report.skipped)))
    if table.rows:
        console.print(table)
    for finding in report.findings:
        _print_finding(finding, console)


def fact_lines(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was measured and declared, as words and sentences."""
    lines = [
        (f"sees {name}" if name != "observation" else "sees", note)
        for name, note in facts.get("observations", {}).items()
    ]
    actions = facts.get("actions")
    if actions:
        shown = ", ".join(actions[:FOLDED]) + (", …" if len(actions) > FOLDED else "")
        note = f"; {facts['actions_note']}" if facts["actions_note"] else ""
        lines.append(("does", f"{len(actions)} actions ({shown}){note}"))
    if "random_play" in facts:
        lines.append(("random play", _random_play(facts["random_play"])))
    if "steps_per_second" in facts:
        rates = f"{facts['steps_per_second']:,.0f} steps/s and {facts['resets_per_second']:,.0f} resets/s by itself"
        lines.append(("speed", rates))
    if "batch_steps_per_second" in facts:
        joined = f"{facts['batch_steps_per_second']:,.0f} steps/s in a batch of {facts['batch']}: {facts['batch_why']}"
        lines.append(("", joined))
    if "picture" in facts:
        lines.append(("picture", "×".join(map(str, facts["picture"]))))
    if facts.get("capabilities"):
        lines.append(("offers", ", ".join(facts["capabilities"])))
    return lines


def _random_play(play: Mapping[str, Any]) -> str:
    steps = f"{play['steps']:,} steps"
    if not play["episodes"]:
        return f"{steps}, and no episode ended"
    ends = " and ".join(f"{play[end]:,} {end}" for end in ("terminated", "truncated") if play[end])
    return (
        f"{play['episodes']:,} episodes in {steps}, {play['shortest']:,} to {play['longest']:,} steps long ({ends}); "
        f"mean reward {play['mean_reward']:.3g}"
    )


def _print_finding(finding: "Issue", console: "Console") -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console.print()
    console.print(Text.assemble((finding.level.upper(), COLOURS[finding.level]), f" {finding.name}"))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for word, text in (("seen", finding.seen), ("why", finding.why), ("mend", finding.mend)):
        table.add_row(word, Text(text))
    console.print(Padding(table, (0, 0, 0, 2)))

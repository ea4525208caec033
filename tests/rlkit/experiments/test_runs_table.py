"""What is shown of many runs: a table in a terminal, lines elsewhere."""

import io

from rich.console import Console

from rlkit.experiments.runs_table import RunsTable


def show(table):
    with table:
        for name in ("s0", "s1"):
            table.begin(name, 1000)
        table.state("s0", "training", node="left")
        table.progress("s0", 400, {"steps/s": "123", "return": "9"})
        table.evaluated("s0", 400, 9.5)
        for name in ("s0", "s1"):
            table.warn(name, "rewards are \x1b[2Jlarge")
        table.state("s1", "lost", detail=" (its process ended by SIGKILL); it goes on after 200 steps")


def test_lines_tell_changes_of_state_and_evaluations(capsys):
    console = Console(file=io.StringIO())
    show(RunsTable(console=console))
    errors = capsys.readouterr().err
    assert console.file.getvalue().splitlines() == [
        "s0: training on left",
        "s0:        400 of 1,000 steps  123 steps/s  evaluation 9.5",
        "s1: lost (its process ended by SIGKILL); it goes on after 200 steps",
    ]
    assert errors == "warning: s0: rewards are \\x1b[2Jlarge\n"  # once, though two runs have it


def test_warnings_only_when_quiet(capsys):
    show(RunsTable(quiet=True))
    out, errors = capsys.readouterr()
    assert (out, len(errors.splitlines())) == ("", 1)


def test_a_terminal_has_a_table_that_fits_and_counts_all():
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=12)
    table = RunsTable(console=console)
    for number in range(30):
        table.begin(f"s{number}", 1000)
        table.state(f"s{number}", "complete" if number < 20 else "training", node="left")
    table.progress("s29", 400, {"steps/s": "123"})
    table.evaluated("s29", 400, 9.5)
    console.file.truncate(0)
    console.print(table)
    text = console.file.getvalue()
    assert "20 complete, 10 training" in text
    assert "s23" in text  # those under way come first
    assert "s3 " not in text
    assert len(text.splitlines()) <= 12

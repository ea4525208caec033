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


def test_at_80_columns_rows_are_single_lines_and_columns_keep_their_places():
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24, color_system=None)
    table = RunsTable(console=console)
    for name in ("s0", "trial-0012/s3"):
        table.begin(name, 2_000_000)

    def shown():
        console.file.seek(0)
        console.file.truncate()
        console.print(table)
        return console.file.getvalue().splitlines()

    before = shown()
    table.state("trial-0012/s3", "training", node="ip-10-0-0-12.eu-west-1.compute.internal")
    begun = shown()
    table.progress("trial-0012/s3", 1_250_000, {"steps/s": "1,234"})
    table.evaluated("trial-0012/s3", 1_250_000, -123.456)
    after = shown()
    assert len(before) == len(begun) == len(after) == 5
    assert begun[0] == after[0]  # the heads of the columns
    assert "1,250,000 of 2,000,000" in after[3]
    assert "-123.5" in after[3]
    assert "ip-" in after[3]
    assert max(map(len, after)) <= 80

"""Progress of training: a bar in a terminal, plain lines elsewhere, warnings only when quiet."""

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from rlkit.utils.terminal import printable


class Reporter(Protocol):
    """Takes messages and progress of a training."""

    def say(self, sentence: str) -> None:
        """Print a message."""

    def warn(self, sentence: str) -> None:
        """Print a warning."""

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Show the steps taken and some figures by name."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PlainReporter:
    """Lines of text, one every ten seconds: for logs, pipes and batch systems.

    Args:
        total: Budget in steps.
        quiet: Print only warnings, which go to standard error.
    """

    EVERY = 10.0  # s

    def __init__(self, total: int, quiet: bool = False):
        self._total = total
        self._quiet = quiet
        self._last = time.monotonic()

    def say(self, sentence: str) -> None:
        """Print a line."""
        if not self._quiet:
            print(printable(sentence), flush=True)

    def warn(self, sentence: str) -> None:
        """Print a line on standard error."""
        print(f"warning: {printable(sentence)}", file=sys.stderr, flush=True)

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Print a line, at most one every ten seconds."""
        if time.monotonic() - self._last >= self.EVERY:
            self._last = time.monotonic()
            self.say(f"{steps:>10,} of {self._total:,} steps  " + "  ".join(f"{k} {v}" for k, v in figures.items()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LearnerReporter(PlainReporter):
    """Warnings of a learner other than the first, see `rlkit.training.learners`.

    Args:
        rank: Its number.
    """

    def __init__(self, rank: int):
        super().__init__(0, quiet=True)
        self._rank = rank

    def warn(self, sentence: str) -> None:
        """Print a line on standard error."""
        super().warn(f"learner {self._rank}: {sentence}")


class BarReporter:
    """A progress bar with figures, below the messages.

    Args:
        total: Budget in steps.
        console: The terminal.
    """

    def __init__(self, total: int, console: Console):
        self._progress = Progress(
            TextColumn("[bold]{task.completed:,.0f}[/] steps"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("training", total=total, figures="")

    def say(self, sentence: str) -> None:
        """Print a line above the bar."""
        self._progress.console.print(printable(sentence), highlight=False, markup=False)

    def warn(self, sentence: str) -> None:
        """Print a line above the bar, in yellow."""
        warning = f"warning: {printable(sentence)}"
        self._progress.console.print(warning, style="yellow", highlight=False, markup=False)

    def progress(self, steps: int, figures: Mapping[str, str]) -> None:
        """Move the bar."""
        text = "  ".join(f"{escape(name)} [cyan]{escape(value)}[/]" for name, value in figures.items())
        self._progress.update(self._task, completed=steps, figures=text)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def make_reporter(total: int, quiet: bool = False) -> Reporter:
    """The reporter that suits the output: a bar for a terminal, else lines."""
    console = Console()
    if quiet or not console.is_terminal:
        return PlainReporter(total, quiet)
    return BarReporter(total, console)

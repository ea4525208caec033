"""Evaluating split after split, and what is shown and written of it, for all kinds of models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rich.markup import escape

from rlkit.utils.terminal import printable

if TYPE_CHECKING:
    from rich.console import Console

    from rlkit.segmentation.evaluation import Progress, Speed

R = TypeVar("R")


def evaluate_splits(name: str, splits: Iterable[str], evaluate: "Callable[[str, Progress], R]") -> list[R]:
    """Evaluate split after split, with progress on standard error.

    Args:
        name: Of the data set.
        splits: Names of the splits.
        evaluate: Evaluates one of them, and calls the second argument after each batch with its number of pictures.

    Returns:
        The result of each split.
    """
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    results: list[R] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed} pictures"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for split in splits:
            task = progress.add_task(shown_text(f"{name}, {split}"), total=None)
            results.append(evaluate(split, lambda count, task=task: progress.advance(task, count)))
    return results


def with_splits(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of the first split, and those of all beside them where there are several."""
    beside = {"splits": {str(one["split"]): one for one in results}} if len(results) > 1 else {}
    return {**results[0], **beside}


def print_notes(notes: Iterable[str], console: "Console") -> None:
    """Print remarks for the reader."""
    for note in notes:
        console.print(f"  note: {shown_text(note)}", highlight=False)


def print_speed(speed: "Speed | None", console: "Console") -> None:
    """Print the speed, if it was measured."""
    if speed is not None:
        console.print(
            f"  {speed.frames_per_second:.0f} pictures/s one at a time (p50 {speed.p50:.2f} ms, p99 {speed.p99:.2f} "
            f"ms), {speed.batched:.0f} in batches of 32; {speed.device}\n",
            highlight=False,
        )


def shown_text(text: str) -> str:
    """A text from a file or the command line, of which rich and the terminal take nothing for markup."""
    return escape(printable(text))


def shown(value: float | None) -> str:
    """A figure with four decimals, or a dash if it was not measured: NaN, or None as JSON has it."""
    return "–" if value is None or value != value else f"{value:.4f}"

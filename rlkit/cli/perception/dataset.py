"""`rlkit perception data`: write labelled pictures as a data set of files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, read_size, unset


@dataclass(frozen=True)
class Data:
    """Write labelled pictures of a simulator (or of a folder, resized) as images/, masks/ and classes.json."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder to make."""
    data: Annotated[str, tyro.conf.arg(metavar="sim|env:ID|FOLDER")] = "sim"
    """Where pictures come from."""
    pictures: int = 2000
    """How many to learn from; those to choose and to measure by come beside them."""
    measured: Annotated[int | None, unset("N")] = None
    """How many of a simulator per split to measure by (64 of each look if not given)."""
    size: Annotated[str | None, unset("HEIGHTxWIDTH")] = None
    """Size of the pictures in pixels; their own if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    seed: int = 0
    """Decides which pictures."""

    def run(self) -> None:
        """Write, and say what was written."""
        size = None if self.size is None else read_size("--size", self.size)
        env_kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from rlkit.segmentation.datasets import open_dataset
        from rlkit.segmentation.datasets.writer import check_target, write_dataset

        check_target(self.out, self.pictures)
        source = open_dataset(self.data, size=size, seed=self.seed, env_kwargs=env_kwargs, pictures=self.measured)
        columns = (SpinnerColumn(), TextColumn("{task.completed} pictures written"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            counts = write_dataset(
                source, self.out, self.pictures, self.seed, lambda count: progress.advance(task, count)
            )
        told = ", ".join(f"{count} {split}" for split, count in counts.items())
        print_line(f"{self.out}: {told}")
        print_line(f"train on it: rlkit perception train --data {self.out}")

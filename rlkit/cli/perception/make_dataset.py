"""`rlkit perception make-dataset`: write labelled images as a data set of files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlkit.cli.options import KeyValues, print_line, read_kwargs, read_size, unset


@dataclass(frozen=True)
class MakeDataset:
    """Write labelled images of a simulator (or of a folder, resized) as images/, masks/ and classes.json."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The folder to create."""
    data: Annotated[str, tyro.conf.arg(metavar="sim|env:ID|FOLDER")] = "sim"
    """Source of the images."""
    num_images: int = 2000
    """Number of training images; validation and test images come in addition."""
    num_test_images: Annotated[int | None, unset("N")] = None
    """Number of a simulator's validation and test images per split (64 of each condition if not given)."""
    size: Annotated[str | None, unset("HEIGHTxWIDTH")] = None
    """Size of the images in pixels; unchanged if not given."""
    env_kwargs: KeyValues = ()
    """Arguments of the environment, such as weather=snow."""
    seed: int = 0
    """Random seed."""

    def run(self) -> None:
        """Write the data set."""
        size = None if self.size is None else read_size("--size", self.size)
        env_kwargs = read_kwargs("--env-kwargs", self.env_kwargs)
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from rlkit.segmentation.datasets import open_dataset
        from rlkit.segmentation.datasets.writer import check_target, write_dataset

        check_target(self.out, self.num_images)
        source = open_dataset(
            self.data, size=size, seed=self.seed, env_kwargs=env_kwargs, pictures=self.num_test_images
        )
        columns = (SpinnerColumn(), TextColumn("{task.completed} images written"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=None)
            counts = write_dataset(
                source, self.out, self.num_images, self.seed, lambda count: progress.advance(task, count)
            )
        summary = ", ".join(f"{count} {split}" for split, count in counts.items())
        print_line(f"{self.out}: {summary}")
        print_line(f"train on it: rlkit perception train --data {self.out}")

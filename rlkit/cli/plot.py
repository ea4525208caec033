"""`rlkit plot`: learning curves as an image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlkit.cli.options import print_line
from rlkit.errors import UserError


@dataclass(frozen=True)
class Plot:
    """Plot learning curves: one colour per group of seeds, with a confidence band.

    For instance:  rlkit plot runs/ --out curves.png
    """

    runs: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RUN [RUN ...]")]
    """Run folders, or folders that hold run folders."""
    out: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """The image to write: .png, .svg or .pdf."""
    metric: Annotated[str, tyro.conf.arg(metavar="TAG")] = "eval/mean_reward"
    """The metric: any logged scalar, such as rollout/ep_rew_mean or eval/lap_rate."""
    x: Literal["steps", "seconds"] = "steps"
    """The x axis: environment steps, or seconds of training."""
    measure: Literal["iqm", "mean"] = "iqm"
    """Aggregate over seeds: interquartile mean, or mean."""

    def run(self) -> None:
        """Plot."""
        from rlkit.experiments import plots
        from rlkit.experiments.groups import group_runs
        from rlkit.experiments.records import check_tag, find_runs

        if not self.runs:
            raise UserError("name the runs to draw, for instance: rlkit plot runs/ --out curves.png")
        plots.check_target(self.out)
        runs = find_runs(self.runs)
        check_tag(runs, self.metric)
        groups = group_runs(runs)
        plots.save(plots.draw(groups, self.metric, axis=self.x, measure=self.measure), self.out)
        print_line(f"{self.metric} of {len(runs)} runs in {len(groups)} groups: {self.out}")

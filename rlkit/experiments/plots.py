"""Learning curves: one panel per environment, one colour per group of seeds, a band for the confidence interval."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError
from rlkit.experiments.groups import Group
from rlkit.experiments.records import Curve
from rlkit.experiments.statistics import interquartile_mean, interval, mean
from rlkit.utils.io import disk_errors, write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), distinguishable with colour vision deficiency; without yellow, which is too pale for a line.
COLOURS = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"
STYLES = "-", "--", ":", "-."  # beyond seven groups the colours repeat with another style
FORMATS = ".png", ".svg", ".pdf"
MEASURES = {"iqm": interquartile_mean, "mean": mean}
PANELS = 3  # side by side
FEW = 3  # groups in a panel up to which each seed has a thin line of its own
POINTS = 200  # of a curve whose runs were evaluated at different steps
REPETITIONS = 2_000  # bootstrap samples at each point
INK, FAINT = "#333333", "#e4e4e4"


def check_target(out: Path) -> None:
    """Check that the figure can be written.

    Raises:
        UserError: Its format is not known, its folder is missing or the file exists.
    """
    if out.suffix.lower() not in FORMATS:
        raise UserError(f"--out {out}: expected a name that ends with {', '.join(FORMATS)}")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: the folder {out.absolute().parent} does not exist", exit_code=1)
    if out.exists():
        raise UserError(f"--out {out}: the file exists; choose another name or remove it", exit_code=1)


def save(figure: "Figure", out: Path) -> None:
    """Write the figure, complete or not at all; equal curves give equal files.

    Raises:
        UserError: It cannot be written.
    """
    import matplotlib

    kind = out.suffix.lower().lstrip(".")
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    content = io.BytesIO()  # an error of the disk within matplotlib can end as another, in closing the file
    with matplotlib.rc_context({"svg.hashsalt": "rlkit"}):
        figure.savefig(content, format=kind, dpi=160, metadata=undated)
    with disk_errors(str(out)):
        write_bytes(out, content.getvalue())


def draw(groups: Sequence[Group], tag: str, *, axis: str = "steps", measure: str = "iqm") -> "Figure":
    """Draw the curves of one scalar.

    Args:
        groups: At least one of their runs has logged the scalar.
        tag: The scalar.
        axis: "steps" or "seconds".
        measure: "iqm" or "mean", over the seeds; the band is its 95 % bootstrap interval.
    """
    from matplotlib.figure import Figure  # pyplot would need a display

    measured = [group for group in groups if any(len(run.curve(tag).values) for run in group.runs)]
    environments = list(dict.fromkeys(group.environment for group in measured))
    names = list(dict.fromkeys(group.label for group in measured))
    columns = 2 if len(environments) == 4 else min(PANELS, len(environments))
    rows = -(-len(environments) // columns)
    figure = Figure(figsize=(6.4 if columns == 1 else 4.4 * columns, 0.5 + 3.9 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, environment in zip(panels, environments, strict=False):
        inside = [group for group in measured if group.environment == environment]
        for group in inside:
            _draw_group(panel, group, tag, axis, measure, names.index(group.label), len(inside) <= FEW)
        _dress(panel, environment, tag, axis)
    for panel in panels[len(environments) :]:
        panel.remove()
    _legend(figure, panels[: len(environments)], names, _note([len(group.runs) for group in measured], measure))
    return figure


def _draw_group(panel: "Axes", group: Group, tag: str, axis: str, measure: str, number: int, singly: bool) -> None:
    curves = [curve for run in group.runs if len((curve := run.curve(tag)).values)]
    colour, style = COLOURS[number % len(COLOURS)], STYLES[number // len(COLOURS) % len(STYLES)]
    x, values = align(curves, axis)
    if len(curves) > 1:
        for row in values if singly else ():
            panel.plot(x, row, color=colour, alpha=0.25, linewidth=0.8)
        found = [interval(column, MEASURES[measure], repetitions=REPETITIONS) for column in values.T]
        low, high = [point.low for point in found], [point.high for point in found]
        panel.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    centre = MEASURES[measure](values.T[:, :, None])
    marker = "o" if len(x) == 1 else None
    panel.plot(x, centre, color=colour, linestyle=style, linewidth=2, marker=marker, label=group.label)


def align(curves: Sequence[Curve], axis: str) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values of several runs at the same x: where all have one, else linearly interpolated.

    Nothing is extrapolated: x lies within the range that all runs cover.

    Args:
        curves: At least one, none of them empty.
        axis: "steps" or "seconds".

    Returns:
        (K,) x and (R, K) values.
    """
    axes = [curve.x(axis) for curve in curves]
    first, last = max(x[0] for x in axes), min(x[-1] for x in axes)
    if last < first:  # ranges that do not overlap: compare the ends
        first = last
    common = axes[0]
    for x in axes[1:]:
        common = np.intersect1d(common, x)
    whole = max(int(((x >= first) & (x <= last)).sum()) for x in axes)
    if len(common) < whole:
        common = np.linspace(first, last, POINTS if last > first else 1)
    return common, np.stack([np.interp(common, x, curve.values) for x, curve in zip(axes, curves, strict=True)])


def _dress(panel: "Axes", environment: str, tag: str, axis: str) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    panel.set_title(_plain(environment), fontsize=11, color=INK, loc="left")
    panel.set_xlabel("steps" if axis == "steps" else "seconds of training", color=INK)
    panel.set_ylabel(_plain(_words(tag)), color=INK)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    if axis == "steps":
        panel.xaxis.set_major_formatter(EngFormatter(sep=""))
    panel.set_xlim(left=0)
    panel.margins(x=0.02)
    panel.grid(color=FAINT, linewidth=0.8)
    panel.set_axisbelow(True)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        panel.spines[side].set_color("#999999")
    panel.tick_params(colors=INK, labelsize=9)


def _legend(figure: "Figure", panels: Sequence["Axes"], names: Sequence[str], note: str) -> None:
    handles: dict[str, Any] = {}
    for panel in panels:
        lines, found = panel.get_legend_handles_labels()
        handles |= dict(zip(found, lines, strict=True))
    columns = int(9 * figure.get_figwidth() / max(map(len, names)))  # about as many characters fit side by side
    legend = figure.legend(
        [handles[name] for name in names],
        [_plain(name) for name in names],
        loc="outside lower center",
        ncols=max(1, min(columns, len(names), 4)),
        title=note,
        title_fontsize=8,
        frameon=False,
        fontsize=9,
        labelcolor=INK,
    )
    legend.get_title().set_color("#777777")


def _note(counts: Sequence[int], measure: str) -> str:
    name = "interquartile mean" if measure == "iqm" else "mean"
    if max(counts) == 1:
        return "one seed each" if len(counts) > 1 else "one seed"
    seeds = "–".join(map(str, sorted({min(counts), max(counts)})))
    return f"{name} and 95 % bootstrap interval of {seeds} seeds"


def _plain(text: str) -> str:
    """The text with dollar signs escaped: matplotlib would read formulas between them."""
    return text.replace("$", r"\$")


def _words(tag: str) -> str:
    """A tag as an axis label: `eval/mean_reward` becomes `mean reward (eval)`."""
    kind, _, name = tag.rpartition("/")
    name = name.replace("ep_rew_mean", "mean_reward").replace("ep_len_mean", "mean_length").replace("_ep_", "_")
    return f"{name.replace('_', ' ')} ({kind})" if kind else name.replace("_", " ")

"""Figures of the arms of a benchmark over all seeds, with differences paired by circuit and seed, and their table."""

from collections.abc import Sequence

import numpy as np

from common.reporting import Row
from rlkit.experiments.statistics import interquartile_mean, interval, mean


def summed(rows: Sequence[Row], arm: str, weather: str, reference: str) -> Row:
    """Figures of an arm in a weather over all seeds.

    Args:
        rows: Rows of `driven_laps.drive` with `arm`, `weather`, `seed` and `minutes`.
        arm: Name of the arm.
        weather: Name of the weather.
        reference: Name of the arm that it is compared with.

    Returns:
        `laps` and `difference` with 95 % intervals, the means of the others; `laps` None without rows.
    """
    mine, others = (
        sorted((row for row in rows if (row["arm"], row["weather"]) == (name, weather)), key=lambda row: row["seed"])
        for name in (arm, reference)
    )
    if not mine:
        return {"arm": arm, "weather": weather, "laps": None}
    laps = interval([row["laps"] for row in mine], interquartile_mean)
    figures: Row = {
        "arm": arm,
        "weather": weather,
        "seeds": len(mine),
        "laps": [laps.value, laps.low, laps.high],
        "worst_seed": min(row["laps"] for row in mine),
        "ratio": _mean([row["ratio"] for row in mine]),
        "iou": _mean([row["iou"] for row in mine]),
        "minutes": _mean([row["minutes"] for row in mine]),
    }
    if len(others) == len(mine):
        # (circuits, seeds): the bootstrap resamples circuits, separately for each seed.
        outcomes = [np.array([row["finished"] for row in side], float).T for side in (mine, others)]
        difference = interval(outcomes[0] - outcomes[1], mean)
        figures["difference"] = [difference.value, difference.low, difference.high]
        ratios = [row["ratio"] for row in (*mine, *others)]
        if None not in ratios:
            figures["slower"] = float(figures["ratio"] / np.mean([row["ratio"] for row in others]))
    return figures


def markdown(table: Sequence[Row], reference: str, *, laps: str, against: str) -> str:
    """A table in Markdown.

    Args:
        table: Figures of `summed`; arms without rows are left out.
        reference: Name of the arm that the others are compared with.
        laps: What is counted, such as "laps finished".
        against: The reference in the heading of the differences.
    """
    lines = [
        f"| drives by | weathers | {laps} (IQM of seeds, 95 % interval) | against {against}, points | lap time ÷ "
        "reference | mask IoU while driving |",
        "|---|---|---|---|---|---|",
    ]
    for row in table:
        if row["laps"] is None:
            continue
        share, low, high = (100 * value for value in row["laps"])
        difference = "–"
        if "difference" in row and row["arm"] != reference:
            value, least, most = (100 * part for part in row["difference"])
            difference = f"{value:+.1f} [{least:+.1f}, {most:+.1f}]".replace("-", "−")
        ratio, iou = ("–" if row[name] is None else f"{row[name]:.3f}" for name in ("ratio", "iou"))
        cells = (row["arm"], row["weather"], f"{share:.1f} % [{low:.1f}, {high:.1f}]", difference, ratio, iou)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None

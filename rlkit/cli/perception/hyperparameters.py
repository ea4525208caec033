"""`rlkit perception hyperparameters`: the hyperparameters of the training of perception networks."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class HyperparameterTable:
    """List the hyperparameters of `rlkit perception train`, with their values for a simulator and for files."""

    json: bool = False
    """Print them as JSON, for programs."""

    def run(self) -> None:
        """List them."""
        rows = _rows()
        if self.json:
            import json

            print(json.dumps(rows, indent=2))
            return
        from rich.console import Console
        from rich.table import Table

        table = Table(box=None, pad_edge=False)
        for column in ("--set", "simulator", "files", "meaning", "source"):
            table.add_column(column, overflow="fold")
        for row in rows:
            allowed = f" ({row['allowed']})" if row["allowed"] else ""
            values = (str(row[preset]) for preset in ("simulator", "files"))
            table.add_row(row["name"], *values, row["meaning"] + allowed, row["source"])
        Console().print(table)


def _rows() -> list[dict[str, Any]]:
    from rlkit.captioning.hyperparameters import PRESETS as OF_CAPTIONERS
    from rlkit.captioning.hyperparameters import CaptionHyperparameters
    from rlkit.detection.hyperparameters import PRESETS as OF_DETECTORS
    from rlkit.detection.hyperparameters import DetectionHyperparameters
    from rlkit.segmentation.hyperparameters import MANY_CLASSES, PRESETS, Hyperparameters
    from rlkit.spaces import Classes

    classes = Classes(tuple(f"class {number}" for number in range(MANY_CLASSES)), ("class 0",))
    of_all = {field.name: field for field in dataclasses.fields(Hyperparameters)}
    rows = [_row(field, {name: make(classes, None) for name, make in PRESETS.items()}) for field in of_all.values()]
    for field in dataclasses.fields(DetectionHyperparameters):
        if field.metadata != of_all.get(field.name, field).metadata or field.name not in of_all:
            row = _row(field, {name: make(classes, None) for name, make in OF_DETECTORS.items()})
            rows.append(row | {"meaning": f"Detectors: {row['meaning'][0].lower()}{row['meaning'][1:]}"})
    for field in dataclasses.fields(CaptionHyperparameters):
        if field.name not in of_all:
            row = _row(field, {name: make(None) for name, make in OF_CAPTIONERS.items()})
            rows.append(row | {"meaning": f"Captioners: {row['meaning'][0].lower()}{row['meaning'][1:]}"})
    return rows


def _row(field: "dataclasses.Field[Any]", presets: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": field.name,
        **{name: getattr(preset, field.name) for name, preset in presets.items()},
        "meaning": field.metadata["meaning"],
        "allowed": " | ".join(field.metadata["choices"]),
        "source": field.metadata["source"],
    }

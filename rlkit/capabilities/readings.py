"""What an environment's methods and infos gave, read and checked: instruments, single values, lines of a map."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlkit.errors import UserError


@dataclass(frozen=True)
class Reading:
    """What one instrument shows.

    Args:
        value: In `unit`.
        unit: For instance "m/s"; empty for plain numbers.
        low: Lower end of the scale.
        high: Upper end of the scale.
    """

    value: float
    unit: str
    low: float
    high: float


def readings(telemetry: Any) -> dict[str, Reading]:
    """Read what `telemetry()` gave for one environment.

    Raises:
        UserError: It is not a dict of dicts with a number under "value".
    """
    if not isinstance(telemetry, Mapping):
        raise UserError(f"telemetry() should give a dict of readings, not {telemetry!r}.", exit_code=1)
    read = {}
    for name, entry in telemetry.items():
        try:
            value, low, high = (float(entry[key]) for key in ("value", "low", "high"))
            unit = entry["unit"]
        except (TypeError, KeyError, ValueError) as error:
            raise UserError(
                f"telemetry() should give 'value', 'unit', 'low' and 'high' for {name!r}, not {entry!r}.", exit_code=1
            ) from error
        read[str(name)] = Reading(value, str(unit), low, high)
    return read


def info_value(infos: Mapping[str, Any], key: str, index: int) -> Any:
    """Take one environment's value out of a vector environment's infos, as a plain Python value.

    Args:
        infos: Key to one value per environment, with a mask under `_key` where only some have it.
        key: What to take.
        index: Which environment.

    Returns:
        A bool, int, float, str, or whatever object it is; None where it is missing or NaN.
    """
    if key not in infos:
        return None
    mask = infos.get(f"_{key}")
    if mask is not None and not mask[index]:
        return None
    value = infos[key][index]
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def lines_of(outline: Any) -> list[npt.NDArray[np.float64]]:
    """Read what `map_outline()` gave for one environment.

    Args:
        outline: One polyline (M, 2), or a list or dict of those, in metres.

    Returns:
        Polylines (M, 2) in metres; a closed one repeats its first point only if the environment does.

    Raises:
        UserError: It is something else.
    """
    parts = list(outline.values()) if isinstance(outline, Mapping) else outline
    if isinstance(parts, np.ndarray) and parts.ndim == 2:
        parts = [parts]
    try:
        lines = [np.asarray(part, dtype=np.float64) for part in parts]
    except (TypeError, ValueError) as error:
        raise UserError(f"map_outline() should give lines of points (M, 2): {error}.", exit_code=1) from error
    for line in lines:
        if line.ndim != 2 or line.shape[1] != 2:
            raise UserError(f"map_outline() should give lines of points (M, 2), not {line.shape}.", exit_code=1)
    return lines

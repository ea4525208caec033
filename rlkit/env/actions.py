"""Convert any action space to a numbered list of discrete actions.

Discrete spaces stay as they are. Each combination of a MultiDiscrete or MultiBinary space becomes one action, and each
combination of a few values along one or two continuous axes (Box). Of three continuous axes, each is moved alone, by a
quarter or all of its range, while the others rest. `action_bins` sets the number of values (`--env-kwargs
action_bins=5`, or `action_bins=5,3,3` for each axis).

`mirror_actions` is the mirror image of each action (`--env-kwargs mirror_actions=0,2,1,3,4` exchanges the second and
the third). It replaces `metadata["mirror"]` in environments whose observations are images only.
"""

import contextlib
import itertools
import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from rlkit.errors import UserError
from rlkit.utils.parsing import read_list

BINS = "action_bins"
DEFAULT_BINS = {1: 5, 2: 3}  # values along each axis, by the number of axes: 5 and 9 actions
MAX_AXES = 3  # without action_bins; these are moved one at a time
SHARES = (0.25, 1.0)  # of the range towards either end, for an axis that is moved alone
MAX_BINS = 101
MAX_NUMBERS = 64  # in action_bins
MAX_ACTIONS = 512
MAX_DISCRETE = 65_536  # of a Discrete space
SUPPORTED = (
    "Supported are Discrete, MultiDiscrete, MultiBinary, and Box with up to 3 continuous axes, or more with "
    f"action_bins; at most {MAX_ACTIONS} actions in all, or {MAX_DISCRETE:,} of Discrete."
)

Bins = int | tuple[int, ...]

MIRROR = "mirror_actions"


@dataclass(frozen=True)
class DiscreteActions:
    """A numbered list of actions.

    Args:
        names: Of each of A actions; its number or coordinates if it has no name.
        table: (A, *action shape), the environment's actions, in its dtype.
        note: How the list was made; empty if the environment's actions are discrete.
    """

    names: tuple[str, ...]
    table: npt.NDArray[Any]
    note: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def decode(self, actions: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
        """Look up the environments' actions (N, *shape) for (N,) numbers from 0 to A - 1; a new array."""
        decoded: npt.NDArray[Any] = self.table[actions]
        return decoded

    def nearest(self, actions: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Find the numbers (N,) of the listed actions nearest to (N, *shape) actions.

        Distances are scaled by the range of each axis; ties go to the first. Discrete actions have to match exactly.

        Raises:
            UserError: They are no actions of this environment.
        """
        wanted = self._checked(actions)
        table = self.table.reshape(len(self), -1).astype(np.float64)
        reach = np.ptp(table, axis=0)
        apart = (wanted.reshape(-1, 1, table.shape[1]) - table) / np.where(reach > 0.0, reach, 1.0)
        distances = (apart**2).sum(axis=-1)
        numbers: npt.NDArray[np.int64] = distances.argmin(axis=-1)
        missed = distances.min(axis=-1)
        if not self.note and missed.any():
            unknown = wanted[int(missed.argmax())]
            raise UserError(f"The action {unknown:g} is not one of this environment's {len(self)}.", exit_code=1)
        return numbers

    def _checked(self, actions: Any) -> npt.NDArray[np.float64]:
        """(N, *shape) float64."""
        shape = self.table.shape[1:]
        try:
            checked = np.asarray(actions, dtype=np.float64)
        except (TypeError, ValueError):
            checked = np.array(np.nan)
        if checked.shape[1:] != shape or checked.ndim == 0 or not np.isfinite(checked).all():
            raise UserError(
                f"{actions!r}: finite actions of shape {shape} are expected, one for each environment.", exit_code=1
            )
        return checked


def discrete_actions(
    space: spaces.Space[Any], bins: Bins | None = None, axes: Sequence[str] = (), advised: Bins | None = None
) -> DiscreteActions:
    """Make a numbered list of the actions of a space.

    Args:
        space: Of a single environment.
        bins: Number of values along continuous axes, with both ends: one number for all or one for each; None for the
            default.
        axes: Name of each number of an action (`("steer", "gas")`); empty if they have none.
        advised: The environment's recommendation for `bins`, instead of the default.

    Raises:
        UserError: The space is not supported, unbounded or has too many combinations, or `bins` or `axes` do not fit.
    """
    if isinstance(space, spaces.Box):
        return _continuous(space, bins, axes, advised)
    if bins is not None:
        raise UserError(f"{BINS}={_shown(bins)}: the action space {space} is not continuous; leave {BINS} out.")
    if isinstance(space, spaces.Discrete):
        if int(space.n) > MAX_DISCRETE:
            raise UserError(f"The action space {space} is too large. {SUPPORTED}")
        numbers = np.arange(int(space.start), int(space.start) + int(space.n), dtype=np.int64)
        return DiscreteActions(tuple(map(str, numbers.tolist())), numbers)
    if isinstance(space, spaces.MultiDiscrete):
        sizes, starts = space.nvec.ravel().tolist(), np.ravel(space.start).tolist()
        _check_count(space, sizes)
        values = [np.arange(start, start + size) for size, start in zip(sizes, starts, strict=True)]
        return _combinations(space, values, axes, f"every combination of {' × '.join(map(str, sizes))} choices")
    if isinstance(space, spaces.MultiBinary):
        switches = math.prod(space.shape)
        _check_count(space, [2] * min(switches, 64))
        return _combinations(space, [np.arange(2)] * switches, axes, f"every combination of {switches} switches")
    raise UserError(f"The action space {space} is not supported. {SUPPORTED}")


def read_bins(value: Any) -> Bins:
    """Parse `action_bins`: a number, or one for each axis as a list or as 5,3,3.

    Raises:
        UserError: It is neither, or out of range.
    """
    typed = value
    with contextlib.suppress(ValueError):  # int() refuses thousands of digits
        value = read_list(value)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = all(type(number) is int and 1 <= number <= MAX_BINS for number in numbers)
    if not 1 <= len(numbers) <= MAX_NUMBERS or not whole:
        raise UserError(
            f"{BINS} is a whole number from 1 to {MAX_BINS}, or one for each axis as in {BINS}=5,3, not "
            f"{reprlib.repr(typed)}."
        )
    return tuple(numbers) if isinstance(value, list | tuple) else numbers[0]


def _continuous(space: spaces.Box, bins: Bins | None, axes: Sequence[str], advised: Bins | None) -> DiscreteActions:
    low, high = space.low.ravel(), space.high.ravel()
    endless = ~(np.isfinite(low) & np.isfinite(high))
    if endless.any():
        axis = int(np.argmax(endless))
        raise UserError(
            f"Axis {axis} of the action space is unbounded, from {low[axis]:g} to {high[axis]:g}. Give the Box "
            "finite bounds."
        )
    if bins is not None:
        return _grid(space, bins, "as asked", axes)
    if advised is not None:
        return _grid(space, advised, "as the environment recommends", axes)
    if len(low) in DEFAULT_BINS:
        return _grid(space, DEFAULT_BINS[len(low)], "the default", axes)
    if len(low) == MAX_AXES:
        return _one_at_a_time(space, axes)
    raise UserError(
        f"The action space has {len(low)} continuous axes: even with 3 values each that is {_power_of_three(len(low))} "
        f"actions, and at most {MAX_ACTIONS} are supported. Set for instance {BINS}=2 or "
        f"{BINS}={','.join(['3', '2', '…'])} (one for each axis), or wrap the environment to reduce its axes."
    )


def _power_of_three(exponent: int) -> str:
    return f"{3**exponent:,}" if exponent < 40 else f"about 10^{exponent * math.log10(3):.0f}"


def _one_at_a_time(space: spaces.Box, axes: Sequence[str]) -> DiscreteActions:
    """List the rest position, and each axis moved by a share of its range while the others rest.

    An axis rests at 0, or in its middle if 0 is out of its range.
    """
    low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    rest = np.where((low <= 0.0) & (high >= 0.0), 0.0, (low + high) / 2.0)
    rows = [rest]
    for axis in range(len(rest)):
        for share, end in itertools.product(SHARES, (low, high)):
            row = rest.copy()
            row[axis] += share * (end[axis] - rest[axis])
            rows.append(row)
    if np.issubdtype(space.dtype, np.integer):
        rows = [np.rint(row) for row in rows]
    ranges = ", ".join(f"[{_number(first)}, {_number(last)}]" for first, last in zip(low, high, strict=True))
    shares = " or ".join(f"{share:g}" for share in SHARES)
    note = (
        f"continuous axes one at a time, {shares} of the way to either end while the others rest, {ranges} (the "
        f"default; {BINS} sets how many values each has, and combines them)"
    )
    return _list(space, list(dict.fromkeys(tuple(row.tolist()) for row in rows)), axes, note)


def _grid(space: spaces.Box, bins: Bins, reason: str, axes: Sequence[str]) -> DiscreteActions:
    """List all combinations of values along each axis; `reason` is why there are so many."""
    low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    counts = bins if isinstance(bins, tuple) else (bins,) * len(low)
    if len(counts) != len(low):
        raise UserError(f"{BINS}={_shown(counts)}: the action space has {len(low)} axes, not {len(counts)}.")
    if max(counts) == 1:
        raise UserError(f"{BINS}={_shown(bins)} leaves a single action: at least one axis needs 2 values.")
    if not np.issubdtype(space.dtype, np.integer):
        _check_count(space, counts)
    values = [_along(first, last, count) for first, last, count in zip(low, high, counts, strict=True)]
    if np.issubdtype(space.dtype, np.integer):
        values = [np.unique(np.rint(value)) for value in values]
    ranges = ", ".join(f"[{_number(value[0])}, {_number(value[-1])}] in {len(value)}" for value in values)
    note = f"continuous axes as a grid, {ranges} ({reason}; {BINS} sets how many values)"
    return _combinations(space, values, axes, note)


def _along(low: float, high: float, count: int) -> npt.NDArray[np.float64]:
    """Return `count` values from low to high; a single one is the middle."""
    return np.linspace(low, high, count) if count > 1 else np.array([(low + high) / 2.0])


def _combinations(
    space: spaces.Space[Any], values: Sequence[npt.NDArray[Any]], axes: Sequence[str], note: str
) -> DiscreteActions:
    _check_count(space, [len(value) for value in values])
    return _list(space, list(itertools.product(*(value.tolist() for value in values))), axes, note)


def _check_count(space: spaces.Space[Any], counts: Sequence[int]) -> None:
    """Refuse too many combinations.

    Raises:
        UserError: There are too many.
    """
    digits = sum(math.log10(count) for count in counts)  # the product may have thousands of factors
    if digits > 1 + math.log10(MAX_ACTIONS) or math.prod(counts) > MAX_ACTIONS:
        total = f"{math.prod(counts):,}" if digits < 18 else f"about 10^{digits:.0f}"
        less = f" Set a smaller {BINS}." if isinstance(space, spaces.Box) else ""
        shown = " × ".join(map(str, counts[:8])) + (" × …" if len(counts) > 8 else "")
        raise UserError(
            f"The action space {space} would become {shown} = {total} actions; at most {MAX_ACTIONS} are "
            f"supported.{less} {SUPPORTED}"
        )


def _list(space: spaces.Space[Any], rows: Sequence[Sequence[float]], axes: Sequence[str], note: str) -> DiscreteActions:
    """Make the list of actions from rows of numbers."""
    if axes and len(axes) != len(rows[0]):
        raise UserError(
            f"The environment's metadata['action_axes'] cannot be used: it has {len(axes)} names for {len(rows[0])} "
            "numbers of an action."
        )
    assert space.shape is not None
    table = np.array(rows, dtype=np.float64).reshape(len(rows), *space.shape).astype(space.dtype)
    if isinstance(space, spaces.Box):
        table = np.clip(table, space.low, space.high)  # rounding to the dtype may exceed the bounds
    return DiscreteActions(tuple(_name(row, axes) for row in rows), table, note)


def _name(row: Sequence[float], axes: Sequence[str]) -> str:
    """`steer −1, gas 0.5`, or `[−1, 0.5]` where the axes have no names."""
    numbers = [_number(value) for value in row]
    if axes:
        return ", ".join(f"{axis} {number}" for axis, number in zip(axes, numbers, strict=True))
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"


def _number(value: float) -> str:
    return f"{round(value, 3) + 0.0:g}".replace("-", "−")


def _shown(bins: Bins) -> str:
    return ",".join(map(str, bins)) if isinstance(bins, tuple) else str(bins)


def read_mirror_actions(value: Any) -> tuple[int, ...]:
    """Parse `mirror_actions`: a list, or 0,2,1.

    Raises:
        UserError: It is no list of numbers that exchanges actions in pairs.
    """
    value = read_list(value)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = numbers and all(type(number) is int for number in numbers)
    if not whole or sorted(numbers) != list(range(len(numbers))) or any(numbers[n] != i for i, n in enumerate(numbers)):
        raise UserError(
            f"{MIRROR} has for each action, from number 0 on, the number of its mirror image (its own, if symmetric), "
            f"as in {MIRROR}=0,2,1,3,4; not {value!r}."
        )
    return tuple(numbers)


def with_mirror_actions(
    metadata: Mapping[str, Any], typed: Sequence[int], vectors: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """Replace the actions in an environment's `metadata["mirror"]`.

    Args:
        metadata: Of the environment.
        typed: From `read_mirror_actions`.
        vectors: Length of each vector of the observation.
        names: Of the actions.

    Raises:
        UserError: The number of actions differs, or the metadata have no signs for one of the vectors.
    """
    if len(typed) != len(names):
        numbered = [name if name == str(number) else f"{number} {name}" for number, name in enumerate(names)]
        raise UserError(
            f"{MIRROR} has {len(typed)} numbers, and there are {len(names)} actions: {', '.join(numbered)}."
        )
    declared = metadata.get("mirror") or {}
    unknown = [repr(name) for name in vectors if name not in declared]
    if unknown:
        raise UserError(
            f"{MIRROR}: the observation has vectors ({', '.join(unknown)}), which need signs in the environment's "
            'metadata["mirror"].'
        )
    return {**metadata, "mirror": {**declared, "actions": tuple(typed)}}

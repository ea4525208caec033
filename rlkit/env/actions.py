"""Turn any action space into a numbered list of actions, which is what every agent here chooses from.

Discrete actions stay as they are. Of MultiDiscrete and MultiBinary every combination becomes one action; of one or two
continuous axes (Box) every combination of a few values along each. Three axes would give too many combinations (27
with three values each): there each axis is moved alone, a quarter or all of the way, while the others rest. The number
of values per axis is set among the environment's own arguments (`--env-kwargs action_bins=5`, or one number for each
axis: `action_bins=5,3,3`). CarRacing-v3 is learned so from its id alone (`scripts/bench/any_environment.py`).

`mirror_actions` names, for each action in turn, the one that does the same to the other side (`--env-kwargs
mirror_actions=0,2,1,3,4` exchanges the second and the third). It stands for `metadata["mirror"]` of an environment
that shows pictures only; how a vector is mirrored, only the environment itself can say there.
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
MOST_AXES = 3  # that are taken without a word on their bins: so many are moved one at a time
SHARES = (0.25, 1.0)  # of its way to either end that an axis goes when it is moved alone
MOST_BINS = 101
MOST_NUMBERS = 64  # that action_bins may consist of: even with two values for each axis, nine of them are all there is
MOST_ACTIONS = 512
MOST_DISCRETE = 65_536  # where the environment numbers its actions itself
SUPPORTED = (
    "Supported are Discrete, MultiDiscrete, MultiBinary, and Box with up to 3 continuous axes, or with more of them "
    f"where action_bins says how many values each is to have; never more than {MOST_ACTIONS} actions in all, or "
    f"{MOST_DISCRETE:,} of Discrete."
)

Bins = int | tuple[int, ...]

MIRROR = "mirror_actions"


@dataclass(frozen=True)
class DiscreteActions:
    """A numbered list of actions.

    Args:
        names: A word for each of A actions, or its number or coordinates where there is none.
        table: (A, *shape of an action) what the environment is given for each, in its own dtype.
        note: How the list came about, for a person to read; empty where the environment's actions are discrete anyway.
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
        """The numbers (N,) of those nearest to (N, *shape) actions, as a scripted expert gives them.

        Each axis is measured by the reach of the table along it; of two that are as near, the first. Where the
        environment's actions are discrete anyway, only those that it takes are known.

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
            raise UserError(f"The action {unknown:g} is none of this environment's {len(self)}.", exit_code=1)
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
        bins: How many values each continuous axis is given, its ends included: one number for all axes or one for
            each; None for the default, by which every axis can rest.
        axes: A word for each number that an action consists of (`("steer", "gas")`); empty where there is none.
        advised: What the environment itself would have for `bins` instead of the default.

    Raises:
        UserError: The space is not supported, has too many combinations, no ends, or `bins` or `axes` do not fit.
    """
    if isinstance(space, spaces.Box):
        return _continuous(space, bins, axes, advised)
    if bins is not None:
        raise UserError(f"{BINS}={_shown(bins)}: the action space {space} is not continuous; leave {BINS} out.")
    if isinstance(space, spaces.Discrete):
        if int(space.n) > MOST_DISCRETE:
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
    """Read what was typed as `action_bins`: a number, or one for each axis, as a list or as 5,3,3.

    Raises:
        UserError: It is neither, or out of range.
    """
    typed = value
    with contextlib.suppress(ValueError):  # a number of thousands of digits
        value = read_list(value)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = all(type(number) is int and 1 <= number <= MOST_BINS for number in numbers)
    if not 1 <= len(numbers) <= MOST_NUMBERS or not whole:
        raise UserError(
            f"{BINS} is a whole number from 1 to {MOST_BINS}, or one for each axis as in {BINS}=5,3, not "
            f"{reprlib.repr(typed)}."
        )
    return tuple(numbers) if isinstance(value, list | tuple) else numbers[0]


def _continuous(space: spaces.Box, bins: Bins | None, axes: Sequence[str], advised: Bins | None) -> DiscreteActions:
    low, high = space.low.ravel(), space.high.ravel()
    endless = ~(np.isfinite(low) & np.isfinite(high))
    if endless.any():
        axis = int(np.argmax(endless))
        raise UserError(
            f"Axis {axis} of the action space goes from {low[axis]:g} to {high[axis]:g}: it has no ends to lay values "
            "between. Give the Box the bounds within which actions make sense."
        )
    if bins is not None:
        return _grid(space, bins, "as asked", axes)
    if advised is not None:
        return _grid(space, advised, "as the environment advises", axes)
    if len(low) in DEFAULT_BINS:
        return _grid(space, DEFAULT_BINS[len(low)], "the default", axes)
    if len(low) == MOST_AXES:
        return _one_at_a_time(space, axes)
    raise UserError(
        f"The action space has {len(low)} continuous axes: even with 3 values each that is {_power_of_three(len(low))} "
        f"actions. Agents here choose from a list; type for instance {BINS}=2 or "
        f"{BINS}={','.join(['3', '2', '…'])} (one for each axis) to have at most {MOST_ACTIONS}, or wrap the "
        "environment so that it takes fewer axes."
    )


def _power_of_three(exponent: int) -> str:
    return f"{3**exponent:,}" if exponent < 40 else f"about 10^{exponent * math.log10(3):.0f}"


def _one_at_a_time(space: spaces.Box, axes: Sequence[str]) -> DiscreteActions:
    """All axes at rest, and each a share of its way towards either end while the others rest.

    An axis rests at 0, or in its middle where 0 is out of its reach.
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
    """Every combination of so many values along each axis; `reason` says who wanted them."""
    low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
    counts = bins if isinstance(bins, tuple) else (bins,) * len(low)
    if len(counts) != len(low):
        raise UserError(f"{BINS}={_shown(counts)}: the action space has {len(low)} axes, not {len(counts)}.")
    if max(counts) == 1:
        raise UserError(
            f"{BINS}={_shown(bins)} would leave a single action, and that is no choice: give at least one axis 2 or "
            "more values."
        )
    if not np.issubdtype(space.dtype, np.integer):
        _check_count(space, counts)
    values = [_along(first, last, count) for first, last, count in zip(low, high, counts, strict=True)]
    if np.issubdtype(space.dtype, np.integer):
        values = [np.unique(np.rint(value)) for value in values]
    ranges = ", ".join(f"[{_number(value[0])}, {_number(value[-1])}] in {len(value)}" for value in values)
    note = f"continuous axes as a grid, {ranges} ({reason}; {BINS} sets how many values)"
    return _combinations(space, values, axes, note)


def _along(low: float, high: float, count: int) -> npt.NDArray[np.float64]:
    """`count` values from one end to the other; a single one is the middle."""
    return np.linspace(low, high, count) if count > 1 else np.array([(low + high) / 2.0])


def _combinations(
    space: spaces.Space[Any], values: Sequence[npt.NDArray[Any]], axes: Sequence[str], note: str
) -> DiscreteActions:
    _check_count(space, [len(value) for value in values])
    return _list(space, list(itertools.product(*(value.tolist() for value in values))), axes, note)


def _check_count(space: spaces.Space[Any], counts: Sequence[int]) -> None:
    """Refuse more combinations than agents can choose from.

    Raises:
        UserError: There are.
    """
    digits = sum(math.log10(count) for count in counts)  # a product of thousands of factors would take long itself
    if digits > 1 + math.log10(MOST_ACTIONS) or math.prod(counts) > MOST_ACTIONS:
        total = f"{math.prod(counts):,}" if digits < 18 else f"about 10^{digits:.0f}"
        less = f" Type a smaller {BINS}." if isinstance(space, spaces.Box) else ""
        shown = " × ".join(map(str, counts[:8])) + (" × …" if len(counts) > 8 else "")
        raise UserError(
            f"The action space {space} would become {shown} = {total} actions; agents here choose from at most "
            f"{MOST_ACTIONS}.{less} {SUPPORTED}"
        )


def _list(space: spaces.Space[Any], rows: Sequence[Sequence[float]], axes: Sequence[str], note: str) -> DiscreteActions:
    """The actions whose numbers stand in each row."""
    if axes and len(axes) != len(rows[0]):
        raise UserError(
            f"The environment's metadata['action_axes'] cannot be used: it has {len(axes)} names for {len(rows[0])} "
            "numbers of an action."
        )
    assert space.shape is not None
    table = np.array(rows, dtype=np.float64).reshape(len(rows), *space.shape).astype(space.dtype)
    if isinstance(space, spaces.Box):
        table = np.clip(table, space.low, space.high)  # rounding to the dtype may step over the edge
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
    """Read what was typed, a list or as 0,2,1.

    Raises:
        UserError: It is no list of numbers that exchanges actions in pairs.
    """
    value = read_list(value)
    numbers = value if isinstance(value, list | tuple) else [value]
    whole = numbers and all(type(number) is int for number in numbers)
    if not whole or sorted(numbers) != list(range(len(numbers))) or any(numbers[n] != i for i, n in enumerate(numbers)):
        raise UserError(
            f"{MIRROR} gives for each action, from number 0 on, the number of the one that does the same to the other "
            f"side (its own, if it is alike on both), as in {MIRROR}=0,2,1,3,4; not {value!r}."
        )
    return tuple(numbers)


def with_typed(
    metadata: Mapping[str, Any], typed: Sequence[int], vectors: Mapping[str, int], names: Sequence[str]
) -> dict[str, Any]:
    """What the environment would say of its mirror image if it knew what was typed.

    Args:
        metadata: Of the environment.
        typed: As `read_mirror_actions` gives it.
        vectors: Length of each vector that it shows.
        names: Of its actions.

    Raises:
        UserError: What was typed does not fit these actions, or one of the vectors has no signs in the metadata.
    """
    if len(typed) != len(names):
        numbered = [name if name == str(number) else f"{number} {name}" for number, name in enumerate(names)]
        raise UserError(
            f"{MIRROR} has {len(typed)} numbers, and there are {len(names)} actions: {', '.join(numbered)}."
        )
    said = metadata.get("mirror") or {}
    unknown = [repr(name) for name in vectors if name not in said]
    if unknown:
        raise UserError(
            f"{MIRROR}: the environment shows vectors ({', '.join(unknown)}), and what becomes of those in a mirror "
            'only its own metadata["mirror"] can say, with a sign for each entry.'
        )
    return {**metadata, "mirror": {**said, "actions": tuple(typed)}}

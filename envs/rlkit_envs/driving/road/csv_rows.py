"""The rows of a circuit's file, in the variants of CSV that programs write, each with its line number."""

import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from rlkit_envs.driving.road.csv_header import (
    COLUMNS,
    is_units,
    looks_like_names,
    names_in_comment,
    positions,
    separator_of,
    split_names,
)
from rlkit_envs.driving.road.file_kind import SNIFFED, beginning, kind_of

MOST_BYTES = 200_000_000  # of a file
MOST_LINES = 2_000_000  # a log of an hour at 500 Hz
LONGEST_LINE = 10_000  # characters
FEWEST_POINTS = 8

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """The points of a file.

    Args:
        values: (n, 4) float64, the ``COLUMNS``.
        numbers: (n,) line number of each point in the file.
    """

    values: Floats
    numbers: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def column(self, *names: str) -> Floats:
        """(n,) values of one column, or (n, k) of several."""
        chosen = np.ascontiguousarray(self.values[:, [COLUMNS.index(name) for name in names]])
        return chosen[:, 0] if len(names) == 1 else chosen

    def gaps(self) -> Floats:
        """(n,) metres from each point to the next, and from the last to the first."""
        points = self.column("x_m", "y_m")
        away = np.roll(points, -1, axis=0) - points
        return np.asarray(np.hypot(away[:, 0], away[:, 1]))

    def line_near(self, point: Floats) -> int:
        """The line of the file whose point is nearest."""
        return int(self.numbers[np.hypot(*(self.column("x_m", "y_m") - point).T).argmin()])


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text file, read one at a time so that no file takes much more memory than its points.

    Raises:
        ValueError: The file cannot be read, is too large, or no text.
    """
    wanted = f"a text file with the columns {', '.join(COLUMNS)} is expected"
    try:
        # Comments may have another encoding.
        with _opened(path) as binary:
            start = binary.read(SNIFFED)
        kind = kind_of(start)
        if kind is not None:
            line = beginning(start)
            shown = f" ({line!r})" if line.isprintable() and "\ufffd" not in line and "(" not in kind else ""
            raise ValueError(f"{path}: begins with {kind}{shown}, not a table of numbers; {wanted}")
        with _opened(path) as binary, io.TextIOWrapper(binary, "utf-8-sig", errors="replace") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if number > MOST_LINES:
                    raise ValueError(
                        f"{path}: more than {MOST_LINES:,} lines, of which no more are read; thin them out"
                    )
                if "\0" in line:
                    raise ValueError(f"{path}: not a text file in UTF-8; {wanted}")
                if len(line) > LONGEST_LINE:
                    raise ValueError(f"{path}, line {number}: more than {LONGEST_LINE:,} characters; {wanted}")
                yield line.rstrip("\n")
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; {wanted}") from None
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file of at most `MOST_BYTES`, without waiting if it is a pipe or a device."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    about = os.fstat(handle)
    if stat.S_ISREG(about.st_mode) and about.st_size <= MOST_BYTES:
        return os.fdopen(handle, "rb")
    os.close(handle)
    if not stat.S_ISREG(about.st_mode):
        raise ValueError(f"{path}: a folder, pipe or device; a text file is expected")
    raise ValueError(f"{path}: {about.st_size / 1e6:.0f} MB; at most {MOST_BYTES / 1e6:.0f} MB are read")


def read_rows(path: Path) -> Rows:
    """Read the points of a file, with any separator and any order of the columns that a header names.

    Raises:
        ValueError: The file cannot be read or holds something else than rows of numbers; the message names the line.
    """
    contents: list[str] = []
    numbers: list[int] = []
    comments: list[tuple[int, str]] = []  # before the first row: one of them may be the header
    for number, raw in enumerate(_lines(path), start=1):
        content = raw if "#" not in raw else raw.partition("#")[0]
        if content and not content.isspace():
            contents.append(content)
            numbers.append(number)
        elif not contents and raw.strip(" #\t\r"):
            comments.append((number, raw.replace("#", " ")))
    number, names = 0, [""]
    if contents and looks_like_names(split_names(contents[0])):
        number, names = numbers.pop(0), split_names(contents.pop(0))
        if contents and is_units(split_names(contents[0])):
            del numbers[0], contents[0]
        if not contents or looks_like_names(split_names(contents[0])):
            _check_table(path, number, names)
    if len(contents) < FEWEST_POINTS:
        raise ValueError(f"{path}: {len(contents)} points; a circuit needs at least {FEWEST_POINTS}")
    contents = [content.replace('"', "") for content in contents]
    separator = separator_of(contents[0])
    if separator != ",":
        contents = [content.replace(",", ".") for content in contents]
    if not number:
        number, names = _commented(len(_fields(contents[0], separator)), comments)
    order = _order(path, contents, numbers, separator, number, names)
    try:
        values = np.loadtxt(contents, delimiter=separator, comments=None, usecols=order, ndmin=2)
    except ValueError:
        raise _first_bad_row(path, contents, numbers, separator, order) from None
    for i in np.flatnonzero(~np.isfinite(values).all(axis=1))[:1]:
        raise ValueError(f"{path}, line {numbers[i]}: a value is not finite (nan or inf)")
    return Rows(values, np.array(numbers))


def _fields(content: str, separator: str | None) -> list[str]:
    return content.rstrip(f" \r{separator or ''}").split(separator)


def _check_table(path: Path, number: int, names: list[str]) -> None:
    """Raise ValueError if a header without rows of numbers below it is none, but the beginning of another text."""
    try:
        positions(names)
    except ValueError:
        shown = " ".join(names)[:60]
        raise ValueError(
            f"{path}, line {number}: begins with {shown!r}, not a table of numbers; "
            f"a text file with the columns {', '.join(COLUMNS)} is expected"
        ) from None


def _commented(count: int, comments: list[tuple[int, str]]) -> tuple[int, list[str]]:
    """Line and names of the comment that is the header of rows of ``count`` columns; 0 and none if there is none."""
    likely: tuple[int, list[str]] = (0, [])
    for number, text in reversed(comments):
        names, is_certain = names_in_comment(text, count)
        if is_certain:
            return number, names
        if names and not likely[0]:
            likely = number, names
    return likely


def _order(
    path: Path, contents: list[str], numbers: list[int], separator: str | None, line: int, names: list[str]
) -> list[int]:
    """Positions of the ``COLUMNS`` in the rows, by the header on a line; 0 for none.

    Raises:
        ValueError: The header does not name them all, or not the columns that the rows have.
    """
    rows = [_fields(content, separator) for content in contents[:FEWEST_POINTS]]
    count = len(rows[0])
    expected = f"four are expected: {', '.join(COLUMNS)}"
    if line:
        try:
            order = positions(names)
        except ValueError as error:
            raise ValueError(f"{path}, line {line}: {error}") from None
        if len(names) == count or (len(names) > count > max(order)):
            return order
        if len(names) + 1 == count and _counts([row[0] for row in rows]):  # an index that the header leaves out
            return [column + 1 for column in order]
        raise ValueError(
            f"{path}, line {numbers[0]}: {count} columns, and the header on line {line} names {len(names)}; "
            "a name for each column is expected"
        )
    where = f"{path}, line {numbers[0]}: {count} columns without a header that names them"
    if count != len(COLUMNS):
        raise ValueError(f"{where}; {expected}")
    if _counts(rows[0]) and not _counts([row[0] for row in rows]):
        raise ValueError(f"{where}, but their numbers (of a data frame without names?); {expected}")
    if _counts([row[0] for row in rows]) and not _counts([row[1] for row in rows]):
        raise ValueError(f"{where}, the first of which counts the rows; {expected}")
    return list(range(len(COLUMNS)))


def _counts(fields: list[str]) -> bool:
    """Whether fields are the whole numbers from 0 or from 1 on."""
    return all(field.strip() == str(i) for i, field in enumerate(fields)) or all(
        field.strip() == str(i) for i, field in enumerate(fields, start=1)
    )


def _first_bad_row(
    path: Path, contents: list[str], numbers: list[int], separator: str | None, order: list[int]
) -> ValueError:
    """The error about the first row that does not hold the numbers."""
    for number, content in zip(numbers, contents, strict=True):
        where = f"{path}, line {number}"
        fields = content.split(separator)
        if len(fields) <= max(order):
            return ValueError(f"{where}: {len(fields)} columns; {', '.join(COLUMNS)} are expected")
        try:
            [float(fields[column]) for column in order]
        except ValueError:
            return ValueError(f"{where}: {content.strip()[:60]!r} does not hold four numbers")
    return ValueError(f"{path}: a number cannot be parsed")

"""The rows of a circuit's file, in the variants of CSV that programs write, each with its line number."""

import io
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

COLUMNS = ("x_m", "y_m", "w_tr_right_m", "w_tr_left_m")
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
    order: list[int] = []
    contents: list[str] = []
    numbers: list[int] = []
    for number, raw in enumerate(_lines(path), start=1):
        content = raw if "#" not in raw else raw.partition("#")[0]
        if content and not content.isspace():
            contents.append(content)
            numbers.append(number)
        elif not contents and not order:
            order = _header(raw.replace("#", " "))
    if contents and not order:
        order = _header(contents[0])
        if order:
            del contents[0], numbers[0]
    if len(contents) < FEWEST_POINTS:
        raise ValueError(f"{path}: {len(contents)} points; a circuit needs at least {FEWEST_POINTS}")
    separator = next((mark for mark in (";", "\t", ",") if mark in contents[0]), None)  # None: spaces
    if separator != ",":
        contents = [content.replace(",", ".") for content in contents]
    count = len(contents[0].rstrip(f" {separator}").split(separator))
    if not order and count > len(COLUMNS):
        raise ValueError(
            f"{path}, line {numbers[0]}: {count} columns without a header that names them; "
            f"four are expected: {', '.join(COLUMNS)}"
        )
    order = order or [0, 1, 2, 3]
    try:
        values = np.loadtxt(contents, delimiter=separator, comments=None, usecols=order, ndmin=2)
    except ValueError:
        raise _first_bad_row(path, contents, numbers, separator, order) from None
    for i in np.flatnonzero(~np.isfinite(values).all(axis=1))[:1]:
        raise ValueError(f"{path}, line {numbers[i]}: a value is not finite (nan or inf)")
    return Rows(values, np.array(numbers))


def _header(content: str) -> list[int]:
    """Positions of the ``COLUMNS`` in a line of column names; an empty list if it does not name all of them."""
    fields = [field for field in re.split(r"[,;\s]+", content.strip().lower()) if field]
    if not set(COLUMNS) <= set(fields):
        return []
    return [fields.index(name) for name in COLUMNS]


def _first_bad_row(
    path: Path, contents: list[str], numbers: list[int], separator: str | None, order: list[int]
) -> ValueError:
    """The error about the first row that does not hold the numbers."""
    for number, content in zip(numbers, contents, strict=True):
        where = f"{path}, line {number}"
        fields = content.split(separator)
        if number == numbers[0] and not re.search(r"\d", content):
            header = content.strip()[:60]
            return ValueError(f"{where}: the header {header!r} does not name all of {', '.join(COLUMNS)}")
        if len(fields) <= max(order):
            return ValueError(f"{where}: {len(fields)} columns; {', '.join(COLUMNS)} are expected")
        try:
            [float(fields[column]) for column in order]
        except ValueError:
            return ValueError(f"{where}: {content.strip()[:60]!r} does not hold four numbers")
    return ValueError(f"{path}: a number cannot be parsed")

"""A long list in a JSON file, one entry at a time: as a whole it would take twenty times as much memory as its text."""

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlkit.utils import paths

MOST_BYTES = 256 * 2**20  # of the file, which takes some seconds; BDD100K's boxes of `val` have about 60 MB
LONGEST_ENTRY = 2**20  # characters; that of a picture with a hundred boxes has thirty thousand
_READ = 8 * LONGEST_ENTRY  # characters at once, so that little of it is copied again

_BEGINNING = re.compile(r"\s*\[\s*")
_BETWEEN = re.compile(r"\s*([,\]])\s*")


def read_entries(path: Path) -> Iterator[Any]:
    """Read the entries of a list in order.

    Raises:
        UserError: The file is no regular one, or cannot be read.
        ValueError: It is too large or holds no list in JSON, or one of its entries is too long.
        RecursionError: An entry is nested too deeply.
    """
    with paths.open_regular(path) as binary, io.TextIOWrapper(binary, encoding="utf-8") as file:
        size = os.fstat(binary.fileno()).st_size
        if size > MOST_BYTES:
            raise ValueError(f"it has {size / 2**20:.0f} MiB, at most {MOST_BYTES / 2**20:.0f} MiB are read")
        yield from _entries(file)


def _entries(file: io.TextIOBase) -> Iterator[Any]:
    decoder = json.JSONDecoder()
    text = file.read(_READ)
    mark = _BEGINNING.match(text)
    if mark is None:
        raise ValueError("it does not begin as a list does")
    while mark[0].strip() != "]":
        place = mark.end()
        if len(text) - place < 2 * LONGEST_ENTRY:
            text, place = text[place:] + file.read(_READ), 0
        entry, end = decoder.raw_decode(text, place)
        if end - place > LONGEST_ENTRY:
            raise ValueError(f"an entry has more than {LONGEST_ENTRY:,} characters")
        yield entry
        mark = _BETWEEN.match(text, end)
        if mark is None:
            raise ValueError("the list breaks off")

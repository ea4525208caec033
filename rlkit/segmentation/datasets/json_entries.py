"""Streaming of a long list in a JSON file, whose objects as a whole take twenty times the memory of its text."""

import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlkit.utils import paths
from rlkit.utils.parsing import distinct_keys

MAX_BYTES = 256 * 2**20  # of the file; BDD100K's boxes of `val` have about 60 MB
MAX_ENTRY = 2**20  # characters; an image with a hundred boxes has 30,000
CHUNK_ENTRIES = 8  # longest entries per read

_BEGINNING = re.compile(r"\s*\[\s*")
_BETWEEN = re.compile(r"\s*([,\]])\s*")


def read_entries(path: Path) -> Iterator[Any]:
    """Yield the entries of a list in order.

    Raises:
        UserError: The file is not a regular file, or cannot be read.
        ValueError: It is too large, is no JSON list, or has an entry that is too long or a key that occurs twice.
        RecursionError: An entry is nested too deeply.
    """
    with paths.open_regular(path) as binary, io.TextIOWrapper(binary, encoding="utf-8") as file:
        size = os.fstat(binary.fileno()).st_size
        if size > MAX_BYTES:
            raise ValueError(f"it has {size / 2**20:.0f} MiB, at most {MAX_BYTES / 2**20:.0f} MiB are read")
        yield from parse_entries(file)


def parse_entries(file: io.TextIOBase, max_entry: int = MAX_ENTRY) -> Iterator[Any]:
    """Yield the entries of a list; at most `CHUNK_ENTRIES * max_entry` characters are read at once.

    Raises:
        ValueError: The text is no JSON list, or an entry has more than `max_entry` characters.
        RecursionError: An entry is nested too deeply.
    """
    chunk = CHUNK_ENTRIES * max_entry
    decoder = json.JSONDecoder(object_pairs_hook=distinct_keys)
    text = file.read(chunk)
    mark = _BEGINNING.match(text)
    if mark is None:
        raise ValueError("it is not a list")
    while mark[0].strip() != "]":
        start = mark.end()
        if len(text) - start < 2 * max_entry:
            text, start = text[start:] + file.read(chunk), 0
        entry, end = decoder.raw_decode(text, start)
        if end - start > max_entry:
            raise ValueError(f"an entry has more than {max_entry:,} characters")
        yield entry
        mark = _BETWEEN.match(text, end)
        if mark is None:
            raise ValueError("the list is incomplete")

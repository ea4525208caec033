"""Streaming of JSON files of boxes, entry by entry and with line numbers, so that an error can name the line."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlkit.errors import UserError
from rlkit.utils import paths
from rlkit.utils.parsing import distinct_keys

MAX_BYTES = 2**30  # of a file; COCO's instances_train2017.json has 450 MB

_SPACE = re.compile(r"\s*")


@dataclass(frozen=True)
class Entry:
    """A part of a JSON file.

    Args:
        section: Key of the file's object whose value it is, or in whose list it is; "" in a file that is a list.
        value: What it holds.
        line: The line that it begins in, from 1.
    """

    section: str
    value: Any
    line: int


def scan(path: Path) -> Iterator[Entry]:
    """Yield the entries of a list, or of all lists in an object, in order; other values of the object as they are.

    Raises:
        UserError: The file is missing, too large or no such JSON; the message names the line.
    """
    try:
        with paths.open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size > MAX_BYTES:
                raise UserError(f"{path} has {size / 2**20:.0f} MiB: at most {MAX_BYTES / 2**20:.0f} MiB are read.")
            text = file.read().decode("utf-8")
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8: {error}.", exit_code=1) from error
    scanner = _Scanner(text)
    try:
        yield from scanner.entries()
    except (ValueError, RecursionError) as error:
        message = f"{path}, line {scanner.line}: expected JSON, an object of lists or a list of objects ({error})"
        raise UserError(message, exit_code=1) from error


class _Scanner:
    def __init__(self, text: str):
        self._text = text
        self._place = 0
        self._counted = 0
        self._line = 1
        self._decoder = json.JSONDecoder(object_pairs_hook=distinct_keys)

    @property
    def line(self) -> int:
        """The line of the current place."""
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def entries(self) -> Iterator[Entry]:
        """See `scan`."""
        first = self._peek()
        if first == "[":
            yield from self._list("")
        elif first == "{":
            yield from self._object()
        else:
            raise ValueError("it is neither a list nor an object")
        if self._peek():
            raise ValueError("something follows its end")

    def _object(self) -> Iterator[Entry]:
        self._place += 1
        sections: set[str] = set()
        while self._more("}", first=not sections):
            key = self._value()
            if not isinstance(key, str) or key in sections:
                raise ValueError(f"{str(key)[:80]!r} is no key, or occurs twice")
            sections.add(key)
            if self._peek() != ":":
                raise ValueError("a colon is missing")
            self._place += 1
            if self._peek() == "[":
                yield from self._list(key)
            else:
                line = self.line
                yield Entry(key, self._value(), line)

    def _list(self, section: str) -> Iterator[Entry]:
        self._place += 1
        first = True
        while self._more("]", first=first):
            first = False
            self._peek()
            line = self.line
            yield Entry(section, self._value(), line)

    def _more(self, end: str, *, first: bool) -> bool:
        """Whether another element follows; skips the comma before it, or the end."""
        found = self._peek()
        if found == end:
            self._place += 1
            return False
        if not first:
            if found != ",":
                raise ValueError(f"a comma or {end} is missing")
            self._place += 1
        return True

    def _peek(self) -> str:
        """The next character that is no space; "" at the end."""
        found = _SPACE.match(self._text, self._place)
        assert found is not None
        self._place = found.end()
        return self._text[self._place : self._place + 1]

    def _value(self) -> Any:
        self._peek()
        value, self._place = self._decoder.raw_decode(self._text, self._place)
        return value

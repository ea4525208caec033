"""Output: untrusted text with its control characters escaped; streams that can no longer be written."""

import contextlib
import os
import re
import select
import sys
from collections.abc import Iterator
from typing import Any

# C0 and C1 controls except line breaks and tabs, line and paragraph separators, bidirectional controls, and halves of
# surrogate pairs, which no encoding can write.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def has_control_characters(text: str) -> bool:
    """Whether a text has control characters other than line breaks and tabs."""
    return _CONTROL.search(text) is not None


def printable(text: object) -> str:
    r"""Escape control characters other than line breaks and tabs, as in `\x1b`."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def check_texts(tree: Any) -> None:
    """Check the strings in a tree of JSON.

    Raises:
        ValueError: One has control characters other than line breaks and tabs.
    """
    if isinstance(tree, str):
        if has_control_characters(tree):
            raise ValueError(f"the string {tree[:80]!r} has control characters")
    elif isinstance(tree, dict):
        for name, branch in tree.items():
            check_texts(name)
            check_texts(branch)
    elif isinstance(tree, list):
        for branch in tree:
            check_texts(branch)


class KeptStream:
    """A text stream that discards what is written once writing has failed: its pipe or terminal was closed.

    Args:
        stream: Standard output or standard error.

    Attributes:
        lost: The first error; None while writing succeeds.
    """

    def __init__(self, stream: Any):
        self._stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write a text, or discard it."""
        if self.lost is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.lost = error
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless writing has failed."""
        if self.lost is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.lost = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def outputs_kept() -> Iterator[None]:
    """Within the block, a closed standard output or error raises no exception: see `lost_output`."""
    before = {name: getattr(sys, name) for name in ("stdout", "stderr")}
    kept = {
        name: KeptStream(stream)
        for name, stream in before.items()
        if stream is not None and not isinstance(stream, KeptStream)
    }
    for name, stream in kept.items():
        setattr(sys, name, stream)
    try:
        yield
    finally:
        for name, stream in kept.items():
            if getattr(sys, name) is stream:
                setattr(sys, name, before[name])


def lost_output() -> OSError | None:
    """Why standard output or error can no longer be written, within `outputs_kept`; None if they can."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, KeptStream) and stream.lost is not None:
            return stream.lost
    return None


def open_closed_outputs() -> None:
    """Open the null device for standard streams that were closed at the start, as by `>&-`.

    Their numbers would be given to the next files that are opened, into which other code then writes its messages.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


def discard(number: int) -> None:
    """Lead a file descriptor to the null device, which takes what its stream still holds at the interpreter's exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)


def abandon_closed_outputs() -> bool:
    """Flush the standard streams; what a closed pipe or terminal does not take is discarded.

    Returns:
        Whether something was discarded.
    """
    discarded = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            discarded = True
            discard(stream.fileno())
    return discarded


def is_output_closed() -> bool:
    """Whether standard output or error is a pipe without a reader, or a terminal that was closed."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            poll.register(stream.fileno(), 0)  # reports POLLERR and POLLHUP
    return bool(poll.poll(0))

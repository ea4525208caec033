"""Safe output of untrusted text on a terminal: control characters are escaped."""

import re
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

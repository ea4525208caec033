"""Text from files and folders' names on a terminal: control characters are shown, not obeyed."""

import re
from typing import Any

# C0 and C1 controls but line breaks and tabs, line and paragraph separators, and what reorders text in both directions.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def has_control_characters(text: str) -> bool:
    """Whether a text holds characters that would steer a terminal; line breaks and tabs do not count."""
    return _CONTROL.search(text) is not None


def printable(text: object) -> str:
    r"""Replace characters that would steer a terminal by their escapes, such as `\x1b`; line breaks and tabs stay."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), str(text))


def check_texts(tree: Any) -> None:
    """Refuse a tree of JSON with texts that would steer a terminal rather than be shown on it.

    Raises:
        ValueError: One holds control characters other than line breaks and tabs.
    """
    if isinstance(tree, str):
        if has_control_characters(tree):
            raise ValueError(f"the text {tree[:80]!r} holds control characters")
    elif isinstance(tree, dict):
        for name, branch in tree.items():
            check_texts(name)
            check_texts(branch)
    elif isinstance(tree, list):
        for branch in tree:
            check_texts(branch)

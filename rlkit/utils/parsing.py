"""Values as typed by a user, lists among them, and suggestions for names that were mistyped."""

import contextlib
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any


def read_list(value: Any) -> Any:
    """The list that a text such as 5,3,3 means, with numbers where it has whole ones; anything else as it is."""
    if not isinstance(value, str):
        return value
    return [int(part) if part.strip().isdecimal() else part for part in value.split(",")]


def read_value(text: str) -> Any:
    """Read a value as typed: JSON where it is JSON, else .98, 48,64 or Python's True, False, None, else the text."""
    with contextlib.suppress(ValueError):
        return json.loads(text)
    with contextlib.suppress(ValueError):
        return float(text)
    if "," in text:
        with contextlib.suppress(ValueError):
            return [json.loads(part) if part.strip().isdecimal() else float(part) for part in text.split(",")]
    return {"True": True, "False": False, "None": None}.get(text, text)


def nearest(name: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """Find the names that somebody who typed `name` may have meant, best first.

    Args:
        name: What was typed.
        choices: The names that exist.
        count: How many to offer at most.
    """
    # Namespace, version and capitals are what people leave out, so each name also stands without them.
    forms: dict[str, set[str]] = defaultdict(set)
    for choice in choices:
        lowered = choice.lower()
        short = lowered.rpartition("/")[2]
        for form in (lowered, short, short.rpartition("-v")[0] or short):
            forms[form].add(choice)
    typed = name.lower()
    likeness: dict[str, tuple[float, float]] = {}
    for form in difflib.get_close_matches(typed, forms, n=len(forms) or 1, cutoff=0.6):
        near = difflib.SequenceMatcher(None, form, typed).ratio()
        for choice in forms[form]:
            whole = difflib.SequenceMatcher(None, choice.lower(), typed).ratio()
            likeness[choice] = max(likeness.get(choice, (0.0, 0.0)), (near, whole))
    # Of two that are equally near, the newer version (the later in the alphabet) first.
    return sorted(likeness, key=lambda choice: (likeness[choice], choice), reverse=True)[:count]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Phrase the nearest names as the end of a sentence: ` Did you mean a, b or c?`, or nothing."""
    names = nearest(name, choices)
    if not names:
        return ""
    offered = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    return f" Did you mean {offered}?"

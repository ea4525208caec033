"""Parsing of JSON and of values typed by a user, and suggestions for mistyped names."""

import contextlib
import difflib
import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any


def parse_json(text: bytes | str) -> Any:
    """Parse JSON in which no object has a key twice.

    Raises:
        ValueError: It is not such JSON.
        RecursionError: It is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=distinct_keys)


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The `object_pairs_hook` that refuses a key that occurs twice, with a ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the entry {twice[:80]!r} occurs twice")
    return found


def read_list(value: Any) -> Any:
    """Parse a string such as 5,3,3 to a list, with integers where possible; other values are returned unchanged."""
    if not isinstance(value, str):
        return value
    return [int(part) if part.strip().isdecimal() else part for part in value.split(",")]


def read_value(text: str) -> Any:
    """Parse a value: JSON, else .98, 48,64 or Python's True, False, None, else the string itself."""
    with contextlib.suppress(ValueError):
        return json.loads(text)
    with contextlib.suppress(ValueError):
        return float(text)
    if "," in text:
        with contextlib.suppress(ValueError):
            return [json.loads(part) if part.strip().isdecimal() else float(part) for part in text.split(",")]
    return {"True": True, "False": False, "None": None}.get(text, text)


def nearest(name: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """Find the names most similar to a mistyped one, best first.

    Args:
        name: As typed.
        choices: The existing names.
        count: Maximum number of names.
    """
    # Users omit namespace, version and capitals: each name is compared without them too.
    forms: dict[str, set[str]] = defaultdict(set)
    for choice in choices:
        lowered = choice.lower()
        short = lowered.rpartition("/")[2]
        initials = "".join(word[:1] for word in short.split("_")) if "_" in short else short  # lr: learning_rate
        for form in (lowered, short, short.rpartition("-v")[0] or short, initials):
            forms[form].add(choice)
    typed = name.lower()
    similarity: dict[str, tuple[float, float]] = {}
    for form in difflib.get_close_matches(typed, forms, n=len(forms) or 1, cutoff=0.6):
        near = difflib.SequenceMatcher(None, form, typed).ratio()
        for choice in forms[form]:
            whole = difflib.SequenceMatcher(None, choice.lower(), typed).ratio()
            similarity[choice] = max(similarity.get(choice, (0.0, 0.0)), (near, whole))
    # On ties the newer version (the later in the alphabet) first.
    return sorted(similarity, key=lambda choice: (similarity[choice], choice), reverse=True)[:count]


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Phrase the nearest names as the end of a sentence: ` Did you mean a, b or c?`, or nothing."""
    names = nearest(name, choices)
    if not names:
        return ""
    offered = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
    return f" Did you mean {offered}?"

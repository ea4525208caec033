"""Lists as a person types them among an environment's arguments."""

from typing import Any


def read_list(value: Any) -> Any:
    """The list that a text such as 5,3,3 means, with numbers where it has whole ones; anything else as it is."""
    if not isinstance(value, str):
        return value
    return [int(part) if part.strip().isdecimal() else part for part in value.split(",")]

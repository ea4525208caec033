"""Which columns of a circuit's file a header names: position and width of the road, as tools name them."""

import csv
import re
from collections.abc import Sequence

COLUMNS = ("x_m", "y_m", "w_tr_right_m", "w_tr_left_m")

_WHAT = {"x_m": "x", "y_m": "y", "w_tr_right_m": "the width to the right", "w_tr_left_m": "the width to the left"}
_METRES = {"m", "meter", "meters", "metre", "metres"}
# Words in the name of a coordinate or a width that do not change what it is.
_PLACE = {"pos", "position", "coord", "coordinate", "center", "centre", "centerline", "centreline", "line", "mid"}
_PLACE |= {"middle", "ref", "reference", "point", "track", "tr", "cl", "c", "o", "local", "utm"}
_MEASURES = {"w", "width", "widths", "dist", "distance", "d", "n", "half", "breite", "abstand"}
_AROUND = {"tr", "track", "road", "to", "of", "the", "border", "bound", "boundary", "edge", "side", "hand", "on"}
_COORDINATES = {"x": "x_m", "east": "x_m", "easting": "x_m", "y": "y_m", "north": "y_m", "northing": "y_m"}
_SIDES = {
    "right": "w_tr_right_m",
    "r": "w_tr_right_m",
    "rechts": "w_tr_right_m",
    "left": "w_tr_left_m",
    "l": "w_tr_left_m",
    "links": "w_tr_left_m",
}
# Names in one word.
_JOINED = {
    **dict.fromkeys(("wr", "wright", "rightw", "rightwidth", "widthright", "wtrright", "trackright"), "w_tr_right_m"),
    **dict.fromkeys(("wl", "wleft", "leftw", "leftwidth", "widthleft", "wtrleft", "trackleft"), "w_tr_left_m"),
    **dict.fromkeys(("xm", "xpos", "posx", "xcoord", "xcenter", "xcentre", "centerx", "centrex"), "x_m"),
    **dict.fromkeys(("ym", "ypos", "posy", "ycoord", "ycenter", "ycentre", "centery", "centrey"), "y_m"),
}


def separator_of(line: str) -> str | None:
    """The separator of a line's fields; None for spaces."""
    return next((mark for mark in (";", "\t", ",") if mark in line), None)


def split_names(line: str) -> list[str]:
    """The fields of a header, without quotes and the spaces around them; an unnamed column in front is kept."""
    separator = separator_of(line)
    text = line.strip() if separator is None else line.strip(" \r\n")
    if separator is None:
        text, separator = re.sub(r"\s+", " ", text), " "
    fields = next(iter(csv.reader([text], delimiter=separator, skipinitialspace=True)), [])
    names = [field.strip().strip("'\"").strip() for field in fields]
    while names and not names[-1]:
        names.pop()
    return names


def meaning_of(name: str) -> str | None:
    """Which of ``COLUMNS`` a name of a column stands for; None if none that is known."""
    parts = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name.strip()).lower())
    words = [part for part in parts if part not in _METRES]
    if not words:
        return None
    if len(words) == 1 and words[0] in _JOINED:
        return _JOINED[words[0]]
    found = [word for word in words if word in _COORDINATES]
    rest = set(words) - set(found)
    if len(found) == 1 and rest <= _PLACE:
        return _COORDINATES[found[0]]
    found = [word for word in words if word in _SIDES]
    rest = set(words) - set(found)
    if len(found) != 1 or not rest <= _MEASURES | _AROUND:
        return None
    # A letter alone, or the border of a side, may be something else than a width.
    if (len(found[0]) == 1 or rest & _AROUND) and not (rest & _MEASURES or rest & {"tr", "track"}):
        return None
    return _SIDES[found[0]]


def looks_like_names(names: Sequence[str]) -> bool:
    """Whether fields are names of columns rather than numbers: none of them is a number, and one has letters."""
    return any(re.search(r"[^\W\d_]", name) for name in names) and not any(map(_is_number, names))


def is_units(names: Sequence[str]) -> bool:
    """Whether fields are the units of columns in metres, as some programs write them below the names."""
    return bool(names) and all(name.strip("[]()").lower() in _METRES for name in names)


def names_in_comment(comment: str, count: int) -> tuple[list[str], bool]:
    """The names of columns that a comment lists.

    Args:
        comment: Without its mark.
        count: Number of columns of the rows.

    Returns:
        The names, none if it is prose; and whether they include x and y, so that it is certainly a header.
    """
    likely: list[str] = []
    for text in (comment, re.sub(r"^[\w ]{1,30}:", "", comment.strip())):  # such as "columns: x, y"
        names = split_names(text)
        if not looks_like_names(names):
            continue
        meanings = {meaning_of(name) for name in names}
        separated = separator_of(text) is not None
        if {"x_m", "y_m"} <= meanings and (separated or len(names) == count or set(COLUMNS) <= meanings):
            return names, True
        words = all(re.fullmatch(r"\S+( ?[\[(]\S+[\])])?", name) for name in names)
        if separated and len(names) == count and (words or meanings - {None}):
            likely = names
    return likely, False


def positions(names: Sequence[str]) -> list[int]:
    """Positions of the ``COLUMNS`` among names.

    Raises:
        ValueError: A column is missing, or named twice; the message says which, without file and line.
    """
    meanings = [meaning_of(name) for name in names]
    shown = ", ".join(name or "(no name)" for name in names)
    if len(shown) > 200:
        shown = shown[:200] + "…"
    missing = [_WHAT[column] for column in COLUMNS if column not in meanings]
    if missing:
        listed = missing[0] if len(missing) == 1 else ", ".join(missing[:-1]) + " and " + missing[-1]
        verb = "is" if len(missing) == 1 else "are"
        raise ValueError(
            f"the header names the columns {shown}; {listed} {verb} missing, in metres; a header has to name all of "
            f"{', '.join(COLUMNS)}, in any order"
        )
    order = []
    for column in COLUMNS:
        at = [i for i, meaning in enumerate(meanings) if meaning == column]
        exact = [i for i in at if names[i].lower() == column]
        if len(at) > 1 and len(exact) != 1:
            both = " and ".join(repr(names[i]) for i in at[:2])
            raise ValueError(f"the header names {_WHAT[column]} twice, as {both}; call the right one {column}")
        order.append(exact[0] if exact else at[0])
    return order


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True

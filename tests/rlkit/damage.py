"""Damage to files: the mutations that `test_damaged_files.py` applies, each drawn from one random generator."""

import contextlib
import io
import json
import os
import sqlite3
from pathlib import Path

import numpy as np

NESTED = "[" * 100_000 + "]" * 100_000
DEEP_OBJECT = '{"a":' * 20_000 + "1" + "}" * 20_000
NUMBERS = ["1e999", "-1e999", "NaN", "Infinity", "1e308", "-1", "0", "0.5", "3.0", "1" + "0" * 30, "9" * 5000, "-0.0"]
OTHERS = [
    "null",
    "true",
    "false",
    '""',
    '"x"',
    "[]",
    "{}",
    "[[]]",
    '{"a": {"b": 1}}',
    "[1, 2, 3]",
    '"\\u001b[2J"',
    '"../x"',
]
SURROGATE = ['"\\ud800"', '{"\\ud800": 1}', '"a\\u0000b"']
VALUES = [*NUMBERS, *OTHERS, *SURROGATE, NESTED, DEEP_OBJECT]
MARK = "\ue000placed here\ue000"  # stands in a tree for a text that replaces it


def places(tree, most=8):
    """Paths of all values in a tree of JSON; of long lists those at the beginning."""
    found = [()]
    for path in found:
        branch = tree
        for key in path:
            branch = branch[key]
        items = (
            branch if isinstance(branch, dict) else range(min(most, len(branch))) if isinstance(branch, list) else ()
        )
        found += [(*path, key) for key in items]
    return found


def damaged_json(text, chance):
    """A JSON text with one place changed: another value, an entry less or more, or a key twice."""
    tree = json.loads(text)
    found = places(tree)
    path = chance.choice(found) if chance.random() < 0.95 else ()
    value = chance.choice(VALUES)
    if not path:
        return value
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    key = path[-1]
    kind = chance.choice(["other", "other", "other", "number", "less", "more", "twice"])
    if kind == "number":
        numeric = [p for p in found if p and isinstance(_at(tree, p), int | float)]
        if numeric:
            path = chance.choice(numeric)
            parent, key = _at(tree, path[:-1]), path[-1]
        parent[key], value = MARK, chance.choice(NUMBERS)
    elif kind == "less":
        del parent[key]
    elif kind == "more" and isinstance(parent, dict):
        parent[chance.choice(["extra", "", "$array", "format", "\x1b[1m", "__class__"])] = MARK
    elif kind == "twice" and isinstance(parent, dict):
        parent[MARK] = MARK
        first, second, rest = json.dumps(tree).split(json.dumps(MARK))
        return first + json.dumps(key) + second + value + rest
    else:
        parent[key] = MARK
    return json.dumps(tree).replace(json.dumps(MARK), value)


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def damaged_bytes(content, chance):
    """Bytes changed without regard to their meaning."""
    data = bytearray(content)
    match chance.choice(["flip", "flip", "cut", "grow", "insert", "zero", "empty", "mark", "wide", "swap"]):
        case "flip":
            for _ in range(chance.choice([1, 1, 4, 50])):
                if data:
                    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        case "cut":
            del data[chance.randrange(len(data) + 1) :]
        case "grow":
            data += chance.choice([chance.randbytes(chance.randrange(1, 200)), b"\n", b"}", b"\0" * 5000])
        case "insert":
            place = chance.randrange(len(data) + 1)
            data[place:place] = chance.choice([b"\xff\xfe", b"\xc3\x28", b"\0", b'"', b"\x1b[2J", b",", b"\n"])
        case "zero":
            place = chance.randrange(len(data) + 1)
            data[place : place + 64] = bytes(len(data[place : place + 64]))
        case "empty":
            data.clear()
        case "mark":
            data[:0] = b"\xef\xbb\xbf"
        case "wide":
            data = bytearray(bytes(data).decode("latin-1").encode("utf-16"))
        case "swap":
            half = len(data) // 2
            data = data[half:] + data[:half]
    return bytes(data)


def damaged_lines(content, chance):
    """A file of lines of JSON with one line changed."""
    lines = content.decode().splitlines()
    number = chance.randrange(len(lines))
    match chance.choice(["json", "json", "json", "less", "twice", "nothing"]):
        case "json":
            lines[number] = damaged_json(lines[number], chance)
        case "less":
            del lines[number]
        case "twice":
            lines.insert(chance.randrange(len(lines)), lines[number])
        case "nothing":
            lines.insert(number, chance.choice(["", "null", "[]", "7", '"text"', NESTED]))
    return "\n".join(lines).encode() + b"\n"


def damaged_tensors(content, chance):
    """A safetensors file whose header has one place changed, or whose numbers are not finite."""
    length = int.from_bytes(content[:8], "little")
    header, data = content[8 : 8 + length].decode(), content[8 + length :]
    if chance.random() < 0.2:
        numbers = np.frombuffer(data[: len(data) // 4 * 4], dtype="<f4").copy()
        if len(numbers):
            numbers[chance.randrange(len(numbers))] = chance.choice([np.nan, np.inf, -np.inf, 3e38, 1e-45])
        return content[: 8 + length] + numbers.tobytes() + data[len(data) // 4 * 4 :]
    if chance.random() < 0.3:
        tree = json.loads(header)
        names = [name for name in tree if name != "__metadata__"]
        if names:
            entry = tree[chance.choice(names)]
            kinds = ["F32", "F64", "F16", "BF16", "I8", "I32", "I64", "U8", "BOOL", "U64", "F8_E4M3", "F4", "C64"]
            entry["dtype"] = chance.choice(kinds)
            if chance.random() < 0.5:
                entry["shape"] = chance.choice([[], [0], [1], [10**18], [2**32, 2**32], entry["shape"][::-1]])
        header = json.dumps(tree)
    else:
        header = damaged_json(header, chance)
    new = header.encode("utf-8", "surrogatepass")
    new += b" " * (-len(new) % 8)
    return len(new).to_bytes(8, "little") + new + data


def damaged_card(content, chance):
    """A model's file whose card has one place changed."""
    length = int.from_bytes(content[:8], "little")
    tree = json.loads(content[8 : 8 + length])
    tree["__metadata__"]["card"] = damaged_json(tree["__metadata__"]["card"], chance)
    new = json.dumps(tree).encode()
    new += b" " * (-len(new) % 8)
    return len(new).to_bytes(8, "little") + new + content[8 + length :]


def damaged_array(content, chance):
    """An .npy file with another header, or with other values."""
    length = int.from_bytes(content[8:10], "little")
    header, data = content[10 : 10 + length].decode(), content[10 + length :]
    if chance.random() < 0.4:
        data = damaged_bytes(data, chance)
    else:
        value = chance.choice(
            ["(" * 5000, "(10**9,)", "None", "True", "-1", "{}", "'O'", "(", "(1,)*9", "[('a','<f4')]", "9" * 999]
        )
        old = chance.choice(["'<f4'", "False", "(", "'descr'", "'shape'", ")", "'<i4'"])
        header = header.replace(old, value, 1)
    new = header.encode()
    return content[:8] + (len(new) & 0xFFFF).to_bytes(2, "little") + new[:65535] + data


def damaged_study(content, chance, scratch):
    """A study in which one column of one row is changed."""
    scratch.write_bytes(content)
    with sqlite3.connect(scratch) as base:
        names = [row[0] for row in base.execute("select name from sqlite_master where type='table'")]
        table = chance.choice(names)
        columns = [row[1] for row in base.execute(f"pragma table_info({table})")]
        match chance.choice(["value", "value", "value", "value", "value", "drop", "empty", "column"]):
            case "value":
                column = chance.choice(columns)
                rows = [row[0] for row in base.execute(f"select rowid from {table}")]
                if rows:
                    value = chance.choice(
                        [None, "x", "", -1, 10**18, 0.5, b"\xff\x00", float("inf"), NESTED, "\x1b[2J"]
                    )
                    old = base.execute(f"select {column} from {table} where rowid=?", (rows[0],)).fetchone()[0]
                    if isinstance(old, str) and old[:1] in '{["' and chance.random() < 0.7:
                        value = damaged_json(old, chance)
                    for row in rows if chance.random() < 0.5 else [chance.choice(rows)]:
                        with contextlib.suppress(sqlite3.IntegrityError, UnicodeEncodeError):
                            base.execute(f"update {table} set {column}=? where rowid=?", (value, row))
            case "drop":
                base.execute(f"drop table {table}")
            case "empty":
                base.execute(f"delete from {table}")
            case "column":
                with contextlib.suppress(sqlite3.OperationalError):
                    base.execute(f"alter table {table} drop column {chance.choice(columns)}")
    base.close()
    return scratch.read_bytes()


def damaged_table(content, chance):
    """A file of rows of numbers with one field, row or header changed."""
    rows = [row.split(",") for row in content.decode().splitlines()]
    row = chance.choice(rows)
    field = chance.choice(
        ["", "nan", "inf", "-1e308", "1e999", "x", "1,5", "#", '"', "\x1b[2J", "9" * 5000, "0x10", "1_0"]
    )
    match chance.choice(["field", "field", "all", "row", "more", "less", "header"]):
        case "field":
            row[chance.randrange(len(row))] = field
        case "all":
            column = chance.randrange(len(row))
            for one in rows:
                one[column] = field
        case "row":
            rows.remove(row)
        case "more":
            row.append(field)
        case "less":
            row.pop()
        case "header":
            rows.insert(0, chance.choice([["x", "y"], ["# a", "b", "c", "d"], [field] * 4, ["x_m"] * 4]))
    return "\n".join(",".join(one) for one in rows).encode()


def damaged_picture(content, chance):
    """Another picture of the same name: other mode, other size, other format."""
    from PIL import Image

    picture = Image.open(io.BytesIO(content))
    mode = chance.choice(["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LA"])
    size = chance.choice([picture.size, (1, 1), (3, 2), picture.size[::-1]])
    kind = chance.choice(["PNG", "TIFF", "BMP", "JPEG", "GIF", "WEBP"])
    out = io.BytesIO()
    try:
        picture.convert(mode).resize(size, 0).save(out, kind)
    except (OSError, ValueError):
        return damaged_bytes(content, chance)
    return out.getvalue()


def put_something_else(path: Path, chance):
    """In place of a file a folder, a pipe, a broken link, a link to itself, or nothing."""
    path.unlink()
    match chance.choice(["folder", "pipe", "broken", "circle", "nothing"]):
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "broken":
            path.symlink_to("nowhere")
        case "circle":
            path.symlink_to(path.name)


def damage(path: Path, kind: str, chance):
    """Damage a file in place.

    Args:
        path: The file.
        kind: What it holds: json, lines, tensors, card, array, study, table, picture or bytes.
        chance: Draws the damage.
    """
    content = path.read_bytes()
    draw = chance.random()
    if draw < 0.03:
        put_something_else(path, chance)
    elif draw < 0.3 or kind == "bytes":
        path.write_bytes(damaged_bytes(content, chance))
    elif kind == "study":
        path.write_bytes(damaged_study(content, chance, path.with_name("scratch.sqlite3")))
        path.with_name("scratch.sqlite3").unlink()
    elif kind == "json":
        path.write_bytes(damaged_json(content.decode(), chance).encode("utf-8", "surrogatepass"))
    else:
        makers = {
            "lines": damaged_lines,
            "tensors": damaged_tensors,
            "card": damaged_card,
            "array": damaged_array,
            "table": damaged_table,
            "picture": damaged_picture,
        }
        path.write_bytes(makers[kind](content, chance))

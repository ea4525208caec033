import pytest

from rlkit.detection.datasets.json_scan import scan
from rlkit.errors import UserError


def entries(path, text):
    path.write_text(text)
    return [(entry.section, entry.value, entry.line) for entry in scan(path)]


def test_entries_come_with_their_section_and_line(tmp_path):
    text = '{"info": {"a": 1},\n "images": [{"id": 1},\n\n  {"id": 2}],\n "empty": []\n}\n'
    assert entries(tmp_path / "a.json", text) == [
        ("info", {"a": 1}, 1),
        ("images", {"id": 1}, 2),
        ("images", {"id": 2}, 4),
    ]
    assert entries(tmp_path / "b.json", "[1,\n2]") == [("", 1, 1), ("", 2, 2)]
    assert entries(tmp_path / "c.json", "[]") == entries(tmp_path / "d.json", " {} ") == []


@pytest.mark.parametrize(
    ("text", "line"),
    [("[1,\n2", 2), ("[1\n2]", 2), ('{"a"\n1}', 2), ("3", 1), ("", 1), ("[1] x", 1), ('{"a": 1, "a": 2}', 1),
     ('[{"a": 1,\n "a": 2}]', 1), ("[1,\n]", 2)],
)  # fmt: skip
def test_what_is_no_such_json_is_named_with_its_line(text, line, tmp_path):
    with pytest.raises(UserError, match=rf"a\.json, line {line}: expected JSON"):
        entries(tmp_path / "a.json", text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"There is no file .*nothing\.json"):
        list(scan(tmp_path / "nothing.json"))

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.datasets import json_entries

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(entries=st.lists(TREES, min_size=1), indent=st.none() | st.integers(0, 2), read=st.integers(400, 500))
def test_entries_are_those_of_the_list_wherever_its_text_is_cut(entries, indent, read):
    text = json.dumps(entries, indent=indent)
    longest = max(len(json.dumps(entry, indent=indent)) + 200 for entry in entries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_entries, "LONGEST_ENTRY", longest)
        patch.setattr(json_entries, "_READ", 2 * longest + read)
        assert list(json_entries._entries(io.StringIO(text))) == entries


def test_no_more_is_read_than_the_next_entries_need(monkeypatch):
    monkeypatch.setattr(json_entries, "LONGEST_ENTRY", 100)
    monkeypatch.setattr(json_entries, "_READ", 800)
    file = io.StringIO(json.dumps(list(range(10_000))))
    assert next(json_entries._entries(file)) == 0
    assert file.tell() < 2_000


def test_an_entry_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(json_entries, "LONGEST_ENTRY", 100)
    monkeypatch.setattr(json_entries, "_READ", 800)
    for text in (json.dumps(["x" * 200]), json.dumps(["x" * 5000]), "[[" + "[]," * 500 + "[]]]"):
        with pytest.raises(ValueError, match=r"more than 100 characters|Unterminated|Expecting"):
            list(json_entries._entries(io.StringIO(text)))

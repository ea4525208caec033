import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.segmentation.datasets.json_entries import parse_entries

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    entries=st.lists(TREES, min_size=1),
    repeats=st.integers(1, 50),
    indent=st.none() | st.integers(0, 2),
    slack=st.integers(1, 100),
)
def test_entries_equal_those_of_the_list_wherever_its_text_is_cut(entries, repeats, indent, slack):
    entries = entries * repeats
    longest = max(len(json.dumps([*entries[:1], entry], indent=indent)) for entry in entries)
    text = json.dumps(entries, indent=indent)
    assert list(parse_entries(io.StringIO(text), longest + slack)) == entries


def test_only_the_next_entries_are_read():
    file = io.StringIO(json.dumps(list(range(10_000))))
    assert next(parse_entries(file, 100)) == 0
    assert file.tell() < 2_000


def test_an_entry_that_is_too_long_is_refused():
    for text in (json.dumps(["x" * 200]), json.dumps(["x" * 5000]), "[[" + "[]," * 500 + "[]]]"):
        with pytest.raises(ValueError, match=r"more than 100 characters|Unterminated|Expecting"):
            list(parse_entries(io.StringIO(text), 100))

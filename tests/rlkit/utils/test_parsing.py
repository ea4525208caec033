import pytest

from rlkit.utils.parsing import read_list


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("5", [5]),
        ("5, 3,x", [5, 3, "x"]),
        ("", [""]),
        ("-1,2.0", ["-1", "2.0"]),
        ([5, 3], [5, 3]),
        (5, 5),
        (None, None),
    ],
)
def test_only_texts_are_taken_apart_and_only_whole_numbers_become_numbers(typed, read):
    assert read_list(typed) == read

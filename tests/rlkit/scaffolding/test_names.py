import keyword
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlkit.errors import UserError
from rlkit.scaffolding import Names
from rlkit.scaffolding.names import ALLOWED


@pytest.mark.parametrize("typed", ["windy-grid", "windy_grid", "WindyGrid", "windyGrid", "Windy Grid", "windy grid"])
def test_every_usual_spelling_means_the_same(typed):
    assert Names.of(typed) == Names("windy_grid", "windy-grid", "WindyGrid")
    assert Names.of(typed).environment_id == "windy_grid/WindyGrid-v0"


@pytest.mark.parametrize(
    ("typed", "named"), [("windy-grid", "WindyGridEnv"), ("my_env", "MyEnv"), ("MyEnv", "MyEnv"), ("seven", "SevenEnv")]
)
def test_an_environments_class_says_once_what_it_is(typed, named):
    assert Names.of(typed).environment_class == named


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "expected up to 30 letters"),
        ("3d-world", "a letter first"),
        ("../up", "cannot be a package's name"),
        ("wind/y", "cannot be a package's name"),
        ("größe", "without accents"),
        ("a-", "words joined by"),
        ("a" * 31, "up to 30"),
        ("two\nlines", "cannot be a package's name"),
        ("class", "a word of Python's own"),
        ("None", "a word of Python's own"),
        ("random", "Python has a module 'random'"),
        ("Queue", "Python has a module 'queue'"),
        ("rlkit", "'rlkit' is installed already"),
        ("numpy", "'numpy' is installed already"),
    ],
)
def test_names_that_cannot_be_are_refused_with_the_reason(typed, said):
    with pytest.raises(UserError, match=re.escape(said)):
        Names.of(typed)


@given(st.from_regex(ALLOWED, fullmatch=True).filter(lambda typed: len(typed) <= 14))
def test_what_is_allowed_can_be_written_in_code(typed):
    names = Names.of(f"x9{typed}")
    for name in (names.package, names.title):
        assert name.isidentifier()
        assert not keyword.iskeyword(name)
    assert Names.of(names.project) == Names.of(names.package) == names

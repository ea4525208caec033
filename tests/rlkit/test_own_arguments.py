import pytest

from rlkit.own_arguments import split_arguments


def test_an_environment_that_takes_an_argument_itself_gets_it():
    typed = {"resize": 3, "workers": 2, "size": 1}
    assert split_arguments(typed, ("resize", "workers"), lambda: {"size"}) == ({"size": 1}, {"resize": 3, "workers": 2})
    assert split_arguments(typed, ("resize", "workers"), lambda: {"resize"}) == (
        {"resize": 3, "size": 1},
        {"workers": 2},
    )


def test_an_environment_is_not_asked_where_it_does_not_matter():
    def asked():
        pytest.fail("reading what an environment takes imports its code")

    assert split_arguments({"size": 1}, ("resize",), asked) == ({"size": 1}, {})

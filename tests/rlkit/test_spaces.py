import pytest

from rlkit.errors import UserError
from rlkit.spaces import MAX_NAME, Classes


def test_what_was_written_is_read_again():
    classes = Classes(("route barrée", "Straße", "道路"), ("道路",))
    assert Classes.from_json(classes.to_json()) == classes


def test_as_many_classes_are_known_as_a_byte_has_numbers_for():
    assert len(Classes(tuple(map(str, range(255))), ("0",))) == 255
    with pytest.raises(UserError, match="2 to 255 classes of distinct names, not 256"):
        Classes(tuple(map(str, range(256))), ("0",))


@pytest.mark.parametrize("name", ["", "x" * (MAX_NAME + 1), "a\nb", "a\tb", "\x1b[2J", "\u202eroad", "\ud800"])
def test_a_name_that_cannot_stand_in_a_table_is_refused(name):
    with pytest.raises(UserError, match="A class name must have 1 to 100 printable characters") as error:
        Classes(("road", name), ("road",))
    assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "tree",
    [
        {"names": [str(number) for number in range(10**5)], "drivable": ["0"]},
        {"names": ["a", "b"], "drivable": ["a"] * 10**5},
        {"names": ["a" * 10**6, "b"], "drivable": ["b"]},
        {"names": ["a", 5], "drivable": ["a"] * 10**5},
        [[[[[[[]]]]]]] * 10**5,
    ],
)
def test_a_refusal_is_short_however_long_the_file_is(tree):
    with pytest.raises(UserError) as error:
        Classes.from_json(tree)
    assert len(str(error.value)) < 400

import pytest

from rlkit.errors import UserError
from rlkit.perception.data.layouts import LAYOUTS, read_dataset


def test_a_folder_of_no_known_layout_is_refused_with_what_was_looked_for(tmp_path):
    (tmp_path / "holiday").mkdir()
    with pytest.raises(UserError, match="holds no data set") as refused:
        read_dataset(tmp_path)
    assert all(layout.looks_for in str(refused.value) for layout in LAYOUTS)
    assert "holiday" in str(refused.value)


def test_an_empty_folder_and_a_missing_one_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="it is empty"):
        read_dataset(tmp_path)
    with pytest.raises(UserError, match="There is no folder"):
        read_dataset(tmp_path / "missing")


def test_every_layout_says_what_it_is_recognised_by():
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    assert all(layout.looks_for for layout in LAYOUTS)

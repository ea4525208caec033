import json
import sys

import pytest

from rlkit.errors import MAX_MESSAGE, DescribedError, describe_error, place_in_trace


def raised_by(function, *arguments) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any will do
        function(*arguments)
    return describe_error(caught.value)


def test_an_error_is_one_line_with_its_kind_and_place():
    def fail():
        raise ValueError("first\nsecond")

    line = fail.__code__.co_firstlineno + 1
    said = raised_by(fail)
    assert said.startswith("ValueError: first (")
    assert said.endswith(f"test_errors.py:{line})")


def test_the_place_is_in_the_project_and_not_in_the_library_that_it_called():
    assert "test_errors.py" in raised_by(lambda: json.loads("{"))


def test_a_wall_of_text_is_cut():
    said = raised_by(exec, f"raise ValueError('{'x' * 1000}')")
    assert len(said) < MAX_MESSAGE + 200
    assert "…" in said


def test_a_path_below_the_current_folder_is_given_as_one_would_type_it(tmp_path, monkeypatch):
    (tmp_path / "their_module.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert raised_by(__import__, "their_module").endswith("(their_module.py:1)")
    sys.modules.pop("their_module", None)


def test_what_is_described_already_is_left_as_it_is():
    assert describe_error(DescribedError("KeyError: 'speed' (env.py:3)")) == "KeyError: 'speed' (env.py:3)"


def test_the_place_of_a_crash_is_read_from_the_trace_that_python_printed(tmp_path):
    mine = tmp_path / "mine.py"
    mine.touch()
    trace = (
        "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n"
        f'  File "{json.__file__}", line 5 in loads\n  File "{mine}", line 12 in step\n'
        f'  File "{__file__}", line 1 in main\n'
    )
    assert place_in_trace(trace) == f"{mine}:12"
    assert place_in_trace("no trace") is None

import pytest

from rlkit.utils.terminal import check_texts, has_control_characters, printable

STEERING = ["\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "a\rb", "a\bb", "\u202egnp.exe", "\u2066x\u2069", "\x7f"]


@pytest.mark.parametrize("text", STEERING)
def test_control_characters_are_escaped(text):
    assert has_control_characters(text)
    shown = printable(text)
    assert not has_control_characters(shown)
    for tree in ([text], {"a": {"b": text}}, {text: 1}):
        with pytest.raises(ValueError, match="control characters"):
            check_texts(tree)


@pytest.mark.parametrize("text", ["plain", "Größe, 大きさ, ×−", "two\nlines", "a\ttab", "[bold]no markup here[/]"])
def test_other_texts_stay_as_they_are(text):
    assert printable(text) == text
    check_texts([text, {"x": text}])

import sys

import pygame
import pytest

from rlkit.errors import UserError
from rlkit.viewer import has_display
from rlkit.viewer.window import KEY_REPEAT, MESSAGE_SECONDS, Key, Window, open_display

ON_LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")


class Counter(Window):
    """Counts presses of A, which repeats, and of B, which does not."""

    def __init__(self):
        super().__init__("counter")
        self.counts = {"a": 0, "b": 0}
        self.seconds = 0.0
        self.painted = []

    def count(self, name):
        self.counts[name] += 1

    def update(self, seconds):
        self.seconds += seconds

    def state(self):
        return (self.counts["a"],)

    def paint(self, surface, message, help_lines):
        self.painted.append((surface.get_size(), message, tuple(help_lines)))


Counter.keys = (
    Key((pygame.K_a,), "A", "count", lambda window: window.count("a"), repeats=True),
    Key((pygame.K_b,), "B", "count once", lambda window: window.count("b")),
)


@pytest.fixture
def window(screen):
    with open_display((640, 480), instead=""):
        yield Counter()


def press(window, *codes):
    for code in codes:
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=code))


def test_only_keys_that_repeat_are_triggered_while_held(window):
    press(window, *[pygame.K_a] * 3, *[pygame.K_b] * 3)
    assert window.counts == {"a": 3, "b": 1}
    assert pygame.key.get_repeat() == KEY_REPEAT


def test_a_released_key_can_be_pressed_again(window):
    press(window, pygame.K_b)
    window.handle(pygame.event.Event(pygame.KEYUP, key=pygame.K_b))
    press(window, pygame.K_b)
    assert window.counts["b"] == 2


def test_no_key_is_held_once_the_focus_is_lost(window):
    press(window, pygame.K_a)
    window.handle(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    assert window.held == set()


def test_a_message_disappears_after_a_while(window):
    window.show_message("hello")
    window.tick(0.9 * MESSAGE_SECONDS)
    assert window.message == "hello"
    window.tick(0.2 * MESSAGE_SECONDS)
    assert window.message == ""
    assert window.seconds == pytest.approx(1.1 * MESSAGE_SECONDS)


def test_it_is_drawn_again_only_when_something_changed_or_was_exposed(window):
    for _ in range(3):
        window.draw()
    assert len(window.painted) == 1
    press(window, pygame.K_a)
    window.draw()
    window.handle(pygame.event.Event(pygame.WINDOWEXPOSED))
    window.draw()
    assert len(window.painted) == 3


def test_help_and_message_are_drawn_but_left_out_of_screenshots(window, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    window.toggle_help()
    window.show_message("hello")
    window.draw()
    window.screenshot()
    shown, saved = window.painted
    assert shown == ((640, 480), "hello", (("A", "count"), ("B", "count once")))
    assert saved == ((640, 480), "", ())
    (file,) = tmp_path.iterdir()
    assert str(file) in window.message


def test_nothing_is_drawn_into_a_tiny_window(window):
    pygame.display.set_mode((50, 20), pygame.RESIZABLE)
    window.draw()
    assert window.painted == []


def test_the_display_is_closed_again(screen):
    with pytest.raises(KeyError), open_display(instead=""):
        raise KeyError
    assert not pygame.display.get_init()


@ON_LINUX
def test_without_a_display_the_error_says_what_to_do_instead(no_display):
    pygame.display.quit()
    assert not has_display()
    with (
        pytest.raises(UserError, match=r"there is no display.*: record a video"),
        open_display(instead="record a video"),
    ):
        pass


def test_a_dummy_driver_is_no_display(screen):
    assert not has_display()


@ON_LINUX
def test_a_display_that_does_not_answer_is_none(no_display, monkeypatch):
    pygame.display.quit()
    monkeypatch.setenv("DISPLAY", ":4711")
    assert not has_display()

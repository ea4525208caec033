import threading
from types import SimpleNamespace

import imageio.v2 as imageio
import pygame
import pytest

from rlkit.viewer import show
from rlkit.viewer import watch_window as watch_window_module
from rlkit.viewer import window as window_module
from rlkit.viewer.watch_window import WatchWindow


@pytest.fixture
def window(screen, make_playback):
    pygame.display.set_mode((1280, 720), pygame.RESIZABLE)
    return WatchWindow(make_playback(seeds=range(2), length=1000))


def press(window, code):
    for kind in (pygame.KEYDOWN, pygame.KEYUP):
        pygame.event.post(pygame.event.Event(kind, key=code))
    for event in pygame.event.get():
        window.handle(event)


def test_space_pauses_and_resumes(window):
    press(window, pygame.K_SPACE)
    window.tick(1.0)
    assert (window.playback.paused, window.playback.frame().step) == (True, 0)
    press(window, pygame.K_SPACE)
    window.tick(1.0)
    assert window.playback.frame().step > 0


@pytest.mark.parametrize("code", [pygame.K_RIGHT, pygame.K_PERIOD])
def test_right_and_period_make_one_step_and_pause(window, code):
    press(window, code)
    assert (window.playback.frame().step, window.playback.paused) == (1, True)


@pytest.mark.parametrize("code", [pygame.K_UP, pygame.K_PLUS, pygame.K_EQUALS, pygame.K_KP_PLUS])
def test_up_and_plus_are_faster(window, code):
    press(window, code)
    assert window.playback.speed == 2.0


@pytest.mark.parametrize("code", [pygame.K_DOWN, pygame.K_MINUS, pygame.K_KP_MINUS])
def test_down_and_minus_are_slower(window, code):
    press(window, code)
    assert window.playback.speed == 0.5


def test_n_goes_to_the_next_episode_and_reports_the_last(window):
    press(window, pygame.K_n)
    assert window.playback.frame().label == "seed 1"
    press(window, pygame.K_n)
    assert window.playback.frame().label == "seed 1"
    assert "last" in window.message


def test_r_restarts_the_episode(window):
    window.tick(1.0)
    press(window, pygame.K_r)
    assert (window.playback.frame().label, window.playback.frame().step) == ("seed 0", 0)


def test_tab_toggles_the_panels(window):
    window.draw()
    with_panels = pygame.image.tobytes(pygame.display.get_surface(), "RGB")
    press(window, pygame.K_TAB)
    window.draw()
    assert pygame.image.tobytes(pygame.display.get_surface(), "RGB") != with_panels
    press(window, pygame.K_TAB)
    window.draw()
    assert pygame.image.tobytes(pygame.display.get_surface(), "RGB") == with_panels


@pytest.mark.parametrize("code", [pygame.K_h, pygame.K_F1])
def test_h_shows_and_hides_the_help(window, code):
    press(window, code)
    assert window.help
    window.draw()
    press(window, code)
    assert not window.help


@pytest.mark.parametrize("code", [pygame.K_s, pygame.K_F12])
def test_screenshots_never_replace_one_another(window, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        press(window, code)
    shots = sorted(tmp_path.iterdir())
    assert len(shots) == 3
    assert {pygame.image.load(shot).get_size() for shot in shots} == {(1280, 720)}


def test_a_screenshot_that_cannot_be_written_is_reported(window, tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    press(window, pygame.K_s)
    assert window.message.startswith("No screenshot")


@pytest.mark.parametrize("code", [pygame.K_q, pygame.K_ESCAPE])
def test_q_and_escape_quit(window, code):
    press(window, code)
    assert window.closed


def test_closing_the_window_quits(window):
    window.handle(pygame.event.Event(pygame.QUIT))
    assert window.closed


def test_a_held_key_steps_repeatedly_but_pauses_once(window):
    for _ in range(3):
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RIGHT))
    assert window.playback.frame().step == 3
    for _ in range(2):
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_SPACE))
    assert not window.playback.paused


def test_no_two_keys_share_a_code():
    codes = [code for key in WatchWindow.keys for code in key.codes]
    assert len(codes) == len(set(codes))


def test_show_runs_in_real_time_until_closed(screen, make_playback, monkeypatch):
    """With a simulated clock."""
    playback = make_playback(length=10_000)
    wall = 0.0

    class Clock:
        def tick(self, rate):
            nonlocal wall
            wall += 1.0 / rate
            if wall >= 3.0:
                pygame.event.post(pygame.event.Event(pygame.QUIT))

    monkeypatch.setattr(pygame.time, "Clock", Clock)
    monkeypatch.setattr(window_module, "time", SimpleNamespace(perf_counter=lambda: wall))
    monkeypatch.setattr(watch_window_module, "TIME_BUDGET", 60.0)
    show(playback)
    assert playback.frame().seconds == pytest.approx(3.0, abs=1.5 / playback.rate)
    assert not pygame.display.get_init()


def test_a_window_that_is_closed_while_recording_leaves_a_playable_file(screen, make_playback, tmp_path):
    playback = make_playback(length=10_000)
    threading.Timer(0.7, lambda: pygame.event.post(pygame.event.Event(pygame.QUIT))).start()
    show(playback, record=tmp_path / "lap.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["lap.mp4"]
    with imageio.get_reader(tmp_path / "lap.mp4") as video:
        assert sum(1 for _ in video) == playback.frame().step + 1  # every moment once

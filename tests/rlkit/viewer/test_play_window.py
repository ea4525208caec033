import dataclasses
import threading
import time
from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pygame
import pytest

from rlkit.env.config import EnvConfig
from rlkit.errors import UserError
from rlkit.perception.result import PerceptionResult
from rlkit.viewer import play, play_window
from rlkit.viewer.panels import PERCEPTION
from rlkit.viewer.play_session import Place, PlaySession
from rlkit.viewer.play_window import PlayWindow
from rlkit.viewer.scores import BestFile

FILE = Path(__file__).with_name("drift.py")


@pytest.fixture
def make_window(screen):
    pygame.display.init()
    pygame.display.set_mode((1280, 720), pygame.RESIZABLE)
    place = Place(EnvConfig(f"{FILE}:Drift"))
    with PlaySession(place, 0, BestFile()) as game:

        def others():
            for seed in range(1, 9):
                game.begin(seed)
                yield game

        yield lambda episodes=None: PlayWindow(game, others, episodes)


@pytest.fixture
def window(make_window):
    return make_window()


def press(window, code):
    window.handle(pygame.event.Event(pygame.KEYDOWN, key=code))


def release(window, code):
    window.handle(pygame.event.Event(pygame.KEYUP, key=code))


def tap(window, code):
    press(window, code)
    release(window, code)


def finish(window, code=pygame.K_RIGHT):
    press(window, code)
    for _ in range(12):
        window.tick(0.1)
    release(window, code)


def actions(window):
    return window.game.env.unwrapped.actions


def test_the_game_waits_for_one_of_its_keys(window):
    window.tick(5.0)
    tap(window, pygame.K_F7)
    window.tick(5.0)
    assert actions(window) == []
    press(window, pygame.K_RIGHT)
    window.tick(0.05)
    assert actions(window) == [2]


def test_decisions_come_at_the_games_own_rate_with_the_keys_held_then(window):
    tap(window, pygame.K_RIGHT)
    actions(window).clear()
    for held in (pygame.K_RIGHT, pygame.K_LEFT, None):
        if held:
            press(window, held)
        for _ in range(12):
            window.tick(1 / 60)
        if held:
            release(window, held)
    assert actions(window)[:2].count(2) >= 1
    assert len(actions(window)) in (6, 7)  # 0.6 s at 10 a second
    assert actions(window)[-1] == 0


def test_a_tap_between_two_decisions_counts_once(window):
    tap(window, pygame.K_RIGHT)
    window.tick(0.05)  # the first decision comes at once
    window.tick(0.02)
    tap(window, pygame.K_LEFT)
    for _ in range(4):
        window.tick(0.05)
    assert actions(window)[:3] == [2, 1, 0]


def test_pause_stops_time_until_resumed(window):
    press(window, pygame.K_RIGHT)
    window.tick(0.1)
    done = len(actions(window))
    tap(window, pygame.K_p)
    window.tick(3.0)
    assert (window.paused, len(actions(window))) == (True, done)
    tap(window, pygame.K_SPACE)
    window.tick(0.1)
    assert len(actions(window)) == done + 1


def test_losing_focus_pauses_and_releases_all_keys(window):
    press(window, pygame.K_RIGHT)
    window.tick(0.1)
    window.handle(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    assert window.paused
    tap(window, pygame.K_p)
    window.tick(0.1)
    assert actions(window)[-1] == 0


def test_after_an_attempt_enter_begins_the_next(window):
    finish(window)
    assert (window.game.over, len(window.attempts), window.game.was_best) == (True, 1, True)
    assert "best" in window.prompt
    window.tick(60.0)
    assert window.game.over
    tap(window, pygame.K_RETURN)
    assert (window.game.over, window.waiting, window.game.seed) == (False, True, 0)


def test_r_restarts_and_n_goes_to_the_next_place(window):
    press(window, pygame.K_RIGHT)
    window.tick(0.2)
    tap(window, pygame.K_r)
    assert (window.waiting, window.game.returns) == (True, [0.0])
    tap(window, pygame.K_n)
    assert window.game.seed == 1


def test_the_ghost_is_set_for_the_second_attempt(window):
    finish(window)
    tap(window, pygame.K_RETURN)
    assert len(window.game.env.unwrapped.ghosts[-1]) == 6


def test_e_hides_the_errors_of_perception_or_reports_that_there_is_none(window, monkeypatch):
    tap(window, pygame.K_e)
    assert "--perception" in window.message
    mask = np.ones((6, 8), dtype=bool)
    seen = PerceptionResult(np.zeros((6, 8, 3), np.uint8), np.uint8(255) * mask, mask, None, "a network")
    frame = dataclasses.replace(window.game.frame(), perceived=seen)
    monkeypatch.setattr(window.game, "frame", lambda share=1.0: frame)
    assert not window.painter.errors
    window.draw()
    tap(window, pygame.K_e)
    assert window.painter.errors
    assert "are shown" in window.message
    assert PERCEPTION in window.arrange_panels(frame, 1)[0]
    assert PERCEPTION in window.arrange_panels(frame, 2)[0]


@pytest.mark.parametrize("code", [pygame.K_ESCAPE, pygame.K_q])
def test_escape_and_q_quit(window, code):
    tap(window, code)
    assert window.closed


def test_keys_of_the_game_have_precedence(window):
    window.controls.codes |= {pygame.K_r}
    press(window, pygame.K_RIGHT)
    window.tick(0.2)
    tap(window, pygame.K_r)
    assert len(window.game.returns) > 1  # R is a key of the game here and restarts nothing


def test_help_pauses_and_lists_keys_with_those_of_the_game(window):
    press(window, pygame.K_RIGHT)
    window.tick(0.1)
    tap(window, pygame.K_h)
    assert window.paused
    shown = dict(window.help_lines())
    assert any("←" in label and "WASD" not in label for label in shown)
    assert {key.label for key in PlayWindow.keys} <= shown.keys()
    tap(window, pygame.K_F1)
    assert not window.paused
    assert not window.help


def test_every_state_can_be_drawn_in_any_size(window):
    pictures = set()
    for size in ((1280, 720), (640, 480), (500, 900)):
        pygame.display.set_mode(size, pygame.RESIZABLE)
        for change in (lambda: None, lambda: finish(window), lambda: tap(window, pygame.K_h),
                       lambda: tap(window, pygame.K_TAB), lambda: tap(window, pygame.K_RETURN)):  # fmt: skip
            change()
            window.draw()
            pictures.add(pygame.image.tobytes(pygame.display.get_surface(), "RGB"))
    assert len(pictures) >= 10


def test_it_closes_by_itself_after_so_many_attempts(make_window):
    window = make_window(episodes=1)
    finish(window)
    assert not window.closed
    for _ in range(10):
        window.tick(0.5)
    assert window.closed


def test_without_a_display_playing_is_refused(no_display):
    pygame.display.quit()
    with pytest.raises(UserError, match="no display") as error:
        play([Place(EnvConfig(f"{FILE}:Drift"))], lambda turn: turn, bests=BestFile())
    assert error.value.exit_code == 2


def test_a_video_lasts_as_long_as_the_attempt_and_its_end(screen, monkeypatch, tmp_path):
    monkeypatch.setattr(play_window, "has_display", lambda: True)
    stop = threading.Event()

    def drive():
        start = time.monotonic()
        while not stop.is_set() and time.monotonic() < start + 20.0:
            if pygame.display.get_init() and pygame.display.get_surface() is not None:
                pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_RIGHT))
            time.sleep(0.05)

    thread = threading.Thread(target=drive)
    thread.start()
    try:
        done = play([Place(EnvConfig(f"{FILE}:Drift"))], lambda turn: turn, bests=BestFile(),
                    record=tmp_path / "lap.mp4", episodes=1)  # fmt: skip
    finally:
        stop.set()
        thread.join()
    assert [attempt.succeeded for attempt in done] == [True]
    with imageio.get_reader(tmp_path / "lap.mp4") as video:
        seconds = sum(1 for _ in video) / video.get_meta_data()["fps"]
    assert 1.2 < seconds < 2.2  # half a second of play, a second of its end

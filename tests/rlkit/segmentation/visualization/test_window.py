"""The window, drawn into memory: keys and time move it through the images."""

import numpy as np
import pygame
import pytest

from rlkit.segmentation.visualization.sheet import Row
from rlkit.segmentation.visualization.window import PredictionWindow
from rlkit.viewer.window import open_display


def grey(number):
    return Row(np.full((8, 8, 3), number, np.uint8), np.zeros((8, 8), np.uint8))


def make(rows, playing=False):
    return PredictionWindow(rows, lambda row: np.tile(row.image, (20, 40, 1)), rate=10.0, playing=playing)


@pytest.fixture(autouse=True)
def _screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with open_display((640, 360), instead=""):
        yield


@pytest.fixture
def window():
    return make(grey(10 * number) for number in range(4))


def press(window, *keys):
    for key in keys:
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=key))
        window.handle(pygame.event.Event(pygame.KEYUP, key=key))


def shown(window):
    return int(window.sheet[0, 0, 0])


def test_arrows_go_from_image_to_image(window):
    assert shown(window) == 0
    press(window, pygame.K_RIGHT, pygame.K_RIGHT)
    assert shown(window) == 20
    press(window, pygame.K_LEFT)
    assert shown(window) == 10
    press(window, pygame.K_LEFT, pygame.K_LEFT)
    assert shown(window) == 0
    press(window, *[pygame.K_RIGHT] * 9)
    assert shown(window) == 30
    assert "last" in window.message


def test_it_plays_at_its_rate_until_the_last_image(window):
    press(window, pygame.K_SPACE)
    seen = []
    for _ in range(50):
        window.tick(0.05)
        seen.append(shown(window))
    assert seen[:6] == [0, 10, 10, 20, 20, 30]
    assert seen[-1] == 30
    assert not window.playing


def test_a_slow_network_skips_no_image(window):
    press(window, pygame.K_SPACE)
    seen = []
    for _ in range(3):
        window.tick(0.9)
        seen.append(shown(window))
    assert seen == [10, 20, 30]


def test_the_image_is_as_large_as_fits(window):
    press(window, pygame.K_RIGHT)
    window.draw()
    painted = pygame.surfarray.array3d(pygame.display.get_surface())
    assert (painted == 10).all(-1).mean() > 0.8


@pytest.mark.parametrize("key", [pygame.K_q, pygame.K_ESCAPE])
def test_it_closes(key, window):
    press(window, key)
    assert window.closed


def test_a_screenshot_has_the_resolution_of_the_sheet(window, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    press(window, pygame.K_s)
    (saved,) = tmp_path.glob("rlkit-*.png")
    assert pygame.image.load(saved).get_size() == (320, 160)


def test_without_images_the_window_is_empty():
    window = make(iter(()), playing=True)
    press(window, pygame.K_RIGHT, pygame.K_LEFT)
    window.draw()
    assert shown(window) == 0

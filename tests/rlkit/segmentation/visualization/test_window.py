"""The window, drawn into memory: keys and time move it through the pictures."""

import numpy as np
import pygame
import pytest

from rlkit.segmentation.visualization.sheet import Row
from rlkit.segmentation.visualization.window import Window


def grey(number):
    return Row(np.full((8, 8, 3), number, np.uint8), np.zeros((8, 8), np.uint8))


@pytest.fixture
def window():
    rows = (grey(10 * number) for number in range(4))
    return Window(rows, lambda row: np.tile(row.image, (20, 40, 1)), rate=10.0, playing=False)


def press(window, *keys):
    for key in keys:
        window.handle(pygame.event.Event(pygame.KEYDOWN, key=key))


def shown(window):
    return int(window.sheet[0, 0, 0])


def test_arrows_go_from_picture_to_picture(window):
    assert shown(window) == 0
    press(window, pygame.K_RIGHT, pygame.K_RIGHT)
    assert shown(window) == 20
    press(window, pygame.K_LEFT)
    assert shown(window) == 10
    press(window, pygame.K_LEFT, pygame.K_LEFT)
    assert shown(window) == 0
    press(window, *[pygame.K_RIGHT] * 9)
    assert shown(window) == 30


def test_it_plays_at_its_rate_until_the_last_picture(window):
    press(window, pygame.K_SPACE)
    now = 100.0
    seen = []
    for _ in range(50):
        window.tick(now)
        seen.append(shown(window))
        now += 0.05
    assert seen[:4] in ([10, 10, 20, 20], [10, 10, 10, 20])
    assert seen[-1] == 30
    assert not window.playing


def test_the_picture_is_as_large_as_it_fits(window):
    surface = pygame.Surface((640, 360))
    press(window, pygame.K_RIGHT)
    window.paint(surface)
    painted = pygame.surfarray.array3d(surface)
    assert (painted == 10).all(-1).mean() > 0.8
    window.paint(pygame.Surface((50, 20)))  # too small for anything


@pytest.mark.parametrize("key", [pygame.K_q, pygame.K_ESCAPE])
def test_it_closes(key, window):
    press(window, key)
    assert window.closed


def test_a_screenshot_is_what_is_shown(window, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    press(window, pygame.K_s)
    (saved,) = tmp_path.glob("rlkit-*.png")
    assert pygame.image.load(saved).get_size() == (320, 160)


def test_nothing_to_show_is_no_crash():
    window = Window(iter(()), lambda row: row.image, rate=1.0, playing=True)
    press(window, pygame.K_RIGHT, pygame.K_LEFT)
    window.paint(pygame.Surface((640, 360)))

"""Environments that call `pygame.quit()`: recordings and windows go on. A failure may end its process."""

import subprocess
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("closing.py")
CASE = Path(__file__).parents[3].parent / "shared/cases/environments/pygame_quit.py"

RECORDED = """
import sys
from rlkit.policy import find_policy
from rlkit.viewer.watch import record_video
for number, kwargs in enumerate(KINDS):
    record_video(find_policy("random", env=sys.argv[1], env_kwargs=kwargs), f"{sys.argv[2]}-{number}.mp4", episodes=2)
"""

WATCHED = """
import itertools, sys
import pygame
from rlkit.policy import find_policy
from rlkit.viewer.watch import playback
from rlkit.viewer.window import open_display
from rlkit.viewer.watch_window import WatchWindow
def watched(kwargs):
    who = find_policy("random", env=sys.argv[1], env_kwargs=kwargs)
    with playback(who) as shown, open_display((800, 600), instead=""):
        window = WatchWindow(shown)
        shown.speed = 16.0
        draw, drawn = window.draw, set()
        def counted():
            draw()
            drawn.add((shown.frame().episode, shown.frame().step))
            if shown.frame().episode == 3:
                window.screen()
                pygame.event.post(pygame.event.Event(pygame.QUIT))
        window.draw = counted
        window.run()
        window.snapshot()
        assert len(drawn) > 5, drawn
        assert pygame.display.get_caption()[0].startswith("rlkit"), pygame.display.get_caption()
for kwargs in KINDS:
    watched(kwargs)
"""


def run(code: str, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-X", "faulthandler", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(autouse=True)
def _screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


KINDS = [{"when": when, "again": again} for when in ("reset", "step", "render") for again in (True, False)]


@pytest.mark.parametrize("code", [RECORDED, WATCHED])
def test_environments_may_close_pygame(code, tmp_path):
    run(f"KINDS = {KINDS}\n{code}", f"{FILE}:Closing", str(tmp_path / "film"))
    assert len([film for film in tmp_path.iterdir() if film.stat().st_size > 1000]) == (
        len(KINDS) if code is RECORDED else 0
    )


@pytest.mark.parametrize("code", [RECORDED, WATCHED])
def test_the_reported_environment_is_shown(code, tmp_path):
    if not CASE.is_file():
        pytest.skip(f"{CASE} is not there")
    run(f"KINDS = [{{}}]\n{code}", f"{CASE}:Env", str(tmp_path / "film"))


def test_fonts_of_the_driving_renderer_do_not_outlive_pygame():
    code = """
import gymnasium, numpy, pygame, rlkit_envs
env = gymnasium.make("rlkit/Driving-v0", render_mode="rgb_array")
env.reset(seed=0)
first = env.render()
pygame.quit(); pygame.init()
assert numpy.array_equal(first, env.render())
"""
    run(code)

import dataclasses
import itertools
import math

import numpy as np
import pygame
import pytest

from rlkit.capabilities import Reading
from rlkit.spaces import Leaf
from rlkit.viewer.charts import draw_actions
from rlkit.viewer.layout import Demand, arrange, stack
from rlkit.viewer.observation_panel import tiles
from rlkit.viewer.panels import Painter, Status
from rlkit.viewer.theme import DIM, GREEN, ORANGE, PANEL, SKY, Pen, decimals_for, number, scale_for

SIZES = [(640, 480), (1280, 720), (1024, 768), (700, 1000), (2560, 600)]


def pixels(surface):
    return np.transpose(pygame.surfarray.array3d(surface), (1, 0, 2))


def count_colour(surface, colour):
    return int((pixels(surface) == colour).all(axis=-1).sum())


@pytest.mark.parametrize(
    ("size", "kind", "blind"),
    [*itertools.product(SIZES, ("Lane", "BareLane"), (False, True)), ((3840, 2160), "Lane", False)],
)
def test_everything_is_drawn_at_any_size(make_playback, size, kind, blind):
    playback = make_playback(kind=kind, blind=blind)
    surface = pygame.Surface(size)
    painter = Painter()
    while not playback.over:
        playback.advance()
    status = Status(paused=True, recording=True, message="message", help=[("H", "help")])
    for panels in (True, False):
        painter.draw(surface, playback.frame(), status, panels)
        assert pixels(surface).std() > 5


@pytest.mark.parametrize("actions", [1, 2, 9, 18, 60, 300])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
@pytest.mark.parametrize("blind", [False, True])
def test_any_number_of_actions_fits(make_playback, actions, size, blind):
    Painter().draw(pygame.Surface(size), make_playback(actions=actions, blind=blind).frame())


@pytest.mark.parametrize("leaves", [(0, 4, 1), (1, 3, 4), (3, 3, 4), (2, 3, 8), (12, 128, 1)])
@pytest.mark.parametrize("size", [(640, 480), (1280, 720)])
def test_any_observation_is_drawn(make_playback, leaves, size):
    channels, vector, frame_stack = leaves
    playback = make_playback(channels=channels, vector=vector, frame_stack=frame_stack if channels else 1)
    Painter().draw(pygame.Surface(size), playback.frame())


def test_the_bar_of_the_greedy_action_is_marked(make_playback):
    frame = make_playback(actions=5).frame()
    for best in range(5):
        q = np.full(5, 0.5, dtype=np.float32)
        q[best] = 1.0
        surface = pygame.Surface((400, 300))
        rows = draw_actions(surface, surface.get_rect(), dataclasses.replace(frame, q=q, action=best), Pen(1.0))
        marked = {action for action, row in rows.items() if count_colour(surface.subsurface(row), ORANGE) > 20}
        assert marked == {best}


def test_bars_run_from_the_worst_to_the_best_value_of_the_moment(make_playback):
    frame = make_playback(actions=3).frame()
    surface = pygame.Surface((400, 200))
    q = np.array([1000.0, 1000.5, 1001.0], dtype=np.float32)
    rows = draw_actions(surface, surface.get_rect(), dataclasses.replace(frame, q=q, action=2), Pen(1.0))
    worst, middle, best = (
        max(count_colour(surface.subsurface(rows[action]), colour) for colour in (SKY, ORANGE)) for action in range(3)
    )
    assert worst < 0.2 * best
    assert 0.4 * best < middle < 0.65 * best


def test_a_whisker_spans_the_returns_of_each_action(make_playback):
    frame = make_playback(actions=2).frame()
    q = np.array([0.0, 1.0], dtype=np.float32)

    def whisker(spread):
        surface = pygame.Surface((400, 200))
        spread = np.array([[0.0, 0.0], spread], dtype=np.float32)
        drawn = dataclasses.replace(frame, q=q, spread=spread, action=1)
        row = draw_actions(surface, surface.get_rect(), drawn, Pen(1.0))[1]
        middle = pixels(surface.subsurface(row))[row.height // 2]
        return int((middle == DIM).all(axis=-1).sum()), int((middle == ORANGE).all(axis=-1).sum())

    beyond, bar = whisker((0.5, 2.0))  # on a scale up to 2 the bar takes half, and the whisker hides half of that
    assert 1.4 < beyond / bar < 2.0
    assert whisker((1.0, 1.0))[0] <= 1  # nothing beyond the bar but a tick at its end
    assert whisker((np.nan, np.inf))[1] > 0


def test_all_eighteen_actions_of_an_atari_game_have_a_row_at_640_by_480(make_playback):
    frame = make_playback(actions=18).frame()
    surface = pygame.Surface((230, 150))
    rows = draw_actions(surface, surface.get_rect(), frame, Pen(scale_for((640, 480))))
    assert len(rows) == 18
    assert all(surface.get_rect().contains(row) and row.height >= 10 for row in rows.values())


@pytest.mark.parametrize("blind", [False, True])
def test_of_too_many_actions_the_one_that_is_taken_is_among_those_shown(make_playback, blind):
    frame = dataclasses.replace(make_playback(actions=300, blind=blind).frame(), action=211)
    if not blind:
        q = np.zeros(300, dtype=np.float32)
        q[211] = 1.0
        frame = dataclasses.replace(frame, q=q)
    surface = pygame.Surface((300, 200))
    rows = draw_actions(surface, surface.get_rect(), frame, Pen(1.0))
    assert 211 in rows
    assert len(rows) < 300


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e30])
def test_extreme_numbers_are_drawn(make_playback, value):
    frame = make_playback().frame()
    frame = dataclasses.replace(
        frame,
        q=np.full(3, value, dtype=np.float32),
        values=np.array([0.0, value], dtype=np.float32),
        inputs={"state": np.array([value, 1.0], dtype=np.float32)},
        reach={"state": np.array([abs(value), 1.0], dtype=np.float32)},
        telemetry={"speed": Reading(value, "m/s", -math.inf, math.inf), "slip": Reading(value, "", 0.0, 1.0)},
    )
    Painter().draw(pygame.Surface((1280, 720)), frame)


def test_scene_keeps_its_shape():
    for aspect in (0.5, 1.0, 1.5, 3.0):
        layout = arrange((1280, 720), Pen(1.0), aspect, panels=True)
        assert layout.scene.right < min(column.left for column in layout.columns)
        assert layout.scene.width / layout.scene.height >= 0.8


def test_a_wide_scene_leaves_one_column_of_panels_and_a_square_one_two():
    assert len(arrange((1280, 720), Pen(1.0), 1.5, panels=True).columns) == 1
    assert len(arrange((1280, 720), Pen(1.0), 1.0, panels=True).columns) == 2


def test_without_room_the_least_important_panel_is_left_out():
    demands = [Demand(100, 200, 1.0, 3), Demand(100, 200, 0.0, 0), Demand(100, 100, 0.0, 2)]
    column = pygame.Rect(0, 0, 100, 250)
    places = stack(column, demands, gap=10)
    assert places[0] is None
    assert [column.contains(place) for place in places[1:]] == [True, True]
    assert not places[1].colliderect(places[2])


def test_a_stack_of_grey_pictures_is_cut_into_its_frames_newest_last():
    stacked = np.arange(4 * 4 * 4, dtype=np.uint8).reshape(4, 4, 4)
    cut = tiles(stacked, Leaf("picture", (4, 4, 4), "uint8", stack=4))
    assert [tile.label for tile in cut] == ["t−3", "t−2", "t−1", "now"]
    assert np.array_equal(cut[-1].pixels[..., 0], stacked[..., 3])


def test_channels_that_have_names_are_labelled_by_them():
    named = Leaf("drivable", (4, 4, 4), "uint8", stack=2, components=("road", "objects"))
    cut = tiles(np.zeros((4, 4, 4), dtype=np.uint8), named)
    assert [tile.label for tile in cut] == ["road t−1", "objects t−1", "road now", "objects now"]
    cut = tiles(np.zeros((4, 4, 2), dtype=np.uint8), None)
    assert [tile.label for tile in cut] == ["channel 1", "channel 2"]


def test_three_channels_of_a_frame_are_a_colour_picture():
    cut = tiles(np.zeros((4, 4, 6), dtype=np.uint8), Leaf("picture", (4, 4, 6), "uint8", stack=2))
    assert [(tile.label, tile.pixels.shape) for tile in cut] == [("t−1", (4, 4, 3)), ("now", (4, 4, 3))]


def test_pictures_of_floats_run_from_0_to_1():
    cut = tiles(np.array([[[0.0], [0.5], [2.0]]], dtype=np.float32), None)
    assert cut[0].pixels[0, :, 0].tolist() == [0, 128, 255]


def test_panels_survive_an_environment_that_quits_pygame_when_closed(make_playback):
    painter = Painter()
    surface = pygame.Surface((640, 480))
    frame = make_playback().frame()
    painter.draw(surface, frame)
    before = pixels(surface)
    pygame.quit()
    painter.draw(surface, frame)
    assert np.array_equal(pixels(surface), before)


def test_state_of_the_window_is_shown_by_colour(make_playback):
    frame = make_playback().frame()
    header = pygame.Rect(1000, 0, 280, 36)
    surface = pygame.Surface((1280, 720))
    seen = {}
    for paused in (False, True):
        Painter().draw(surface, frame, Status(paused=paused))
        seen[paused] = [count_colour(surface.subsurface(header), colour) > 10 for colour in (GREEN, ORANGE)]
    assert seen == {False: [True, False], True: [False, True]}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.001, "0.00"), (3.14159, "3.14"), (-250.25, "−250.2"), (12345.6, "12,346"), (math.nan, "–")],
)
def test_numbers_are_formatted(value, text):
    assert number(value) == text


def test_decimals_tell_close_values_apart():
    assert number(19.9994, decimals_for(0.0012)) != number(20.0006, decimals_for(0.0012))
    assert number(12.4, decimals_for(300.0)) == "12"


@pytest.mark.parametrize(
    ("names", "width"),
    [
        (["DOWNRIGHT", "DOWNRIGHTFIRE", "DOWNLEFT", "DOWNLEFTFIRE"], 80),
        (["hard right brake", "hard right coast", "right brake", "hard left brake", "hard left coast"], 72),
        (["steer 12", "steer 13", "steer 112"], 45),
    ],
)
def test_long_names_stay_different_when_shortened(names, width):
    pen = Pen(1.0)
    short = [pen.fit_name(name, width, 12) for name in names]
    assert len(set(short)) == len(names)
    assert all(pen.width(name, 12) <= width for name in short)


def test_okabe_ito_colours_have_enough_contrast():
    def luminance(colour):
        channels = [(c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(channels, [0.2126, 0.7152, 0.0722]))

    for colour in (ORANGE, SKY, GREEN):
        assert (luminance(colour) + 0.05) / (luminance(PANEL) + 0.05) > 3.0  # WCAG 2.1 for graphics

import itertools

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from gymnasium.error import ResetNeeded
from rlkit_envs.driving.render.scenery import Scenery
from rlkit_envs.driving.road.csv_file import load_circuit
from rlkit_envs.driving.traffic.behaviour import CAR, CONE


def make(**kwargs):
    return gymnasium.make("rlkit/Driving-v0", split="test", render_mode="rgb_array", **kwargs).unwrapped


@pytest.mark.parametrize("size", [(960, 640), (320, 240), (200, 300)])
def test_pictures_have_the_size_that_was_asked_for(size):
    env = make(render_size=size)
    env.reset(seed=0)
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((size[1], size[0], 3), np.uint8)


def test_the_picture_shows_grass_road_and_an_orange_car():
    env = make()
    env.reset(seed=0)
    red, green, blue = np.moveaxis(env.render().astype(int), -1, 0)
    assert ((green > red + 15) & (green > blue + 30)).mean() > 0.4
    assert (np.abs(red - green) + np.abs(green - blue) < 16).mean() > 0.05
    orange = (red > 200) & (blue < 110) & (green < 160)
    rows, columns = np.nonzero(orange[300:560, 400:560])
    assert len(rows) > 200
    assert abs(columns.mean() - 80) < 4


def test_what_agents_see_does_not_depend_on_rendering():
    drawn, plain = make(), gymnasium.make("rlkit/Driving-v0", split="test").unwrapped
    drawn.reset(seed=4)
    plain.reset(seed=4)
    for _ in range(15):
        drawn.render()
        one, two = drawn.step(8)[0], plain.step(8)[0]
        assert np.array_equal(one["birdview"], two["birdview"])
        assert np.array_equal(one["state"], two["state"])


def test_drawing_twice_gives_the_same_picture_in_arrays_of_their_own():
    env = make(render_size=(240, 160))
    env.reset(seed=0)
    one, two = env.render(), env.render()
    assert np.array_equal(one, two)
    assert not np.shares_memory(one, two)


def test_the_same_drive_gives_the_same_pictures():
    films = []
    for _ in range(2):
        env = make(render_size=(240, 160))
        env.reset(seed=0)
        films.append([env.render() for _ in range(10) if env.step(14)])
    assert np.array_equal(*films)


def test_many_cars_are_drawn_one_by_one():
    vector = gymnasium.make_vec(
        "rlkit/Driving-v0", num_envs=2, split="test", render_mode="rgb_array", render_size=(240, 160)
    )
    with pytest.raises(ResetNeeded):
        vector.render()
    vector.reset(seed=0)
    pictures = vector.render()
    single = make(render_size=(240, 160))
    single.reset(seed=1)
    assert np.array_equal(pictures[1], single.render())


def test_pictures_between_two_decisions_lead_from_one_to_the_other():
    env = make(render_size=(240, 160))
    env.reset(seed=0)
    assert np.array_equal(env.render_between(0.5), env.render())  # there is no way behind it yet
    for _ in range(9):
        before = env.render()
        env.step(8)
    pictures = [env.render_between(share / 6) for share in range(7)]
    changes = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(pictures)]
    whole = np.abs(pictures[0].astype(int) - pictures[-1]).mean()
    assert 0.0 < max(changes) < whole
    assert np.array_equal(pictures[-1], env.render())
    assert np.abs(pictures[0].astype(int) - before).mean() < 0.2 * whole


def test_the_window_shows_itself_while_driving():
    env = gymnasium.make("rlkit/Driving-v0", render_mode="human", render_size=(160, 120)).unwrapped
    env.reset(seed=0)
    env.step(8)
    assert env.render() is None
    env.close()
    env.close()


def test_the_memory_of_the_scenery_is_bounded(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 800, endpoint=False)
    circuit = load_circuit(write_circuit(600.0 * np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    scenery = Scenery(circuit, np.zeros(len(circuit.line)))
    for angle in np.linspace(0.0, 2.0 * np.pi, 40):
        scenery.draw((240, 160), (600.0 * np.cos(angle), 600.0 * np.sin(angle)), angle, 4.0, (120.0, 110.0))
    assert 5e6 < scenery.nbytes < 45e6


def render_with_other(ahead, **values):
    """Render a car at the start line, with another road user so many metres ahead of it."""
    env = make(traffic=1)
    env.reset(seed=0)
    circuit = env.episodes.simulator.circuit_of(0)
    x, y, tx, ty = circuit.line[round(ahead / circuit.step), :4].tolist()
    state = env.get_state()
    state["others"][0] |= {"x": x, "y": y, "heading": np.arctan2(ty, tx), "length": 4.5, "width": 1.8, **values}
    env.set_state(state)
    return env.render().astype(int)


def test_other_cars_and_cones_are_drawn_where_they_stand():
    empty = render_with_other(15.0, active=0)
    blue = render_with_other(15.0, active=1, kind=CAR, colour=3)
    away = np.argwhere(((blue[..., 2] > blue[..., 0] + 60) & (blue[..., 2] > 120))[:440])
    assert len(away) > 100  # a blue car
    assert abs(away[:, 1].mean() - 480.0) < 60.0
    cone = render_with_other(15.0, active=1, kind=CONE, width=0.5)
    changed = np.abs(cone - empty).sum(axis=-1)[:440] > 60
    assert 10 < changed.sum() < len(away) + 2000


def test_a_ghost_drives_along_and_lets_the_road_through():
    env = make()
    env.reset(seed=0)
    plain = env.render().astype(int)
    circuit = env.episodes.simulator.circuit_of(0)
    along = circuit.line[10:60]
    poses = np.column_stack([along[:, 0], along[:, 1], np.arctan2(along[:, 3], along[:, 2])])
    env.set_ghost(poses)
    first = env.render().astype(int)
    seen = np.abs(first - plain).sum(axis=-1) > 20
    assert seen.sum() > 300
    for _ in range(5):
        env.step(7)
    later = env.render().astype(int)
    moved = np.abs(later - first).sum(axis=-1) > 20
    assert np.argwhere(moved)[:, 0].min() < np.argwhere(seen[:440])[:, 0].min()  # it went ahead, upwards
    env.set_ghost(None)
    env.reset(seed=0)
    assert np.array_equal(env.render(), plain)


def test_what_agents_see_knows_no_ghost():
    env, plain = make(), make()
    one, two = env.reset(seed=0)[0], plain.reset(seed=0)[0]
    env.set_ghost(np.array([[*env.episodes.report()["pose"][0]]]))
    env.render()
    one, two = env.step(8)[0], plain.step(8)[0]
    assert all(np.array_equal(one[name], two[name]) for name in one)

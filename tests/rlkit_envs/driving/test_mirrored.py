"""A world in the mirror: what is seen there is what is seen here, turned over as learners do it, to the last bit."""

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.road.circuit import CURVATURE, LEFT, RIGHT, TX, TY, Circuit, X, Y
from rlkit_envs.driving.road.generator import make_circuit
from rlkit_envs.driving.terrain.layers import Needs, build_ground, style_of
from rlkit_envs.driving.terrain.roadside import BOARD, BUSH, place_roadside
from rlkit_envs.driving.vehicle.actions import ACTION_NAMES
from rlkit_envs.driving.weather.sprites import sprites

STEPS = 120
SEEDS = (0, 1)

DRIVING, CAMERA, TRAFFIC, RACING = (
    f"rlkit/{name}-v0" for name in ("Driving", "DrivingCamera", "DrivingTraffic", "CarRacing")
)
STORM = {"weather": "storm", "grip": None}  # rain, noise, headlights
# Which environment, and its arguments.
CASES = {
    "road, state": (DRIVING, {}),
    "road, state, preview": (DRIVING, {"sensors": "birdview,state,preview", "metres_per_pixel": (0.7, 2.0)}),
    "road of an odd size": (DRIVING, {"view_size": 25, "metres_per_pixel": 1.3}),
    "classes": (DRIVING, {"birdview": "classes", "view_size": 32}),
    "colour in all weathers": (DRIVING, {"birdview": "colour", "view_size": 32, "weather": "all"}),
    "race car on a long circuit": (DRIVING, {"vehicle": "race_car", "circuit_length": (900.0, 1200.0)}),
    "off the road": (DRIVING, {"off_road": "slow", "start": "line", "jerk_penalty": 0.01, "steering_penalty": 0.1}),
    "backwards, test split": (DRIVING, {"backwards": True, "split": "test"}),
    "picture": (DRIVING, {"observation": "picture"}),
    "picture of an odd size": (DRIVING, {"observation": "picture", "view_size": 33}),
    "picture in colour": (DRIVING, {"observation": "picture", "birdview": "colour", "weather": "snow"}),
    "picture of the camera": (DRIVING, {"observation": "picture", "sensors": "camera,state", "camera_size": (48, 64)}),
    "camera": (CAMERA, {"weather": "clear"}),
    "camera, low sun": (CAMERA, {"weather": "low sun", "camera_size": (64, 84)}),
    "camera, storm": (CAMERA, STORM),
    "camera, snow": (CAMERA, {"weather": "snow", "grip": None}),
    "camera, night": (CAMERA, {"weather": "night", "camera_pitch": 0.2}),
    "camera among others": (CAMERA, {"weather": "train", "traffic": 4, "obstacles": 6}),
    "traffic": (TRAFFIC, {}),
    "traffic that bounces": (TRAFFIC, {"traffic": 12, "obstacles": 8, "collision": "bounce", "off_road": "slow"}),
    "CarRacing": (RACING, {"continuous": False}),
    "CarRacing with its state": (RACING, {"continuous": False, "sensors": "birdview,state"}),
    "CarRacing as a dict": (RACING, {"continuous": False, "observation": "dict", "sensors": "birdview,state"}),
}


def make(name=DRIVING, **kwargs):
    return gymnasium.make(name, **kwargs).unwrapped


def turned_over(seen, mirror):
    """What learners make of an observation in the mirror that its environment declares."""
    if not isinstance(seen, dict):
        return seen[:, ::-1]
    return {name: part[:, ::-1] if part.ndim > 1 else part * np.float32(mirror[name]) for name, part in seen.items()}


def assert_same(expected, came, where):
    if not isinstance(expected, dict):
        expected, came = {"picture": expected}, {"picture": came}
    for name, part in expected.items():
        share = np.mean(part != came[name])
        assert share == 0.0, f"{where}: {100 * share:.3g} % of {name!r} differ"


def actions(env, random):
    """What a good driver does, and now and then anything."""
    return int(random.integers(env.action_space.n)) if random.random() < 0.2 else int(env.expert_action())


def drive_beside(one, two, first, second, seed, most=STEPS):
    """Drive two environments that have been reset, the second by mirrored actions; give the steps driven."""
    mirror, random = one.metadata["mirror"], np.random.default_rng(seed)
    for step in range(most):
        assert_same(turned_over(first, mirror), second, f"seed {seed}, step {step}")
        action = actions(one, random)
        first, reward, terminated, truncated, _ = one.step(action)
        second, *same, _ = two.step(mirror["actions"][action])
        assert same == [reward, terminated, truncated]
        if terminated or truncated:
            return step + 1
    return most


@pytest.mark.parametrize("case", CASES)
def test_an_episode_in_the_mirror_looks_and_pays_as_the_mirror_image_of_the_episode(case):
    name, kwargs = CASES[case]
    one, two = make(name, num_circuits=2, **kwargs), make(name, num_circuits=2, **kwargs)
    driven = 0
    for seed in (*SEEDS, 2, 3, 4, 5, 6, 7):
        first, second = one.reset(seed=seed)[0], two.reset(seed=seed, options={"mirrored": True})[0]
        cars = [env.episodes.simulator.cars[0] for env in (one, two)]
        assert (cars[0]["x"], cars[0]["y"], cars[0]["heading"]) == (cars[1]["x"], -cars[1]["y"], -cars[1]["heading"])
        driven += drive_beside(one, two, first, second, seed)
        if driven >= 2 * STEPS:
            break
    assert driven >= STEPS


def test_a_file_turned_over_is_driven_as_its_mirror_image(write_circuit):
    angles = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    radius = 60.0 + 12.0 * np.cos(3.0 * angles)
    points = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    files = [write_circuit(points * side, name=name) for side, name in (((1, 1), "a"), ((1, -1), "b"))]
    for kwargs in ({}, {"observation": "picture"}, {"sensors": "birdview,preview,state", "view_size": 64}):
        one, two = (make(circuit=file, start="line", **kwargs) for file in files)
        driven = drive_beside(one, two, one.reset(seed=0)[0], two.reset(seed=0)[0], 0, 200)
        assert driven >= 100


def test_what_is_compared_is_not_the_same_from_both_sides():
    for name, kwargs in ((DRIVING, {"observation": "picture"}), (CAMERA, {}), (RACING, {"continuous": False})):
        env = make(name, num_circuits=2, **kwargs)
        env.reset(seed=0)
        for _ in range(10):
            seen = env.step(0 if name == RACING else ACTION_NAMES.index("left accelerate"))[0]
        part = seen["camera"] if isinstance(seen, dict) else seen
        assert np.mean(part != part[:, ::-1]) > 0.1


def test_each_car_of_a_batch_is_mirrored_as_one_alone_would_be():
    batch = gymnasium.make_vec(CAMERA, num_envs=3, vectorization_mode="vector_entry_point", num_circuits=2, traffic=2)
    alone = [make(CAMERA, num_circuits=2, traffic=2) for _ in range(3)]
    mask = np.array([True, False, True])
    batch.reset(seed=[5, 6, 7])
    seen = batch.reset(seed=[5, 6, 7], options={"reset_mask": mask, "mirrored": True})[0]
    singles = [env.reset(seed=5 + i, options={"mirrored": bool(mask[i])})[0] for i, env in enumerate(alone)]
    for _ in range(5):
        for i, single in enumerate(singles):
            assert_same(single, {name: rows[i] for name, rows in seen.items()}, f"place {i}")
        seen = batch.step(np.array([11, 8, 5]))[0]
        singles = [env.step(action)[0] for env, action in zip(alone, (11, 8, 5), strict=True)]
    assert batch.metadata["mirror"] == alone[0].metadata["mirror"]


def test_the_next_episode_is_not_mirrored_unless_it_is_asked_for():
    env, other = make(), make()
    env.reset(seed=3, options={"mirrored": True})
    assert_same(env.reset(seed=4)[0], other.reset(seed=4)[0], "reset")


def test_a_mirrored_episode_is_gone_on_with_from_its_state():
    env, other = make(CAMERA, num_circuits=2), make(CAMERA, num_circuits=2)
    env.reset(seed=3, options={"mirrored": True})
    env.step(11)
    other.set_state(env.get_state())
    assert_same(env.step(8)[0], other.step(8)[0], "step")


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="True or False"):
        make().reset(seed=0, options={"mirrored": "yes"})
    with pytest.raises(ValueError, match="'mirrored'"):
        make().reset(seed=0, options={"mirror": True})


@pytest.mark.parametrize("kind", ["single", "vector"])
def test_the_mirror_is_that_of_what_is_seen_and_done(kind):
    def mirror(name=DRIVING, **kwargs):
        if kind == "single":
            return make(name, **kwargs).metadata.get("mirror")
        return gymnasium.make_vec(name, 2, vectorization_mode="vector_entry_point", **kwargs).metadata.get("mirror")

    exchanged = tuple(range(12, 15)) + tuple(range(9, 12)) + tuple(range(6, 9)) + tuple(range(3, 6)) + tuple(range(3))
    signs = (1.0, -1.0, -1.0)
    assert mirror() == {"state": signs, "actions": exchanged}
    assert set(mirror(sensors="birdview,state,preview")) == {"state", "preview", "actions"}
    assert mirror(observation="picture") == mirror(sensors="birdview") == {"actions": exchanged}
    assert mirror(CAMERA) == {"state": signs, "actions": exchanged}
    assert mirror(sensors="lidar,state") is None  # its beams change places, which no sign says
    assert mirror(observation="picture", sensors="birdview,lidar") == {"actions": exchanged}
    assert mirror(actions="continuous") == {"state": signs}  # exchanging numbers says nothing of such actions
    assert mirror(RACING, continuous=False) == {"actions": (0, 2, 1, 3, 4)}
    assert mirror(RACING, continuous=False, sensors="birdview,state") == {"actions": (0, 2, 1, 3, 4)}
    assert mirror(RACING, continuous=False, sensors="state", observation="dict") == {
        "state": signs,
        "actions": (0, 2, 1, 3, 4),
    }
    assert mirror(RACING, continuous=False, sensors="lidar", observation="dict") is None
    assert mirror(RACING) == {}


def test_the_class_promises_no_mirror_since_arguments_decide():
    for name in (DRIVING, RACING):
        assert "mirror" not in type(make(name)).metadata


def test_the_mirror_image_of_a_circuit_turns_the_other_way_and_that_of_the_image_is_the_circuit():
    circuit = make_circuit(3, "train")
    image = circuit.mirrored()
    for same in (X, TX):
        assert np.array_equal(image.line[:, same], circuit.line[:, same])
    for turned in (Y, TY, CURVATURE):
        assert np.array_equal(image.line[:, turned], -circuit.line[:, turned])
    assert np.array_equal(image.line[:, [LEFT, RIGHT]], circuit.line[:, [RIGHT, LEFT]])
    assert image.is_mirrored
    assert image.name == circuit.name
    again = image.mirrored()
    assert np.array_equal(again.line, circuit.line)
    assert not again.is_mirrored
    assert circuit.reversed().mirrored().is_mirrored
    assert circuit.mirrored().reversed().is_mirrored


@pytest.mark.parametrize("number", range(6))
def test_the_ground_of_a_mirrored_circuit_is_the_ground_turned_over(number):
    circuit = make_circuit(number, "train")
    line = circuit.line.copy()
    random = np.random.default_rng(number)
    line[:, LEFT] += random.uniform(0.0, 2.0)  # so that the sides differ
    uneven = Circuit(circuit.name, line, circuit.length)
    grounds = []
    for one in (uneven, uneven.mirrored()):
        style = style_of(one)
        grounds.append(
            build_ground(one, Needs((1.0, 2.0), 0.25), place_roadside(one, style.seed, style.sun, style.flipped))
        )
    low, high = uneven.points.min(axis=0) - 40.0, uneven.points.max(axis=0) + 40.0
    points = random.uniform(low, high, (40_000, 2))
    for layer in range(len(grounds[0].layers)):
        assert np.array_equal(grounds[0].at(layer, points), grounds[1].at(layer, points * (1.0, -1.0))), layer


def test_the_roadside_of_a_mirrored_circuit_is_the_roadside_turned_over():
    for number in range(4):
        circuit = make_circuit(number, "test")
        one, image = (
            place_roadside(each, style_of(each).seed, style_of(each).sun, style_of(each).flipped)
            for each in (circuit, circuit.mirrored())
        )
        assert image.sun == -one.sun
        assert np.array_equal(one.standing["y"], -image.standing["y"])
        for same in ("x", "height", "width", "kind", "tint"):
            assert np.array_equal(one.standing[same], image.standing[same])
        assert np.array_equal(one.standing["turned"], 1 - image.standing["turned"])


def test_boards_point_into_the_curve_that_they_stand_before():
    circuit = make_circuit(2, "train")
    standing = place_roadside(circuit, 1, 0.0).standing
    boards = standing[standing["kind"] == BOARD]
    assert set(boards["turned"]) == {0, 1}
    for board in boards:
        away = circuit.points - (board["x"], board["y"])
        nearest = int((away**2).sum(axis=1).argmin())
        on_the_left = float((away[nearest] * circuit.normals[nearest]).sum()) < 0.0
        assert board["turned"] == (not on_the_left)  # on the right of the road before a curve to the left
    picture = sprites()[0, BOARD] > 0
    assert np.array_equal(picture, picture[:, ::-1])
    assert not np.array_equal(sprites()[0, BOARD], sprites()[0, BOARD][:, ::-1])


def test_about_every_second_circuit_has_its_textures_and_trees_turned_over():
    flipped = [style_of(Circuit(f"train-{n}", np.zeros((0, 8)), 0.0)).flipped for n in range(400)]
    assert 0.4 < np.mean(flipped) < 0.6
    standing = place_roadside(make_circuit(0, "train"), 3, 0.0, flipped=True).standing
    assert (standing["turned"][standing["kind"] <= BUSH] == 1).all()


def test_a_cone_looks_the_same_from_both_sides():
    cone = sprites()[0, -1]
    assert np.array_equal(cone, cone[:, ::-1])

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.sensors.boxes import BOX_CLASSES, FIELDS, MOST_BOXES
from rlkit_envs.driving.weather.palette import VEHICLE

CLASS, TRUNCATION, OCCLUSION, DISTANCE, BEARING, RELATIVE_SPEED, SPEED = (
    FIELDS.index(name)
    for name in ("class", "truncation", "occlusion", "distance", "bearing", "relative_speed", "speed")
)
BOX = slice(FIELDS.index("x1"), FIELDS.index("y2") + 1)


def make(**kwargs):
    return gymnasium.make(
        "rlkit/DrivingTrafficCamera-v0", **{"weather": "clear", "num_circuits": 3, **kwargs}
    ).unwrapped


@pytest.fixture(scope="module")
def env():
    """Traffic so dense that objects hide each other."""
    return make(traffic=6, obstacles=6)


def begin(env, seed, furthest=25.0):
    """Start an episode, and move the others to random places ahead of the car: the state."""
    env.reset(seed=seed)
    state = env.get_state()
    random = np.random.default_rng(seed)
    car = state["car"]
    for other in state["others"]:
        ahead, left = random.uniform(1.0, furthest), random.uniform(-0.4 * furthest, 0.4 * furthest)
        cosine, sine = np.cos(car["heading"]), np.sin(car["heading"])
        other |= {
            "x": car["x"] + ahead * cosine - left * sine,
            "y": car["y"] + ahead * sine + left * cosine,
            "heading": car["heading"] + random.uniform(-3.0, 3.0),
        }
    return state


def observe(env, state, kept=None):
    """The observation of a state, with all of the others or only those kept."""
    others = [other | {"active": int(kept is None or k in kept)} for k, other in enumerate(state["others"])]
    env.set_state(state | {"others": others})
    return {name: rows[0] for name, rows in env.episodes.observe().items()}


def rows_of(observation):
    boxes = observation["boxes"]
    return boxes[boxes[:, CLASS] >= 0.0]


def box_around(pixels):
    """x1, y1, x2, y2 around the pixels (H, W) bool that are set."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def scene(env, seed):
    """Boxes, and for each of the others the pixels that show it and those that would if it were alone."""
    state = begin(env, seed)
    empty = observe(env, state, set())["camera"]
    count = len(state["others"])
    alone = [(observe(env, state, {k})["camera"] != empty).any(axis=2) for k in range(count)]
    # What is nearer hides what is behind it.
    car = state["car"]
    ahead = [other["x"] * np.cos(car["heading"]) + other["y"] * np.sin(car["heading"]) for other in state["others"]]
    shown = [
        alone[k] & ~np.any([alone[j] for j in range(count) if ahead[j] < ahead[k]] or [False], axis=0)
        for k in range(count)
    ]
    return rows_of(observe(env, state)), shown, alone, state


@pytest.mark.parametrize("seed", range(8))
def test_boxes_are_those_of_the_pixels_that_show_each_object(env, seed):
    boxes, shown, alone, state = scene(env, seed)
    assert len(boxes) == sum(pixels.any() for pixels in shown)
    exact = 0
    for pixels, whole, other in zip(shown, alone, state["others"], strict=True):
        if not pixels.any():
            continue
        row = boxes[np.abs(boxes[:, BOX] - box_around(pixels)).max(axis=1).argmin()]
        assert np.array_equal(row[BOX], box_around(pixels))
        assert BOX_CLASSES[int(row[CLASS])] == ("cone" if other["kind"] == 2 else "car")
        hidden = 1.0 - pixels.sum() / whole.sum()
        assert row[OCCLUSION] >= hidden - 1e-6
        # What stands beside the road is in both pictures, so that here it hides nothing.
        exact += row[OCCLUSION] == pytest.approx(hidden, abs=1e-6)
    assert exact > 0.6 * len(boxes)


def test_the_scenes_hold_hidden_and_cut_objects(env):
    boxes = np.concatenate([rows_of(observe(env, begin(env, seed))) for seed in range(8)])
    assert (boxes[:, OCCLUSION] > 0.3).sum() >= 5
    assert (boxes[:, TRUNCATION] > 0.3).sum() >= 5
    assert (boxes[:, OCCLUSION] == 0.0).any()
    assert (boxes[:, TRUNCATION] == 0.0).any()


def test_a_box_ends_at_the_edge_and_truncation_is_the_share_beyond():
    # The same focal length behind a picture three times as wide and high shows what lies beyond the edge.
    narrow = make(traffic=1, obstacles=0)
    wide = make(
        traffic=1,
        obstacles=0,
        camera_size=(288, 384),
        camera_field_of_view=2.0 * float(np.arctan(3.0 * np.tan(0.61))),
    )
    cut = 0
    for seed in range(30):
        state = begin(narrow, seed)
        boxes, whole = rows_of(observe(narrow, state)), rows_of(observe(wide, state))
        if not len(boxes) or whole[0, TRUNCATION] > 0.0:
            continue
        seen = observe(wide, state)["segmentation"][96:192, 128:256] == VEHICLE
        assert np.array_equal(boxes[0, BOX], box_around(seen))
        # Trees may hide an end of the whole object.
        if whole[0, OCCLUSION] == 0.0:
            x1, y1, x2, y2 = whole[0, BOX] - (128.0, 96.0, 128.0, 96.0)
            inside = np.clip((x1, y1, x2, y2), 0.0, (128.0, 96.0, 128.0, 96.0))
            share = 1.0 - (inside[2] - inside[0]) * (inside[3] - inside[1]) / ((x2 - x1) * (y2 - y1))
            assert boxes[0, TRUNCATION] == pytest.approx(share, abs=0.1)
            cut += share > 0.1
    assert cut >= 3


def test_distance_is_that_to_the_nearest_point_and_bearing_that_of_the_middle():
    env = make(traffic=1, obstacles=0)
    state = begin(env, 0)
    car, other = state["car"], state["others"][0]
    camera = np.array([car["x"], car["y"]]) + 0.4 * np.array([np.cos(car["heading"]), np.sin(car["heading"])])
    for distance, bearing in ((12.0, 0.0), (9.0, 0.3), (20.0, -0.4)):
        direction = car["heading"] + bearing
        other["x"], other["y"] = camera + distance * np.array([np.cos(direction), np.sin(direction)])
        other["heading"] = direction  # seen from behind
        row = rows_of(observe(env, state))[0]
        assert row[DISTANCE] == pytest.approx(distance - 0.5 * other["length"], abs=1e-4)
        assert row[BEARING] == pytest.approx(bearing, abs=1e-5)
        assert (row[BOX][0] + row[BOX][2] < 128.0) == (bearing > 0.0) or bearing == 0.0


def test_relative_speed_is_the_change_of_the_distance():
    env = make(traffic=8, obstacles=2, decision_time=0.02)
    checked = 0
    for seed in range(6):
        env.reset(seed=seed)
        camera = env.metadata["camera"]["ahead"]

        def places(camera=camera):
            car, others = env.episodes.simulator.cars[0], env.episodes.simulator.others[0]
            x, y = car["x"] + camera * np.cos(car["heading"]), car["y"] + camera * np.sin(car["heading"])
            return np.hypot(others["x"] - x, others["y"] - y), others["speed"].copy()

        for _ in range(10):
            observation = env.step(env.expert_action())[0]
        (before, _), rows = places(), rows_of(observation)
        later = rows_of(env.step(env.expert_action())[0])
        after, speeds = places()
        rates = (after - before) / 0.02
        for row in later:
            k = np.abs(speeds - row[SPEED]).argmin()
            if any(np.abs(rows[:, BEARING] - row[BEARING]) < 0.02):
                assert np.abs(rates - row[RELATIVE_SPEED]).min() < 0.2
                assert abs(speeds[k] - row[SPEED]) < 0.2
                checked += 1
    assert checked >= 6


def test_rows_are_sorted_by_distance_and_only_the_nearest_are_kept():
    env = make(traffic=40, obstacles=20, circuit_length=(600.0, 700.0))
    most = 0
    for seed in range(6):
        boxes = observe(env, begin(env, seed, furthest=100.0))["boxes"]
        count = int((boxes[:, CLASS] >= 0.0).sum())
        assert (np.diff(boxes[:count, DISTANCE]) >= 0.0).all()
        assert (boxes[count:] == [-1.0] + [0.0] * (len(FIELDS) - 1)).all()
        assert env.observation_space["boxes"].contains(boxes)
        most = max(most, count)
    assert most == MOST_BOXES


@pytest.mark.parametrize("height", [0.3, 1.3])
def test_a_camera_within_another_car_is_no_error(height):
    env = make(traffic=1, obstacles=0, camera_height=height)
    state = begin(env, 0)
    car, other = state["car"], state["others"][0]
    for ahead in (0.9, 1.1, 2.0):
        other["x"], other["y"] = car["x"] + ahead * np.cos(car["heading"]), car["y"] + ahead * np.sin(car["heading"])
        other["heading"] = car["heading"]
        boxes = rows_of(observe(env, state))
        assert len(boxes) <= 1
        assert np.isfinite(boxes).all()
        assert (boxes[:, DISTANCE] == 0.0).all()


def test_without_others_every_row_is_empty():
    env = make(traffic=0, obstacles=0)
    assert (env.reset(seed=0)[0]["boxes"][:, CLASS] == -1.0).all()


def test_boxes_change_nothing_else_and_a_batch_has_those_of_each_car_alone():
    batch = gymnasium.make_vec(
        "rlkit/DrivingTrafficCamera-v0",
        num_envs=3,
        vectorization_mode="vector_entry_point",
        num_circuits=3,
        obstacles=8,
    )
    plain = make(weather=None, obstacles=8, sensors="camera,segmentation,state")
    seen = batch.reset(seed=4)[0]
    for i in range(3):
        alone = make(weather=None, obstacles=8).reset(seed=4 + i)[0]
        without = plain.reset(seed=4 + i)[0]
        assert "boxes" not in without
        assert np.array_equal(seen["boxes"][i], alone["boxes"])
        for name, value in without.items():
            assert np.array_equal(value, seen[name][i])


def test_the_mirrored_episode_has_mirrored_boxes():
    env = make(obstacles=20, traffic=20, clear_ahead=0)
    compared = 0
    for seed in range(4):
        plain, image = (rows_of(env.reset(seed=seed, options={"mirrored": on})[0]) for on in (False, True))
        assert len(plain) == len(image)
        for row, flipped in zip(plain, image, strict=True):
            x1, y1, x2, y2 = row[BOX]
            assert np.abs(flipped[BOX] - (128.0 - x2, y1, 128.0 - x1, y2)).max() <= 1.0
            assert flipped[BEARING] == pytest.approx(-row[BEARING], abs=1e-4)
            assert flipped[DISTANCE] == pytest.approx(row[DISTANCE], abs=1e-3)
            compared += 1
    assert compared >= 10


def test_boxes_alone_are_those_beside_the_camera():
    alone, both = make(sensors="boxes,state", obstacles=20), make(obstacles=20)
    assert np.array_equal(alone.reset(seed=2)[0]["boxes"], both.reset(seed=2)[0]["boxes"])

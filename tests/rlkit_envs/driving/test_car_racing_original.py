"""`rlkit/CarRacing-v0` beside Gymnasium's CarRacing-v3: on the same track, after the same actions."""

import math

import gymnasium
import numpy as np
import pytest
import rlkit_envs  # noqa: F401
from rlkit_envs.driving.sensors.window_view import ORIGIN

pytest.importorskip("Box2D", reason="box2d is not installed, and with it Gymnasium's CarRacing")

NOTHING, RIGHT, LEFT, GAS, BRAKE = range(5)
FRAMES = 150


class Pair:
    """Both environments on a track of the original, driven by the same actions."""

    def __init__(self, seed, write_circuit):
        self.original = gymnasium.make("CarRacing-v3", continuous=False).unwrapped
        self.draw, self.original._render = self.original._render, lambda mode: None
        self.original.reset(seed=seed)
        points = np.array(self.original.track)[:, 2:]
        path = write_circuit(points, 20.0 / 3.0)
        self.ours = gymnasium.make("rlkit/CarRacing-v0", continuous=False, circuit=path, split="test").unwrapped
        self.picture = self.ours.reset(seed=seed)[0]
        self.rewards = np.zeros(2)

    def step(self, action):
        self.picture, reward, *_ = self.ours.step(action)
        self.rewards += self.original.step(action)[1], reward

    @property
    def pictures(self):
        return self.draw("state_pixels").astype(int), self.picture.astype(int)

    @property
    def poses(self):
        """(2, 3) place of the middle of the window and heading of both cars."""
        hull = self.original.car.hull
        x, y, heading = self.ours.episodes.report()["pose"][0]
        own = x + ORIGIN * math.cos(heading), y + ORIGIN * math.sin(heading), heading
        return np.array([(*hull.position, hull.angle + 0.5 * math.pi), own])


@pytest.fixture
def pair(write_circuit):
    return Pair(0, write_circuit)


def test_the_car_does_what_the_original_does(pair):
    random = np.random.default_rng(1)
    action = GAS
    for frame in range(FRAMES):
        if frame >= 40 and frame % 6 == 0:
            action = int(random.choice([NOTHING, RIGHT, LEFT, GAS, BRAKE]))
        pair.step(action)
    theirs, ours = pair.poses
    assert np.hypot(*(ours - theirs)[:2]) < 0.5  # m, after some 50 m of which many on the grass
    assert np.sin(ours - theirs)[2] == pytest.approx(0.0, abs=0.01)
    car, hull = pair.ours.episodes.simulator.cars[0], pair.original.car
    assert np.hypot(car["speed"], car["lateral_velocity"]) == pytest.approx(hull.hull.linearVelocity.length, abs=0.2)
    for name, wheel in zip(("front_left", "front_right", "rear_left", "rear_right"), hull.wheels, strict=True):
        assert car[f"spin_{name}"] == pytest.approx(wheel.omega, abs=1.0)
    assert car["steering"] == pytest.approx(hull.wheels[0].joint.angle, abs=1e-3)


def test_the_picture_is_that_of_the_original(pair):
    assert np.abs(np.subtract(*pair.pictures)).mean() < 3.0  # of 255: at first all of the field is seen
    for _ in range(70):
        pair.step(GAS)
    pair.step(LEFT)
    theirs, ours = pair.pictures
    assert np.abs(theirs - ours).mean() < 4.0
    assert (np.abs(theirs - ours).max(axis=2) > 30).mean() < 0.06  # the edges between colours
    assert np.abs(theirs - ours)[84:, 40:].mean() < 3.0  # speed, steering, yaw rate


def test_tiles_are_paid_when_the_original_pays_them(pair):
    for _ in range(100):
        pair.step(GAS)
    assert pair.rewards[1] == pytest.approx(pair.rewards[0], rel=0.02)
    assert pair.rewards[0] > 20.0

"""Driving by true objects in the simulator: what the policy sees, what a run stores, and what is shown."""

import numpy as np
import pytest

import rlkit
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.progress import PlainReporter
from rlkit.viewer.play_session import Place, PlaySession
from rlkit.viewer.scores import BestFile

ENVIRONMENT = "rlkit/DrivingTrafficCamera-v0"
SMALL = {
    "num_circuits": 1,
    "camera_size": [48, 64],
    "traffic": 30,
    "start": "line",
    "clear_ahead": 0,
    "weather": "clear",
}
LABELS = {"sensors": ["segmentation", "boxes", "state"]}


def make(count=2, *, missed=0.0, **kwargs):
    return make_vec_env(EnvConfig(ENVIRONMENT, SMALL | kwargs, perception=PerceptionConfig(missed=missed)), count)


def test_the_policy_sees_road_and_objects_and_no_labels():
    with make(frame_stack=3) as environments:
        assert {name: leaf.shape for name, leaf in environments.spaces.observations.items()} == {
            "drivable": (24, 24, 6),
            "state": (3,),
        }
        seen = environments.reset([1, 2])
        assert seen.keys() == {"drivable", "state"}
        assert seen["drivable"][..., 1].any()
        assert environments.config.perception.objects is True
        assert "objects (car, cone) by the ground truth" in "\n".join(environments.describe())


def test_without_boxes_in_the_observation_the_view_is_of_the_road_alone():
    with make(sensors=["segmentation", "state"]) as environments:
        assert environments.spaces.observations["drivable"].shape == (24, 24, 1)
        assert environments.config.perception.objects is False


def test_the_view_of_the_mirrored_episode_is_flipped():
    views = []
    for mirrored in (False, True):
        with make(1, **LABELS) as environments:
            vector = environments._vector
            observation, _ = vector.reset(seed=[3], options={"mirrored": mirrored})
            environments.observer.begin([3], np.ones(1, bool))
            views.append(environments.observer.see(observation)["drivable"][0].astype(int))
    assert views[0][..., 1].any()
    assert np.abs(views[0][:, ::-1] - views[1]).mean(axis=(0, 1)).max() < 3.0  # of 255


@pytest.mark.slow
def test_a_run_stores_that_it_shows_objects_and_no_driver_does_without_its_channel(tmp_path, model_file):
    run = rlkit.train(
        ENVIRONMENT,
        perception="truth",
        env_kwargs=SMALL | LABELS,
        settings={"batch_size": "16", "hidden": "16", "learning_starts": "30"},
        steps=60,
        num_envs=2,
        eval_freq=0,
        run_dir=tmp_path / "run",
        reporter=lambda total: PlainReporter(total, quiet=True),
    ).path
    assert '"objects": true' in (run / "config.json").read_text()
    withheld = find_policy(run, perception_kwargs={"missed": 1.0}, env_kwargs={"max_episode_steps": 5})
    assert len(evaluate_policy(withheld, episodes=2).episodes) == 2
    with pytest.raises(UserError, match="image 24×24×2 then, image 24×24×1 now"):
        evaluate_policy(find_policy(run, perception_kwargs={"objects": False}), episodes=1)
    everything = {"sensors": ["camera", "segmentation", "boxes", "state"], "camera_size": [24, 32]}
    with pytest.raises(UserError, match="finds the drivable area and no objects"):
        evaluate_policy(find_policy(run, perception=model_file, env_kwargs=everything), episodes=1)


def test_boxes_are_shown_as_perception_has_them(tmp_path):
    shown = {}
    for name, options in {"true": {}, "missed": {"missed": 1.0}, "blind": LABELS}.items():
        with make(1, **options) as environments:
            environments.reset([3])
            shown[name] = environments.boxed(0)
    assert len(shown["true"].boxes) > 0
    assert "distance" in shown["true"].boxes.attributes
    assert shown["true"].image.any()
    assert len(shown["missed"].boxes) == 0
    assert np.array_equal(shown["blind"].boxes.boxes, shown["true"].boxes.boxes)
    assert not shown["blind"].image.any()  # without a camera
    config = EnvConfig(ENVIRONMENT, SMALL, perception=PerceptionConfig(missed=1.0))
    with PlaySession(Place(config), 3, BestFile(tmp_path / "best.json")) as game:
        assert len(game.frame().boxed.boxes) == 0

"""Perception from the environment to the run folder: what agents see, what is stored, and that it repeats."""

import dataclasses
import shutil

import gymnasium
import numpy as np
import pytest
from safetensors.torch import load_file

import rlkit
from rlkit.env.config import EnvConfig
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig, choose_perception
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.config import RunConfig
from rlkit.training.progress import PlainReporter
from rlkit.training.run_folder import RunFolder

from .road_camera import RoadCamera

SMALL = {"batch_size": "16", "hidden": "16", "learning_starts": "50"}
FAULTS = {"noise": 0.2, "latency": 1, "dropped": 0.2}


def environments_of(road_camera, perception, count=3, **kwargs):
    return make_vec_env(EnvConfig(road_camera, kwargs, perception=perception), count)


def quiet(total):
    return PlainReporter(total, quiet=True)


def trained(road_camera, folder, perception, steps=160, **options):
    return rlkit.train(
        road_camera,
        perception=perception,
        steps=steps,
        settings=SMALL,
        num_envs=2,
        eval_freq=0,
        run_dir=folder,
        reporter=quiet,
        **options,
    ).path


def test_the_drivable_area_takes_the_cameras_place(road_camera):
    with environments_of(road_camera, PerceptionConfig()) as environments:
        assert {name: leaf.shape for name, leaf in environments.spaces.observations.items()} == {
            "drivable": (24, 24, 1),
            "speed": (1,),
        }
        seen = environments.reset([1, 2, 3])
        assert seen.keys() == {"drivable", "speed"}
        assert "the ground truth, bird's-eye view at 2 m per pixel" in "\n".join(environments.describe())


def test_frames_of_the_view_are_stacked(road_camera):
    config = EnvConfig(road_camera, frame_stack=3, perception=PerceptionConfig())
    with make_vec_env(config, 1) as environments:
        assert environments.spaces.observations["drivable"].shape == (24, 24, 3)
        first = environments.reset([0])["drivable"]
        second = environments.step(np.array([2])).observations["drivable"]
        assert np.array_equal(second[..., :2], first[..., 1:])


@pytest.mark.parametrize("eyes", ["truth", "model"])
def test_an_episode_with_corruptions_follows_from_its_seed(road_camera, model_file, eyes):
    perception = choose_perception("truth" if eyes == "truth" else model_file, FAULTS)
    runs = []
    for count in (1, 3):
        with environments_of(road_camera, perception, count) as environments:
            seen = [environments.reset([5, 6, 7][:count])["drivable"][0]]
            seen += [environments.step(np.full(count, 2)).observations["drivable"][0] for _ in range(8)]
            runs.append(np.stack(seen))
    assert np.array_equal(*runs)


def test_a_reset_keeps_the_views_of_other_environments(road_camera):
    with environments_of(road_camera, PerceptionConfig(latency=1)) as environments:
        environments.reset([1, 2, 3])
        before = environments.step(np.full(3, 2)).observations["drivable"]
        after = environments.reset([4, 4, 4], np.array([True, False, False]))["drivable"]
        assert np.array_equal(after[1:], before[1:])
        later = environments.step(np.full(3, 2)).observations["drivable"]
        assert np.array_equal(later[0], after[0])  # a decision late


def test_the_perception_result_of_an_environment_is_available(road_camera, model_file):
    with environments_of(road_camera, choose_perception(model_file)) as environments:
        environments.reset([1, 2, 3])
        seen = environments.perceived(2)
        assert seen.iou == 1.0
        assert seen.estimator == "by-colour"
    with make_vec_env(EnvConfig("CartPole-v1"), 1) as environments:
        assert environments.perceived(0) is None


def test_options_that_change_the_camera_image_are_refused_with_perception(road_camera):
    with pytest.raises(UserError, match="grayscale and resize do not go with --perception"):
        environments_of(road_camera, PerceptionConfig(), resize=16)


def test_a_description_with_perception_comes_back_from_json():
    config = EnvConfig("Road-v0", perception=PerceptionConfig(noise=0.25, view="camera"))
    assert EnvConfig.from_json(config.to_json()) == config
    older = {key: value for key, value in EnvConfig("Road-v0").to_json().items() if key != "perception"}
    assert EnvConfig.from_json(older).perception is None


def test_a_run_folder_contains_its_model(road_camera, model_file, tmp_path):
    run = trained(road_camera, tmp_path / "run", model_file)
    model_file.unlink()
    moved = tmp_path / "moved"
    shutil.move(run, moved)
    assert '"what": "perception/model.safetensors"' in (moved / "config.json").read_text()
    assert RunFolder.open(moved, RunConfig).config.environment.perception.what == str(
        moved / "perception/model.safetensors"
    )
    assert len(evaluate_policy(find_policy(moved, env=road_camera), episodes=2).episodes) == 2
    rlkit.resume(moved, env=road_camera, reporter=quiet)


def test_a_run_with_a_changed_model_is_refused(road_camera, model_file, by_colour, tmp_path):
    run = trained(road_camera, tmp_path / "run", model_file)
    by_colour.network.sureness.data.fill_(3.0)
    by_colour.save(run / "perception/model.safetensors")
    with pytest.raises(UserError, match="has changed since the policy was trained"):
        evaluate_policy(find_policy(run, env=road_camera), episodes=1)


def test_a_policy_can_be_evaluated_with_another_model(road_camera, model_file, tmp_path):
    run = trained(road_camera, tmp_path / "run", "truth")
    own, other, worse = (
        find_policy(run, env=road_camera, perception=perception, perception_kwargs=options)
        for perception, options in ((None, None), (model_file, None), (None, {"noise": 0.5}))
    )
    assert own.environment.perception.is_truth
    assert other.environment.perception.what == str(model_file)
    assert worse.environment.perception == dataclasses.replace(own.environment.perception, noise=0.5)
    # The model of these tests finds exactly what is there.
    scores = [[episode["reward"] for episode in evaluate_policy(who, episodes=3).episodes] for who in (own, other)]
    assert scores[0] == scores[1]


def test_a_policy_with_perception_does_not_accept_the_camera_image(road_camera, tmp_path):
    run = trained(road_camera, tmp_path / "run", "truth")
    with pytest.raises(UserError, match=r"trained with truth in a birdview view.*used with the camera image"):
        evaluate_policy(find_policy(run, env=road_camera, perception="none"), episodes=1)


@pytest.mark.parametrize("options", [{}, FAULTS])
def test_an_interrupted_run_resumes_exactly(road_camera, model_file, tmp_path, options):
    whole = trained(road_camera, tmp_path / "whole", model_file, perception_kwargs=options, save_freq=90)
    half = tmp_path / "half"
    shutil.copytree(whole, half)
    newest = sorted((half / "checkpoints").iterdir())[-1]
    expected = load_file(newest / "weights.safetensors")
    shutil.rmtree(newest)
    said = []
    rlkit.resume(half, env=road_camera, reporter=lambda total: Listener(total, said))
    assert not [line for line in said if "did not come out the same" in line]
    assert all(
        np.array_equal(tensor, expected[name])
        for name, tensor in load_file(sorted((half / "checkpoints").iterdir())[-1] / "weights.safetensors").items()
    )


class Listener(PlainReporter):
    def __init__(self, total, said):
        super().__init__(total, quiet=True)
        self.said = said

    def warn(self, sentence):
        self.said.append(sentence)


def test_a_loaded_policy_accepts_observations_and_camera_images(road_camera, model_file, tmp_path):
    policy = rlkit.load_policy(trained(road_camera, tmp_path / "run", model_file), road_camera)
    env: gymnasium.Env = RoadCamera()
    observation, _ = env.reset(seed=3)
    for _ in range(3):
        action = policy.act(observation)
        assert env.action_space.contains(action)
        unlabelled = {name: part for name, part in observation.items() if name != "segmentation"}
        assert np.array_equal(policy.q_values(unlabelled), policy.q_values(observation))
        observation, *_ = env.step(action)


def test_a_users_own_code_is_imported_only_if_named(road_camera, by_colour, tmp_path, monkeypatch):
    (tmp_path / "own_eyes.py").write_text(
        "import torch\n\n\nclass Net(torch.nn.Conv2d):\n"
        "    def __init__(self, num_classes):\n        super().__init__(3, num_classes, 1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import importlib

    net = importlib.import_module("own_eyes").Net(3)
    file = tmp_path / "own.safetensors"
    type(by_colour)(net, dataclasses.replace(by_colour.card, network="own_eyes:Net")).save(file)
    with pytest.raises(UserError, match="own_eyes:Net"):
        environments_of(road_camera, choose_perception(file))
    with environments_of(road_camera, choose_perception(file, {"network": "own_eyes:Net"})) as environments:
        assert environments.reset([1, 2, 3])["drivable"].shape == (3, 24, 24, 1)

import json

import pytest

from rlkit.env.config import EnvConfig
from rlkit.training.config import RunConfig


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder as training would, with the evaluations given as {steps: mean reward}."""

    def make(name, evaluations, *, seed=0, env="CartPole-v1", steps=1000, seconds_per_step=0.01, **changed):
        hyperparameters = {"gamma": 0.99, "hidden": [64, 64]} | changed.pop("hyperparameters", {})
        options = {
            "environment": EnvConfig(env),
            "evaluation": EnvConfig(env),
            "algorithm": "dqn",
            "preset": "fast",
            "num_envs": 8,
            "device": "cpu",
            "eval_freq": steps // 10,
            "eval_episodes": 5,
            "save_freq": steps // 10,
            "deterministic": False,
        }
        config = RunConfig(**{**options, **changed}, hyperparameters=hyperparameters, steps=steps, seed=seed)
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config.to_json()))
        rows = [
            {"steps": at, "seconds": at * seconds_per_step, "eval/mean_reward": value}
            for at, value in evaluations.items()
        ]
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return make

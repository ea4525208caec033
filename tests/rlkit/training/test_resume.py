"""A run that was interrupted and resumed is the run that was never interrupted, bit for bit."""

import functools
import itertools
import json
import multiprocessing
import os
import signal
import time

import pytest
import torch

from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.policy import find_policy
from rlkit.training import run as training_run
from rlkit.training.checkpoint import read_checkpoint
from rlkit.training.config import RunConfig
from rlkit.training.logger import read_metrics
from rlkit.training.progress import PlainReporter
from rlkit.training.run_folder import RunFolder

# The buffer is full after a third of a run, so that resumed runs overwrite rows.
SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "80", "buffer_size": "240", "update_interval": "16"}


class StopAfter(PlainReporter):
    """Sends Ctrl-C once a number of steps has been reported."""

    def __init__(self, total, steps):
        super().__init__(total, quiet=True)
        self.steps = steps

    def progress(self, steps, figures):
        if steps >= self.steps:
            self.steps = float("inf")
            os.kill(os.getpid(), signal.SIGINT)


def quiet(total):
    return PlainReporter(total, quiet=True)


def train(folder, env="CartPole-v1", steps=800, reporter=quiet, **options):
    usual = {"deterministic": True, "eval_freq": 200, "eval_episodes": 2, "save_freq": 120}
    return training_run.train(
        env, steps=steps, settings=SETTINGS, run_dir=folder, reporter=reporter, **(usual | options)
    )


def final(folder):
    checkpoint = max((folder / "checkpoints").glob("[0-9]*"))
    training = json.loads((checkpoint / "training.json").read_text())
    training["loop"].pop("seconds")
    training["loop"]["latest"] = {k: v for k, v in training["loop"]["latest"].items() if not k.startswith("time/")}
    manifest = read_checkpoint(checkpoint).manifest
    tensors = {name: digest for name, digest in manifest["files"].items() if name.endswith(".safetensors")}
    return training, tensors


def curve(folder):
    return [{k: v for k, v in row.items() if k not in ("seconds", "time/fps")} for row in read_metrics(folder)]


@pytest.fixture(autouse=True)
def _tell_at_every_step(monkeypatch):
    monkeypatch.setattr("rlkit.training.trainer.REFRESH", 0)


@pytest.mark.parametrize(
    ("env", "options"),
    [
        ("CartPole-v1", {}),
        ("rlkit/Driving-v0", {}),
        ("rlkit/Driving-v0", {"async_envs": True, "deterministic": False}),
    ],
)
def test_interrupted_twice_and_resumed_equals_uninterrupted(env, options, tmp_path):
    train(tmp_path / "whole", env, **options)
    stopped = train(tmp_path / "parts", env, reporter=lambda total: StopAfter(total, 280), **options)
    assert stopped.stopped == "Ctrl-C"
    assert stopped.steps < 400
    again = training_run.resume(tmp_path / "parts", reporter=lambda total: StopAfter(total, 480))
    assert again.stopped == "Ctrl-C"
    assert training_run.resume(tmp_path / "parts", reporter=quiet).steps >= 800
    assert final(tmp_path / "parts") == final(tmp_path / "whole")
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


def test_one_seed_gives_one_run_and_another_seed_another(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tmp_path / name, steps=320, seed=seed)
    assert final(tmp_path / "a") == final(tmp_path / "b")
    assert final(tmp_path / "a")[1] != final(tmp_path / "c")[1]


def test_killed_at_any_moment_leaves_a_run_that_goes_on(tmp_path):
    folder = tmp_path / "run"
    server = multiprocessing.get_context("forkserver")  # imports once for all that are killed, and computes nothing
    server.set_forkserver_preload(["rlkit.training.run", "rlkit_agents.dqn", "gymnasium.envs.classic_control"])
    told = functools.partial(PlainReporter, quiet=True)  # `quiet` cannot be found by its name from another process
    options = {"steps": 100_000, "settings": SETTINGS, "run_dir": folder, "save_freq": 100, "eval_freq": 0}
    process = server.Process(target=training_run.train, args=("CartPole-v1",), kwargs=options | {"reporter": told})
    reached = -1
    for attempt in range(4):
        process.start()
        deadline = time.monotonic() + 60
        while not (checkpoints := sorted(folder.glob("checkpoints/0*"))) or int(checkpoints[-1].name) <= reached:
            assert process.is_alive()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.05 + 0.07 * attempt)
        process.kill()
        process.join()
        reached = RunFolder.open(folder, RunConfig).checkpoints.newest(pytest.fail).steps
        process = server.Process(target=training_run.resume, args=(folder,), kwargs={"reporter": told})
    steps = [row["steps"] for row in read_metrics(folder)]
    assert steps == sorted(set(steps))


def damage(run):
    """Turn over one bit of the newest weights; returns the checkpoints that are left, and that one."""
    *older, newest = sorted((run / "checkpoints").iterdir())
    weights = newest / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    return older, newest


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_taken(tmp_path):
    train(tmp_path / "run", steps=360)
    older, _ = damage(tmp_path / "run")
    told = []
    checkpoint = RunFolder.open(tmp_path / "run", RunConfig).checkpoints.newest(told.append)
    assert checkpoint.folder == older[-1]
    assert "weights.safetensors is damaged" in told[0]


def test_what_came_after_the_checkpoint_that_is_taken_is_forgotten(tmp_path):
    train(tmp_path / "whole")
    train(tmp_path / "parts", reporter=lambda total: StopAfter(total, 480))
    older, _ = damage(tmp_path / "parts")
    assert curve(tmp_path / "parts")[-1]["steps"] > int(older[-1].name)
    training_run.resume(tmp_path / "parts", reporter=quiet)
    assert final(tmp_path / "parts") == final(tmp_path / "whole")
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")


def test_replay_segments_hold_new_rows_and_are_deleted_when_unused(tmp_path):
    train(tmp_path / "run")
    kept = sorted((tmp_path / "run/replay").glob("segment-*.npy"))
    spans = [tuple(map(int, path.name.split("-")[1:3])) for path in kept]
    for (_, stop), (start, _) in itertools.pairwise(spans):
        assert start == stop
    assert spans[-1][1] - spans[0][0] < 240 + 2 * 160
    assert len(list((tmp_path / "run/checkpoints").iterdir())) == 2


def test_a_run_folder_is_never_overwritten(tmp_path):
    train(tmp_path / "run", steps=100)
    with pytest.raises(UserError, match="already holds a run"):
        train(tmp_path / "run", steps=100)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="not an empty folder"):
        train(tmp_path / "mine", steps=100)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_two_processes_do_not_train_into_one_folder(tmp_path):
    train(tmp_path / "run", steps=100)
    run = RunFolder.open(tmp_path / "run", RunConfig)
    with run.locked(), pytest.raises(UserError, match="another process"):
        training_run.resume(tmp_path / "run", reporter=quiet)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "config.json").unlink(), "is not a run folder"),
        (lambda run: (run / "config.json").write_text("{"), "config.json is damaged"),
        (lambda run: (run / "config.json").write_text("[" * 100_000), "config.json is damaged"),
        (
            lambda run: (run / "config.json").write_text('{"format": 99}'),
            "no configuration of agent training",
        ),
        (lambda run: (run / "config.json").write_text('{"format": 1}'), "an earlier version made"),
    ],
)
def test_what_is_not_a_run_is_named(damage, message, tmp_path):
    train(tmp_path / "run", steps=100)
    damage(tmp_path / "run")
    with pytest.raises(UserError, match=message):
        training_run.resume(tmp_path / "run", reporter=quiet)


def test_a_run_from_another_agent_does_not_fit(tmp_path):
    train(tmp_path / "run", steps=600)
    config = json.loads((tmp_path / "run/config.json").read_text())
    config["hyperparameters"]["hidden"] = [32]
    (tmp_path / "run/config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"does not fit what config\.json describes"):
        training_run.resume(tmp_path / "run", reporter=quiet)


def test_weights_are_loaded_and_act_as_they_did(tmp_path):
    train(tmp_path / "run", steps=400)
    who = find_policy(tmp_path / "run")
    best = who.trained.weights()
    spaces = make_vec_env(who.environment, 1).spaces
    loaded = who.agent(spaces, 1).weights()
    assert all(torch.equal(best[name], loaded[name]) for name in best)


SIZED = """
import gymnasium, numpy as np

class Sized(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, ({size},), np.float32)
    action_space = gymnasium.spaces.Discrete({actions})

    def reset(self, *, seed=None, options=None):
        return np.zeros({size}, np.float32), {{}}

    def step(self, action):
        return np.zeros({size}, np.float32), 1.0, True, False, {{}}
"""


def test_an_environment_that_has_changed_is_named_leaf_by_leaf(tmp_path):
    file, run = tmp_path / "sized.py", tmp_path / "run"
    file.write_text(SIZED.format(size=3, actions=2))
    env = f"{file}:Sized"
    training_run.train(env, steps=160, num_envs=4, eval_freq=0, save_freq=80, run_dir=run, settings=SETTINGS)
    file.write_text(SIZED.format(size=5, actions=4))
    os.utime(file, (1, 1))  # it is imported again where its time has changed
    with pytest.raises(UserError, match="observation: vector of 3 then, vector of 5 now; actions: 2 then, 4 now"):
        training_run.resume(run, env=env)
    (run / "spaces.json").write_text('["observation"]')
    with pytest.raises(UserError, match=r"spaces\.json is damaged"):
        training_run.resume(run, env=env)


def test_a_complete_run_is_trained_further_and_resumes_exactly(tmp_path):
    for name in ("whole", "parts"):
        train(tmp_path / name, steps=400)
    told = []
    reporter = PlainReporter(800, quiet=True)
    reporter.say = told.append
    assert training_run.resume(tmp_path / "whole", steps=800, reporter=lambda _: reporter).steps == 800
    stopped = training_run.resume(tmp_path / "parts", steps=800, reporter=lambda total: StopAfter(total, 560))
    assert 560 <= stopped.steps < 800
    assert training_run.resume(tmp_path / "parts", reporter=quiet).steps == 800  # the new budget is stored
    assert final(tmp_path / "parts") == final(tmp_path / "whole")
    assert curve(tmp_path / "parts") == curve(tmp_path / "whole")
    assert any("the learning rate falls to 0 after 800 steps: it is 0.0005 after 400" in line for line in told)
    hyperparameters = json.loads((tmp_path / "whole/config.json").read_text())["hyperparameters"]
    assert hyperparameters["learning_rate_steps"] == 800
    assert hyperparameters["exploration_steps"] == 40
    rows = [row for row in curve(tmp_path / "whole") if "train/loss" in row and 450 < row["steps"] < 790]
    assert min(row["train/learning_rate"] for row in rows) > 0


def test_a_schedule_that_does_not_end_at_zero_is_kept(tmp_path):
    options = {"settings": SETTINGS | {"learning_rate_final": "1e-4"}, "reporter": quiet, "eval_freq": 0}
    training_run.train("CartPole-v1", steps=200, run_dir=tmp_path / "run", **options)
    training_run.resume(tmp_path / "run", steps=300, reporter=quiet)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["steps"], config["hyperparameters"]["learning_rate_steps"]) == (300, 200)


def test_a_budget_below_what_is_trained_is_refused(tmp_path):
    train(tmp_path / "run", steps=400)
    before = (tmp_path / "run/config.json").read_bytes()
    with pytest.raises(UserError, match=r"a budget of 300 steps, and .* is trained for 400 already"):
        training_run.resume(tmp_path / "run", steps=300, reporter=quiet)
    assert (tmp_path / "run/config.json").read_bytes() == before
    assert training_run.resume(tmp_path / "run", steps=400, reporter=quiet).steps == 400

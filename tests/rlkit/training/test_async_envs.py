"""Environments that take their steps while the agent learns: order, threads, and reproducibility."""

import json
import threading

import numpy as np
import pytest

from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.training.agent_trainer import AgentTrainer
from rlkit.training.config import RunConfig, plan
from rlkit.training.progress import PlainReporter
from rlkit.training.run import build_agent, train
from rlkit.training.run_folder import RunFolder

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "64", "buffer_size": "512", "update_interval": "16"}


def training(folder, **options):
    """A run that is about to begin."""
    config = plan("rlkit/Driving-v0", steps=320, settings=SETTINGS, num_envs=16, eval_freq=0, save_freq=0, **options)
    environments = make_vec_env(config.environment, config.num_envs)
    agent = build_agent(config, environments.spaces)
    run = RunFolder.create(folder, config)
    return AgentTrainer(run, agent, environments, environments, PlainReporter(320, quiet=True))


def noted(run, last=None):
    """Calls in the order in which they end, and whether in the main thread; `last` ends after the other one."""
    calls = []
    other_ended = threading.Event()

    def note(owner, name):
        function = getattr(owner, name)

        def noting(*args, **kwargs):
            result = function(*args, **kwargs)
            if name == last:
                assert other_ended.wait(timeout=60)
                other_ended.clear()
            calls.append((name, threading.current_thread() is threading.main_thread()))
            if last is not None and name in {"advance", "update"} - {last}:
                other_ended.set()
            return result

        setattr(owner, name, noting)

    note(run.episodes, "advance")
    for name in ("act", "observe", "update"):
        note(run.agent, name)
    return calls


def weights(run):
    return {name: value.numpy().copy() for name, value in run.agent.weights().items()}


def test_without_overlap_all_happens_in_turn_and_in_one_thread(tmp_path):
    run = training(tmp_path / "run")
    calls = noted(run)
    run.fit()
    assert calls == [("act", True), ("advance", True), ("observe", True), ("update", True)] * 20


@pytest.mark.parametrize("order", [("update", "advance"), ("advance", "update")])
def test_with_overlap_environments_step_in_another_thread_while_the_agent_learns(tmp_path, order):
    run = training(tmp_path / "run", async_envs=True)
    calls = noted(run, last=order[1])
    run.fit()
    thread = {"update": True, "advance": False}
    once = [("act", True), *((name, thread[name]) for name in order), ("observe", True)]
    assert calls == once * 20


def test_results_do_not_depend_on_which_is_first(tmp_path):
    learned = []
    for last in ("advance", "update"):
        run = training(tmp_path / last, async_envs=True)
        noted(run, last)
        run.fit()
        learned.append(weights(run))
    for name, values in learned[0].items():
        np.testing.assert_array_equal(values, learned[1][name])


def test_an_update_learns_from_all_steps_but_the_newest(tmp_path):
    stored = {}
    for async_envs in (False, True):
        run = training(tmp_path / str(async_envs), async_envs=async_envs)
        learn, seen = run.agent.update, []
        run.agent.update = lambda steps, learn=learn, seen=seen, run=run: (
            seen.append((steps, run.agent.steps)) or learn(steps)
        )
        run.fit()
        assert all(told == observed for told, observed in seen)
        stored[async_envs] = [observed for _, observed in seen]
    assert stored[False] == list(range(16, 321, 16))
    assert stored[True] == list(range(0, 320, 16))


def test_an_error_in_the_other_thread_ends_the_run(tmp_path):
    run = training(tmp_path / "run", async_envs=True)
    run.episodes.advance = lambda actions: 1 // 0
    with pytest.raises(ZeroDivisionError):
        run.fit()


def test_the_choice_is_kept_with_the_run():
    config = plan("rlkit/Driving-v0", steps=320, async_envs=True)
    plain = json.loads(json.dumps(config.to_json()))
    assert RunConfig.from_json(plain).async_envs


def test_what_cannot_be_overlapped_is_refused_before_there_is_a_run(tmp_path):
    with pytest.raises(UserError, match=r"--async-envs.*--deterministic"):
        plan("rlkit/Driving-v0", async_envs=True, deterministic=True)
    with pytest.raises(UserError, match=r"--async-envs: CartPole-v1 .* workers=1"):
        train("CartPole-v1", steps=64, async_envs=True, run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_environments_in_worker_processes_can_be_overlapped(tmp_path):
    trained = train(
        "CartPole-v1", steps=160, num_envs=4, settings=SETTINGS, async_envs=True, env_kwargs={"workers": 1},
        eval_freq=0, run_dir=tmp_path / "run", reporter=lambda total: PlainReporter(total, quiet=True),
    )  # fmt: skip
    assert trained.steps == 160

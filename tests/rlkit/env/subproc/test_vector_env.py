"""Every test starts processes, which takes a second: what can be seen in the same ones is."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from rlkit.env.config import EnvConfig, EnvOptions
from rlkit.env.make import make_vec_env, vectorize
from rlkit.env.subproc import vector_env as vector_module
from rlkit.errors import UserError

WALK = f"{Path(__file__).parent / 'planted.py'}:Walk"
ZEROS = np.zeros(3, np.int64)


def walks(count=3, warnings=None, render_mode=None, **kwargs):
    made = make_vec_env(EnvConfig(WALK, kwargs), count, render_mode=render_mode)
    made.warn = pytest.fail if warnings is None else warnings.append
    return made


def plain(tree):
    """A tree of infos or observations as something that `==` compares."""
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return (tree.dtype.str, tree.tolist()) if isinstance(tree, np.ndarray) else tree


def played(made, steps=40):
    """All that is to be seen of some steps in which several episodes end."""
    generator = np.random.default_rng(0)
    seeds = [5, 6, 7, 8]
    seen = [plain(made.reset(seeds))]
    for number in range(steps):
        step = made.step(generator.integers(3, size=4))
        seen.append(
            (plain(step.observations), step.rewards.tolist(), step.terminated.tolist(), step.truncated.tolist())
        )
        seen.append(plain(dict(step.infos)))
        if step.ended.any():
            seen.append(plain(made.reset([seed + number for seed in seeds], step.ended)))
    return seen


def test_any_number_of_workers_gives_what_one_process_gives_to_the_bit():
    with walks(4) as together:
        expected = played(together)
    for workers in (1, 3):
        with walks(4, workers=workers) as made:
            assert played(made) == expected
            assert f"in {workers} process" in made.describe()[0]
            assert made.metrics["far"].name == "far"
            assert len({answer["process"] for answer in made.call("telemetry")}) == workers


def test_environments_in_workers_are_asked_and_drawn_like_others():
    with walks(2, workers=2, render_mode="rgb_array") as made:
        made.reset([1, 2])
        made.step(np.array([0, 2]))
        assert [answer["count"] for answer in made.call("telemetry", 10)] == [10, 10]
        assert made.offers("telemetry")
        assert not made.offers("no_such_thing")
        with pytest.raises(AttributeError, match="no_such_thing"):
            made.call("no_such_thing")
        assert [picture.shape for picture in made.render()] == [(4, 6, 3)] * 2
        processes = [answer["process"] for answer in made.call("telemetry")]
        assert os.getpid() not in processes
    for process in processes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_what_is_registered_in_this_process_only_reaches_the_others():
    spec = EnvSpec(
        "Here-v0", entry_point="gymnasium.envs.classic_control:CartPoleEnv", kwargs={"sutton_barto_reward": True}
    )
    seen = []
    for workers in (0, 1):
        made, _, _ = vectorize(spec, 2, {}, None, options=EnvOptions(workers=workers))
        with contextlib.closing(made):
            made.reset(seed=3)
            seen.append(plain(list(made.step(np.ones(2, np.int64))[:2])))
    assert seen[0] == seen[1]


def test_a_worker_that_dies_is_replaced_and_its_episodes_are_cut_off(tmp_path):
    warnings = []
    with walks(3, warnings, workers=2, fault="segfault", marker=str(tmp_path / "once"), odd_only=True) as made:
        made.reset([2, 5, 4])
        made.step(ZEROS)
        before = made.step(ZEROS)
        assert not before.ended.any()
        cut = made.step(ZEROS)
        assert cut.truncated.tolist() == cut.lost.tolist() == [False, True, True]
        assert not cut.terminated.any()
        assert cut.rewards[1:].tolist() == [0, 0]
        for name, leaf in cut.observations.items():
            assert np.array_equal(leaf[1:], before.observations[name][1:])
            assert not np.array_equal(leaf[0], before.observations[name][0])
        assert "ended its process" in cut.infos["worker_lost"][1]
        assert made.episode_metrics(cut, 1) == {"far": None}
        made.reset([0, 5, 9], cut.ended)
        counts = [made.step(ZEROS).infos["inner"]["count"].tolist() for _ in range(3)]
        assert counts[-1] == [6, 3, 3]
    (warning,) = warnings
    assert "planted.py:Walk, environment 1 (seed 5), step 3: step ended its process by SIGSEGV (" in warning
    assert "planted.py:" in warning.partition("SIGSEGV")[2]


def test_a_worker_that_hangs_is_replaced_and_one_that_dies_over_a_reset_takes_its_neighbour_along(tmp_path):
    warnings = []
    marker = str(tmp_path / "once")
    with walks(2, warnings, workers=1, fault="hang", at=0, marker=marker, odd_only=True, step_timeout=1) as made:
        made.reset([2, 4])
        last = made.step(ZEROS[:2])
        renewed = made.reset([7, 4], np.array([True, False]))  # hangs once, and is then begun again
        assert renewed["view"][:, 0, 0, 0].tolist() == [0, 1]
        cut = made.step(ZEROS[:2])
        assert cut.lost.tolist() == [False, True]
        assert np.array_equal(cut.observations["state"][1], last.observations["state"][1])
        assert not np.array_equal(cut.observations["state"][0], renewed["state"][0])
    (warning,) = warnings
    assert "environment 0 (seed 7), step 0: reset did not come back within 1 s (" in warning
    assert "planted.py:" in warning.partition("within")[2]


def test_workers_that_die_again_and_again_are_given_up(monkeypatch):
    monkeypatch.setattr(vector_module, "MAX_LOSSES", 2)
    warnings = []
    said = r"environment 0 \(seed 3\), step 1: step ended its process with exit status 3, for the 2th time"
    with walks(1, warnings, workers=1, fault="exit", at=1) as made:
        made.reset([1])
        assert made.step(ZEROS[:1]).lost.all()
        made.reset([3])
        with pytest.raises(UserError, match=said):
            made.step(ZEROS[:1])
    assert len(warnings) == 1


def test_errors_in_a_worker_are_told_as_those_in_one_process():
    told = []
    for workers in (0, 1):
        with walks(2, workers=workers, fault="raise", odd_only=True) as made:
            made.reset([2, 3])
            made.step(ZEROS[:2])
            made.step(ZEROS[:2])
            with pytest.raises(UserError) as raised:
                made.step(ZEROS[:2])
        told.append((str(raised.value), raised.value.exit_code))
    assert told[0] == told[1]
    assert "environment 1 (seed 3), step 3: step raised KeyError: 'speed' (" in told[1][0]


def test_an_environment_that_cannot_be_made_in_a_worker_is_named():
    with pytest.raises(UserError, match=r"could not be made: ended its process with exit status 3"):
        walks(1, workers=1, fault="exit", at=-1)
    with pytest.raises(UserError, match=r"takes no argument 'wings'"):
        walks(1, workers=1, wings=2)


def test_an_info_that_cannot_be_sent_is_named():
    with walks(1, workers=1, fault="lock") as made:
        made.reset([1])
        with pytest.raises(UserError, match=r"\(info\['lock'\]\).*use workers=0"):
            made.step(ZEROS[:1])


def test_workers_end_with_their_parent_and_leave_signals_and_torch_to_it():
    script = (
        "import json, sys, time, numpy as np\n"
        "from rlkit.env.config import EnvConfig; from rlkit.env.make import make_vec_env\n"
        f"made = make_vec_env(EnvConfig({WALK!r}, dict(workers=2, fault='hang', at=2)), 2)\n"
        "made.reset([1, 2])\n"
        "print(json.dumps([a['process'] for a in made.call('telemetry')]), flush=True)\n"
        "made.step(np.zeros(2, int))\n"
        "print('on', flush=True)\n"
        "made.step(np.zeros(2, int))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        processes = json.loads(parent.stdout.readline())
        for process in processes:
            assert "torch" not in Path(f"/proc/{process}/maps").read_text()
            os.kill(process, signal.SIGINT)
            os.kill(process, signal.SIGTERM)
        assert parent.stdout.readline() == "on\n"  # and now both hang
        time.sleep(0.2)
        assert all(Path(f"/proc/{process}").exists() for process in processes)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
    deadline = time.monotonic() + 20
    while any(_lives(process) for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _lives(process):
    """Whether a process is there and no mere entry that nobody has asked for yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"

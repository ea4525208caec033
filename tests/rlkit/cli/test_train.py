"""What `rlkit train` says when an environment fails on the way."""

import json
from pathlib import Path

import pytest

WALK = f"{Path(__file__).parents[1] / 'env/subproc/planted.py'}:Walk"
SMALL = ["--set", "batch_size=16", "hidden=16", "learning_starts=40", "--num-envs", 2, "--eval-freq", 0, "-q"]
SMALL += ["--steps", 400]


def fault(what, at, *more):
    return ["--env-kwargs", f"fault={what}", f"at={at}", "length=60", *more]


@pytest.mark.parametrize(
    ("planted", "said", "kept"),
    [
        (fault("raise", 30), "KeyError: 'speed'", 40),
        (fault("hang", 30, "step_timeout=0.5"), "did not come back within 0.5 s", 40),
        (fault("exit", 30, "workers=1"), "for the 5th time", 280),
    ],
)
def test_a_run_whose_environment_fails_says_how_to_go_on(rlkit, tmp_path, capsys, planted, said, kept):
    run = tmp_path / "run"
    assert rlkit("train", WALK, "--save-freq", 20, "--run-dir", run, *SMALL, *planted) == 1
    told = capsys.readouterr().err
    assert said in told
    way_on = f"resume with: rlkit train {WALK} --resume {run}"
    assert told.endswith(f"\nthe checkpoint after {kept} steps is kept; {way_on}\n")


def test_what_it_says_goes_on(rlkit, tmp_path, capsys):
    run, once = tmp_path / "run", tmp_path / "once"
    command = ["train", WALK, "--save-freq", 20, "--run-dir", run, *SMALL, *fault("raise", 30, f"marker={once}")]
    assert rlkit(*command) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert rlkit(*last.partition("resume with: rlkit ")[2].split(), "-q") == 0
    assert (run / "checkpoints/000000400").is_dir()


def test_a_run_that_fails_again_says_so_again(rlkit, tmp_path, capsys):
    run = tmp_path / "run"
    assert rlkit("train", WALK, "--save-freq", 20, "--run-dir", run, *SMALL, *fault("raise", 30)) == 1
    capsys.readouterr()
    assert rlkit("train", WALK, "--resume", run, "-q") == 1
    assert f"resume with: rlkit train {WALK} --resume {run}" in capsys.readouterr().err


def test_several_seeds_go_on_by_the_same_command(rlkit, tmp_path, capsys):
    folder = tmp_path / "runs"
    command = ["train", WALK, "--save-freq", 20, "--seeds", "0..1", "--run-dir", folder, *SMALL]
    assert rlkit(*command, *fault("raise", 30)) == 1
    assert capsys.readouterr().err.endswith("the saved checkpoints are kept; the same command resumes them\n")


@pytest.mark.parametrize("more", [(), ("--seeds", "0..1")])
def test_nothing_is_promised_where_nothing_was_saved(rlkit, tmp_path, capsys, more):
    command = ["train", WALK, "--save-freq", 0, "--run-dir", tmp_path / "run", *SMALL, *more]
    assert rlkit(*command, *fault("raise", 30)) == 1
    told = capsys.readouterr().err
    assert "KeyError: 'speed'" in told
    assert "kept" not in told


def test_seeds_go_on_with_the_next_after_a_failure(rlkit, tmp_path, capsys):
    folder, marker = tmp_path / "runs", tmp_path / "once"
    command = ["train", WALK, "--save-freq", 20, "--seeds", "0..1", "--run-dir", folder, *SMALL]
    assert rlkit(*command, *fault("raise", 30, f"marker={marker}")) == 1
    told = capsys.readouterr()
    assert "1 of 2 seeds failed (0), the last with:" in told.err
    assert "the same command resumes them" in told.err
    assert {path.name for path in folder.iterdir() if (path / "config.json").exists()} == {"s0", "s1"}


@pytest.mark.parametrize(("env", "typed"), [(WALK, f" --env {WALK}"), ("CartPole-v1", "")])
def test_the_last_line_says_how_a_run_without_evaluation_is_evaluated(rlkit, tmp_path, capsys, env, typed):
    run = tmp_path / "run"
    assert rlkit("train", env, *SMALL[:-3], "--steps", 40, "--run-dir", run) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(
        f"saved after 40 steps: {run}; evaluate it: rlkit evaluate {run}{typed}; watch it: rlkit watch"
    )
    assert rlkit(*last.partition("rlkit ")[2].partition(";")[0].split(), "--episodes", 1) == 0


@pytest.mark.parametrize(
    "option", [("--algo", "pqn"), ("--eval-freq", 0), ("--eval-episodes", 3), ("--seed", 0), ("--learners", 2)]
)
def test_options_that_resuming_cannot_change_are_refused(rlkit, tmp_path, capsys, option):
    assert rlkit("train", "--resume", tmp_path, *option) == 2
    assert f"--resume takes {option[0]} from the run" in capsys.readouterr().err


def test_a_complete_run_is_trained_further_by_the_command_that_it_prints(rlkit, tmp_path, capsys):
    run, more = tmp_path / "runs/s0", ("--save-freq", 0, "--seeds", "0..0", "--run-dir", tmp_path / "runs")
    assert rlkit("train", WALK, *SMALL, *more) == 0
    assert rlkit("train", WALK, "--resume", run, "--steps", 300) == 2
    assert "is trained for 400 already" in capsys.readouterr().err
    assert rlkit("train", WALK, "--resume", run, "--steps", 440) == 0
    assert "budget: 440 steps in place of 400" in capsys.readouterr().out
    assert rlkit("train", WALK, "--resume", run) == 0
    assert f"to train it further: rlkit train --resume {run} --steps N" in capsys.readouterr().out
    assert rlkit("train", WALK, *SMALL, *more, "--steps", 500) == 2
    assert f"or train it further: rlkit train --resume {run} --steps 500" in capsys.readouterr().err


def test_a_repeated_run_with_more_steps_learns_to_their_end(rlkit, tmp_path, capsys):
    assert rlkit("train", "CartPole-v1", *SMALL, "--run-dir", tmp_path / "a") == 0
    assert rlkit("train", "--config", tmp_path / "a/config.json", "--steps", 480, "--run-dir", tmp_path / "b") == 0
    assert "the learning rate falls to 0 after 480 steps" in capsys.readouterr().out
    assert json.loads((tmp_path / "b/config.json").read_text())["hyperparameters"]["learning_rate_steps"] == 480

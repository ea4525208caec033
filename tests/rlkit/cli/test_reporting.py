"""Several seeds, their report and their curves, from the command line."""

import json

import pytest

SMALL = ["--set", "batch_size=16", "hidden=16", "learning_starts=100", "--eval-episodes", "2"]


def train(rlkit, folder, seeds, *more):
    return rlkit("train", "CartPole-v1", "--steps", 400, "--seeds", seeds, "--run-dir", folder, *SMALL, *more)


@pytest.fixture(scope="module")
def runs(rlkit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "runs"
    assert train(rlkit, folder, "0..1", "-q") == 0
    return folder


def test_seeds_end_with_what_all_of_them_came_to_and_a_set_is_continued(rlkit, runs, capsys):
    untouched = (runs / "s0" / "metrics.jsonl").stat().st_mtime_ns
    assert train(rlkit, runs, "0..2") == 0
    told = capsys.readouterr().out
    assert "s0 is complete and left as it is" in told
    assert "3 seeds, eval/mean_reward: interquartile mean [95 % interval]" in told
    assert {path.name for path in runs.iterdir()} == {"s0", "s1", "s2"}
    assert (runs / "s0" / "metrics.jsonl").stat().st_mtime_ns == untouched


def test_an_unfinished_seed_goes_on(rlkit, tmp_path, capsys):
    assert train(rlkit, tmp_path / "set", "5,6", "--time-limit", "0.001", "-q") == 0
    before = max(int(path.name) for path in (tmp_path / "set" / "s5" / "checkpoints").iterdir())
    assert before < 400
    assert train(rlkit, tmp_path / "set", "5,6") == 0
    assert f"resuming after {before} of 400 steps" in capsys.readouterr().out
    for seed in (5, 6):
        rows = (tmp_path / "set" / f"s{seed}" / "metrics.jsonl").read_text().splitlines()
        assert json.loads(rows[-1])["steps"] == 400


def test_a_set_made_with_other_settings_is_not_mixed_with_this_one(rlkit, runs, capsys):
    assert train(rlkit, runs, "0..1", "--set", "gamma=0.5") == 2
    told = capsys.readouterr().err
    assert "holds a run with other settings (gamma = 0.99, asked for 0.5)" in told
    assert "--run-dir" in told


def test_the_report_is_a_table_markdown_or_json(rlkit, runs, tmp_path, capsys):
    assert rlkit("report", runs) == 0
    told = capsys.readouterr().out
    assert "CartPole-v1" in told
    assert "interquartile mean over seeds" in told
    assert rlkit("report", runs, "--markdown") == 0
    assert "| CartPole-v1 | dqn |" in capsys.readouterr().out
    result = tmp_path / "report.json"
    for _ in range(2):  # an earlier report may be replaced
        assert rlkit("report", runs, "--json", result) == 0
    (group,) = json.loads(result.read_text())["groups"]
    assert group["env"] == "CartPole-v1"
    assert {"iqm", "low", "high"} == group["final"].keys()


def test_curves_become_a_picture_that_is_not_overwritten(rlkit, runs, tmp_path, capsys):
    picture = tmp_path / "curves.png"
    assert rlkit("plot", runs, "--out", picture, "--x", "seconds") == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert rlkit("plot", runs, "--out", picture) == 1
    assert "the file exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "nowhere"], "no run at nowhere"),
        (["report"], "rlkit report runs/"),
        (["plot", "--out", "x.png"], "rlkit plot runs/"),
        (["plot", "nowhere", "--out", "x.gif"], ".png"),
        (["plot", "nowhere", "--out", "x.png"], "no run at nowhere"),
        (["train", "CartPole-v1", "--seeds", "1,1"], "0..4"),
    ],
)
def test_the_likely_mistakes_get_one_sentence(rlkit, arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rlkit(*arguments) == 2
    told = capsys.readouterr()
    assert sentence in told.err + told.out
    assert list(tmp_path.iterdir()) == []


def test_a_metric_that_nobody_logged_is_refused(rlkit, runs, tmp_path, capsys):
    assert rlkit("plot", runs, "--out", tmp_path / "x.png", "--metric", "eval/lap_rate") == 2
    assert "none of the runs has logged it" in capsys.readouterr().err

import json

import pytest

from rlkit.errors import UserError
from rlkit.experiments.records import REWARD, check_tag, find_runs, read_run


def test_runs_are_found_in_folders_of_folders_and_each_once(make_run, tmp_path):
    for name in ("set/s0", "set/s1", "other"):
        make_run(name, {1000: 1.0})
    (tmp_path / "set" / ".unfinished-x").mkdir()
    (tmp_path / "set" / ".unfinished-x" / "config.json").write_text("{}")
    found = find_runs([tmp_path, tmp_path / "other", tmp_path / "set" / "s1"])
    assert [run.path.relative_to(tmp_path).as_posix() for run in found] == ["other", "set/s0", "set/s1"]


def test_links_that_lead_in_circles_end(make_run, tmp_path):
    make_run("set/s0", {1000: 1.0})
    for number in range(60):
        (tmp_path / "set" / f"again{number}").symlink_to(tmp_path / "set")
    assert [run.path for run in find_runs([tmp_path])] == [tmp_path / "set/s0"]


def test_what_is_no_run_is_named(make_run, tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        find_runs([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no run"):
        find_runs([tmp_path / "empty"])
    broken = make_run("broken", {})
    (broken / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json is damaged|cannot be used"):
        find_runs([broken])


def test_a_curve_holds_what_was_logged(make_run):
    run = read_run(make_run("run", {200: 1.0, 1000: 3.0}))
    curve = run.curve(REWARD)
    assert curve.x("steps").tolist() == [200, 1000]
    assert curve.x("seconds").tolist() == [2, 10]
    assert curve.values.tolist() == [1, 3]
    assert len(run.curve("eval/lap_rate").values) == 0


def test_a_run_is_complete_once_its_budget_is_used_up(make_run):
    assert read_run(make_run("a", {1000: 0.0})).complete
    unfinished = make_run("b", {900: 0.0})
    assert not read_run(unfinished).complete
    checkpoint = unfinished / "checkpoints" / "000001000"  # the last steps may be saved and not logged
    checkpoint.mkdir(parents=True)
    assert not read_run(unfinished).complete, "a checkpoint without its manifest does not count"
    manifest = {"format": 1, "steps": 1000, "files": {"weights.safetensors": "0" * 64}}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    assert not read_run(unfinished).complete, "nor does one whose files are missing"
    (checkpoint / "weights.safetensors").touch()
    assert not read_run(unfinished).complete, "the evaluation after the last step is missing"
    with (unfinished / "metrics.jsonl").open("a") as log:
        log.write('{"steps": 1000, "seconds": 10.0, "eval/mean_reward": 1.0}\n')
    assert read_run(unfinished).complete


def test_an_unknown_metric_gets_the_nearest_names(make_run):
    runs = [read_run(make_run("run", {1000: 0.0}))]
    check_tag(runs, REWARD)
    with pytest.raises(UserError, match="Did you mean eval/mean_reward"):
        check_tag(runs, "eval/mean_rewards")


def test_perception_runs_among_others_are_passed_over_and_refused_when_named(make_run, tmp_path):
    make_run("runs/driver", {1000: 1.0})
    (tmp_path / "runs/eyes").mkdir()
    (tmp_path / "runs/eyes/config.json").write_text('{"format": "perception-1", "kind": "segmentation"}')
    assert [run.path.name for run in find_runs([tmp_path / "runs"])] == ["driver"]
    with pytest.raises(UserError, match="perception-1"):
        find_runs([tmp_path / "runs/eyes"])

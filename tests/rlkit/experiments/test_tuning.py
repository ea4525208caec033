"""Hyperparameter search: trials are ordinary runs, and a search continues where it stopped."""

import builtins
import json
import os
import shutil
import signal
import sqlite3

import pytest

from rlkit import plugins
from rlkit.errors import DiskError, UserError
from rlkit.experiments.records import read_run
from rlkit.experiments.search_space import read_space, start_of
from rlkit.experiments.study_errors import study_errors
from rlkit.experiments.trial import LAST
from rlkit.experiments.tuning import Search, locked, tune
from rlkit.hyperparameters import with_settings
from rlkit.training import run as training_run
from rlkit.training.progress import PlainReporter
from rlkit.training.run import Run
from rlkit.utils.terminal import printable

SETTINGS = {"batch_size": "16", "hidden": "16", "learning_starts": "100"}
SEARCH = Search("CartPole-v1", settings=SETTINGS, search=["learning_rate=1e-4..1e-2", "gamma=0.9,0.99"], steps=200)


@pytest.fixture(autouse=True)
def _optuna():
    pytest.importorskip("optuna", reason="optuna is not installed: it is in the tune extra")


@pytest.fixture
def imagined(monkeypatch):
    """Runs that take no time and score what a function makes of their configuration."""

    def imagine(score):
        def start(config, *, run_dir, time_limit, reporter, started):
            run_dir.mkdir(parents=True)
            (run_dir / "config.json").write_text(json.dumps(config.to_json()))
            log = run_dir / "metrics.jsonl"
            log.touch()
            told = reporter(config.steps)
            for steps in range(config.steps // 10, config.steps + 1, config.steps // 10):
                row = {"steps": steps, "seconds": 0.0, "eval/mean_reward": score(config, steps)}
                log.write_text(log.read_text() + json.dumps(row) + "\n")
                told.say("an evaluation")
                told.progress(steps, {})
            return Run(run_dir, config.steps, None)

        monkeypatch.setattr(training_run, "start", start)

    return imagine


def search(tmp_path, plan=SEARCH, **options):
    said = []
    best = tune(plan, tmp_path / "study.sqlite3", say=said.append, **options)
    return best, "\n".join(said)


def test_trials_are_ordinary_runs_and_the_best_becomes_a_command(tmp_path):
    best, said = search(tmp_path, trials=2)
    folders = sorted((tmp_path / "study-trials").iterdir())
    assert [folder.name for folder in folders] == ["trial-0000", "trial-0001"]
    run = read_run(folders[0] / "s0")
    assert run.complete
    assert run.config.hyperparameters["gamma"] == 0.99  # the first trial is the preset as it is
    assert run.config.hyperparameters["learning_rate"] == 1e-3
    assert (run.path / "best").is_dir()
    assert not (run.path / "replay").exists()  # a search would fill the disk
    assert best.trials == 2
    assert best.command.startswith("rlkit train CartPole-v1 --steps 200 --set batch_size=16 hidden=16")
    assert best.command.endswith("--seeds 1..5")  # not the seed that the search has seen
    assert "trial-0001: " in said


def test_good_values_are_found_and_kept(tmp_path, imagined):
    imagined(lambda config, steps: -abs(config.hyperparameters["learning_rate"] - 5e-3))
    best, _ = search(tmp_path, trials=15)
    assert abs(float(best.settings["learning_rate"]) - 5e-3) < 2.5e-3
    again, said = search(tmp_path, trials=15)
    assert again == best  # all 15 have ended: nothing is trained
    assert "trial-0015" not in said


def test_a_search_goes_on_with_other_values_in_the_next_call(tmp_path, imagined):
    tried = []
    imagined(lambda config, steps: tried.append(config.hyperparameters["learning_rate"]) or 0.0)
    for trials in (2, 4):
        search(tmp_path, trials=trials)
    assert len(set(tried)) == 4


def test_seeds_are_the_same_in_every_trial_and_share_one_score(tmp_path, imagined):
    imagined(lambda config, steps: float(config.seed))
    best, _ = search(tmp_path, Search(**{**vars(SEARCH), "seeds": 3, "seed": 10}), trials=2)
    assert best.score == 11  # of 10, 11 and 12
    names = [sorted(path.name for path in folder.iterdir()) for folder in (tmp_path / "study-trials").iterdir()]
    assert names == [["s10", "s11", "s12"]] * 2


def test_a_trial_that_falls_behind_is_pruned(tmp_path, imagined):
    counts = {}

    def worse_every_time(config, steps):
        counts[config.hyperparameters["learning_rate"]] = steps
        return -float(len(counts))

    imagined(worse_every_time)
    best, said = search(tmp_path, trials=10)
    assert best.pruned > 0
    assert "pruned at" in said
    assert best.trial == "trial-0000"
    assert min(counts.values()) < SEARCH.steps  # those were not trained to their end


def test_values_that_do_not_go_together_end_a_trial_and_not_the_search(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    plan = Search("CartPole-v1", search=["batch_size=64|5000"], settings={"buffer_size": "1000"}, steps=200)
    best, said = search(tmp_path, plan, trials=5)
    assert best.trials == 5
    assert "larger than buffer_size" in said


def test_a_search_whose_trials_all_fail_ends(tmp_path, monkeypatch):
    def start(config, **options):
        raise UserError("train/loss became nan", exit_code=1)

    monkeypatch.setattr(training_run, "start", start)
    with pytest.raises(UserError, match="3 trials in a row failed, the last one: train/loss became nan"):
        search(tmp_path, trials=5)


def test_an_interrupted_trial_goes_on_in_its_folder(tmp_path, monkeypatch):
    start = training_run.start
    with monkeypatch.context() as patched:  # the time limit is reached in the middle of the run
        patched.setattr(training_run, "start", lambda *args, **options: start(*args, **options | {"time_limit": 1e-3}))
        best, said = search(tmp_path, trials=1)
    assert best is None
    assert "stopped by time limit in trial-0000; the same command continues it" in said
    before = read_run(tmp_path / "study-trials" / "trial-0000" / "s0").steps
    best, _ = search(tmp_path, trials=1)
    assert [folder.name for folder in (tmp_path / "study-trials").iterdir()] == ["trial-0000"]
    run = read_run(tmp_path / "study-trials" / "trial-0000" / "s0")
    assert run.complete
    assert before < run.steps
    assert best.trials == 1


def test_a_signal_stops_a_trial_that_the_next_call_resumes(tmp_path, monkeypatch):
    step, stops = training_run.AgentTrainer.step, []

    def stopped(trainer):
        step(trainer)
        if trainer.steps == 104:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(training_run.AgentTrainer, "step", stopped)
        best, said = search(tmp_path, trials=2, on_stop=stops.append)
    assert (best, stops) == (None, ["SIGTERM"])
    assert "stopped by SIGTERM in trial-0000; the same command continues it" in said
    assert read_run(tmp_path / "study-trials/trial-0000/s0").saved_steps == 104
    best, _ = search(tmp_path, trials=2, on_stop=pytest.fail)
    assert best.trials == 2
    folders = sorted((tmp_path / "study-trials").iterdir())
    assert (len(folders), folders[0].name) == (2, "trial-0000")
    assert all(read_run(folder / "s0").complete for folder in folders)


def test_an_interruption_between_two_steps_says_how_to_continue(tmp_path, monkeypatch):
    def start(config, **options):
        raise KeyboardInterrupt

    said = []
    monkeypatch.setattr(training_run, "start", start)
    with pytest.raises(KeyboardInterrupt):
        tune(SEARCH, tmp_path / "study.sqlite3", say=said.append)
    assert said[-1] == "the search is interrupted; the same command continues it"


def test_a_run_that_was_never_measured_by_the_metric_is_refused(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    with pytest.raises(UserError, match="none of the runs has logged it"):
        search(tmp_path, Search(**{**vars(SEARCH), "metric": "eval/lap_rate"}), trials=1)


def test_a_file_that_remembers_another_search_is_left_alone(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    search(tmp_path, trials=1)
    with pytest.raises(UserError, match=r"holds another search \(steps = 200, asked for 300\)"):
        search(tmp_path, Search(**{**vars(SEARCH), "steps": 300}), trials=2)


def test_the_same_choices_in_another_order_are_the_same_search(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    plan = Search(**{**vars(SEARCH), "search": ["update_interval=16,32,64", "gamma=0.8,0.9"]})
    search(tmp_path, plan, trials=2)
    turned = Search(**{**vars(SEARCH), "search": ["gamma=0.9,0.80", "update_interval=64,16,32"]})
    best, said = search(tmp_path, turned, trials=4)
    assert best.trials == 4
    assert "searching update_interval: 16 | 32 | 64" in said  # and not the preset's 4


def test_what_is_given_is_not_searched_unless_both_are_typed(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    _, said = search(tmp_path, Search("CartPole-v1", settings=SETTINGS, steps=200), trials=1)
    assert "searching gamma" in said
    assert "searching batch_size" not in said
    both = Search("CartPole-v1", settings=SETTINGS, steps=200, search=["batch_size=16,32"])
    with pytest.raises(UserError, match="batch_size is searched and given by --set"):
        search(tmp_path, both, trials=1)


def test_other_choices_are_another_search_and_named(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    search(tmp_path, Search(**{**vars(SEARCH), "search": ["update_interval=16,32", "gamma=0.8..0.9"]}), trials=1)
    other = Search(**{**vars(SEARCH), "search": ["update_interval=32,64", "n_step=1..3"]})
    with pytest.raises(UserError, match=r"another search \(gamma: 0\.8 to 0\.9, asked for: not searched; n_step: not"):
        search(tmp_path, other, trials=2)


def test_every_agent_has_a_search_space_of_its_own_that_can_be_read():
    for name in ("dqn", "pqn"):
        config = plugins.agent_class(name).Config()
        space = read_space(config, [])
        assert all(with_settings(config, {key: text}) for key, text in start_of(space, config).items())


def test_a_file_that_is_no_study_is_left_alone(tmp_path):
    (tmp_path / "study.sqlite3").write_text("Years of work, but no database. " * 100)
    with pytest.raises(UserError, match="this file is no study"):
        search(tmp_path, trials=1)
    assert (tmp_path / "study.sqlite3").read_text().startswith("Years of work")


def test_two_processes_do_not_search_with_one_file(tmp_path):
    with locked(tmp_path / "study.sqlite3"), pytest.raises(UserError, match="by another process"):
        search(tmp_path, trials=1)


def test_a_hyperparameter_is_not_both_searched_and_set(tmp_path):
    plan = Search("CartPole-v1", search=["gamma=0.9,0.99"], settings={"gamma": "0.5"}, steps=200)
    with pytest.raises(UserError, match="gamma is searched and given by --set"):
        search(tmp_path, plan, trials=1)


def test_without_optuna_a_sentence_says_how_to_have_it(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r'pip install "rlkit-toolkit\[tune\]"'):
        search(tmp_path, trials=1)


def test_the_score_of_a_run_is_the_mean_of_its_last_evaluations(tmp_path, imagined):
    imagined(lambda config, steps: float(steps))
    best, _ = search(tmp_path, trials=1)
    assert best.score == (160 + 180 + 200) / LAST


@pytest.fixture
def mine(tmp_path):
    """A run of the user, which no study may change."""
    folder = tmp_path / "mine"
    training_run.train(
        "CartPole-v1", steps=200, settings=SETTINGS, run_dir=folder / "s0", reporter=lambda _: PlainReporter(0, True)
    )
    before = contents(folder)
    assert any("checkpoints" in name for name in before)
    yield folder
    assert contents(folder) == before


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupted(file, **attributes):
    """Make a study as this search would, with a trial that was under way when it was left."""
    search(file.parent, trials=1)
    trial = optuna_study(file).ask()
    for name, value in attributes.items():
        trial.set_user_attr(name, value)


@pytest.mark.parametrize(
    "name", ["../../mine", "../mine", "/tmp/mine", "trial-0000/../../../mine", "trial-1\n", 7, "x"]
)
def test_a_trial_lies_beside_its_study_and_nowhere_else(tmp_path, imagined, mine, name):
    imagined(lambda config, steps: 1.0)
    file = tmp_path / "study" / "study.sqlite3"
    file.parent.mkdir()
    interrupted(file, folder=name)
    with pytest.raises(UserError, match="is no name of a trial's folder"):
        search(file.parent, trials=3)


@pytest.mark.parametrize("link", ["study-trials", "study-trials/trial-0001", "study-trials/trial-0001/s0"])
def test_a_trial_does_not_lie_behind_a_link(tmp_path, imagined, mine, link):
    imagined(lambda config, steps: 1.0)
    file = tmp_path / "study" / "study.sqlite3"
    file.parent.mkdir()
    interrupted(file, folder="trial-0001")
    place = file.parent / link
    if place.is_dir():
        place.rename(file.parent / "aside")
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(mine / "s0" if link.endswith("s0") else mine)
    with pytest.raises(UserError, match="symbolic link"):
        search(file.parent, trials=3)


def test_a_run_that_is_no_trial_of_this_search_keeps_its_checkpoints(tmp_path, imagined, mine):
    imagined(lambda config, steps: 1.0)
    file = tmp_path / "study" / "study.sqlite3"
    file.parent.mkdir()
    interrupted(file, folder="trial-0001")
    shutil.copytree(mine, file.parent / "study-trials" / "trial-0001")
    _, said = search(file.parent, trials=2)
    assert "holds another run than this trial's" in said
    assert (file.parent / "study-trials/trial-0001/s0/checkpoints").is_dir()


@pytest.mark.parametrize("beside", [".study.sqlite3.lock", "study.sqlite3-journal", "study.sqlite3-wal"])
def test_files_beside_a_study_are_not_written_through_links(tmp_path, imagined, mine, beside):
    imagined(lambda config, steps: 1.0)
    file = tmp_path / "study" / "study.sqlite3"
    file.parent.mkdir()
    search(file.parent, trials=1)
    (file.parent / beside).unlink(missing_ok=True)
    (file.parent / beside).symlink_to(mine / "s0/config.json")
    with pytest.raises(UserError, match="symbolic link"):
        search(file.parent, trials=2)


def test_texts_of_a_study_do_not_steer_the_terminal(tmp_path, imagined):
    imagined(lambda config, steps: 1.0)
    search(tmp_path, trials=1)
    study = optuna_study(tmp_path / "study.sqlite3")
    study.set_user_attr("search", {"steps": "\x1b[2J"})
    with pytest.raises(UserError, match="another search") as refused:
        search(tmp_path, trials=2)
    assert "\x1b" not in printable(refused.value)


def optuna_study(file):
    import optuna

    return optuna.load_study(study_name="rlkit", storage=f"sqlite:///{file}")


def test_a_full_disk_is_not_a_damaged_study(tmp_path, small_files):
    with small_files(9_000), pytest.raises(DiskError, match=r"ulimit -f.*the same command continues"):
        search(tmp_path, trials=1)


def test_a_full_disk_ends_the_search_and_not_the_trial(tmp_path, monkeypatch, imagined):
    imagined(lambda config, steps: 1.0)
    start = training_run.start

    def full(config, **options):
        raise DiskError("cannot write the run: the disk is full")

    monkeypatch.setattr(training_run, "start", full)
    with pytest.raises(DiskError, match="the disk is full"):
        search(tmp_path, trials=1)
    monkeypatch.setattr(training_run, "start", start)
    best, _ = search(tmp_path, trials=1)
    assert (best.trials, best.pruned, best.trial) == (1, 0, "trial-0000")


def test_errors_of_the_database_name_their_cause(tmp_path):
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(DiskError, match="the disk is full"), study_errors(tmp_path / "study.sqlite3"):
        database.execute("CREATE TABLE trials (number)")
    with pytest.raises(UserError, match=r"is no study.*syntax"), study_errors(tmp_path / "study.sqlite3"):
        database.execute("CREATE NOTHING")

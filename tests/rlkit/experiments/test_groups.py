from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import find_runs


def grouped(tmp_path):
    return {group.label: group.seeds for group in group_runs(find_runs([tmp_path]))}


def test_runs_that_differ_in_their_seed_alone_are_one_group(make_run, tmp_path):
    make_run("a", {}, seed=1)
    make_run("b", {}, seed=0, versions={"torch": "1"})
    assert grouped(tmp_path) == {"dqn": [0, 1]}


def test_groups_are_named_by_the_hyperparameters_that_differ(make_run, tmp_path):
    make_run("a", {})
    make_run("b", {}, hyperparameters={"gamma": 0.9})
    make_run("c", {}, hyperparameters={"hidden": [32]})
    assert set(grouped(tmp_path)) == {
        "dqn, gamma=0.99, hidden=64,64",
        "dqn, gamma=0.9, hidden=64,64",
        "dqn, gamma=0.99, hidden=32",
    }


def test_a_preset_or_a_budget_stands_for_all_that_it_changes(make_run, tmp_path):
    make_run("a", {}, preset="fast", hyperparameters={"buffer_size": 1000, "double": True})
    make_run("b", {}, preset="rainbow", hyperparameters={"buffer_size": 9999, "double": False})
    make_run("c", {}, preset="fast", steps=2000, hyperparameters={"buffer_size": 2000, "double": True})
    assert set(grouped(tmp_path)) == {"dqn, fast, 1,000 steps", "dqn, rainbow, 1,000 steps", "dqn, fast, 2,000 steps"}


def test_runs_in_two_environments_are_named_apart_within_each(make_run, tmp_path):
    make_run("a", {})
    make_run("b", {}, env="Acrobot-v1")
    groups = group_runs(find_runs([tmp_path]))
    assert [(group.environment, group.label) for group in groups] == [("CartPole-v1", "dqn"), ("Acrobot-v1", "dqn")]


def test_a_repeated_seed_counts_once(make_run, tmp_path):
    make_run("a", {500: 1.0})
    make_run("b", {1000: 1.0})
    (group,) = group_runs(find_runs([tmp_path]))
    assert [run.path.name for run in group.runs] == ["b"]  # it went further
    assert [run.path.name for run in group.left_out] == ["a"]

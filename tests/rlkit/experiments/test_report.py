import pytest

from rlkit.experiments.groups import group_runs
from rlkit.experiments.records import find_runs
from rlkit.experiments.report import HEADINGS, aggregate_lines, markdown, notes, summarise, table_rows


@pytest.fixture
def summaries(make_run, tmp_path):
    """Five seeds that end at 0, 10, 20, 30, 40, each after a better evaluation of 100 more."""
    for seed in range(5):
        make_run(f"s{seed}", {500: 100.0 + 10 * seed, 1000: 10.0 * seed}, seed=seed, seconds_per_step=0.01)
    return [summarise(group) for group in group_runs(find_runs([tmp_path]))]


def test_final_and_best_are_interquartile_means_over_seeds(summaries):
    final, best = summaries[0].intervals
    assert final.value == 20  # of 10, 20, 30: a quarter of five is one at each end
    assert best.value == 120
    assert final.low < 20 < final.high
    assert summaries[0].steps_per_second == pytest.approx(100)


def test_the_table_says_what_the_json_says(summaries):
    row = dict(zip(HEADINGS, table_rows(summaries)[0], strict=True))
    plain = summaries[0].to_json()
    assert row["seeds"] == "0..4"
    assert plain["seeds"] == [0, 1, 2, 3, 4]
    assert row["final"].startswith("20 [")
    assert plain["final"]["iqm"] == 20
    assert [run["final"] for run in plain["runs"]] == [0, 10, 20, 30, 40]
    assert all(run["complete"] for run in plain["runs"])


def test_markdown_has_one_line_per_group(summaries):
    lines = markdown(summaries)
    assert len(lines) == 3
    assert all(line.count("|") == len(HEADINGS) + 1 for line in lines)


def test_one_line_per_seed_and_one_for_all(summaries):
    lines = aggregate_lines(summaries[0])
    assert len(lines) == 6
    assert "5 seeds" in lines[-1]
    assert "final 20 [" in lines[-1]


def test_what_a_reader_has_to_know_is_said(make_run, tmp_path):
    make_run("a", {400: 1.0}, seed=0)
    make_run("b", {}, seed=1, versions={"torch": "1.0"})
    make_run("c", {}, seed=1)
    (summary,) = (summarise(group) for group in group_runs(find_runs([tmp_path])))
    told = "\n".join(notes([summary]))
    assert "unfinished, seeds 0,1" in told
    assert "not measured yet, seeds 1" in told
    assert "repeats a seed and is left out" in told
    assert "different versions" not in told  # the one with another version is the one left out
    assert "rows with one seed have no interval" in told


def test_runs_that_were_never_measured_still_have_a_line(make_run, tmp_path):
    make_run("a", {})
    (summary,) = (summarise(group) for group in group_runs(find_runs([tmp_path])))
    row = dict(zip(HEADINGS, table_rows([summary])[0], strict=True))
    assert row["final"] == row["best"] == row["steps/s"] == "—"
    assert summary.to_json()["final"] is None

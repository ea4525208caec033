"""Issues that need another process: hangs, crashes, and differences between processes."""

import functools
import json
import sys
from pathlib import Path

import pytest

from rlkit.cli.check import Check, fact_lines
from rlkit.env.config import EnvConfig
from rlkit.env_checker import Report, process
from rlkit.env_checker.process import check_environment
from rlkit.errors import UserError

PLANTED = Path(__file__).with_name("planted.py")


@pytest.fixture
def untimed(monkeypatch):
    """Check without the five seconds of timing."""
    monkeypatch.setattr(process, "check_environment", functools.partial(check_environment, timed=False))


def line_of(text):
    return next(number for number, line in enumerate(PLANTED.read_text().splitlines(), 1) if text in line)


def test_a_hang_is_reported_with_its_line_and_the_timeout():
    report = check_environment(f"{PLANTED}:HangsInStep", steps=100, timeout=1.5)
    (issue,) = report.issues
    assert issue.name == "hangs"
    assert "within 1.5 s" in issue.message
    assert f"planted.py:{line_of('time.sleep(0.1)')}" in issue.message
    assert not report.passed


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_a_crash_is_reported_with_its_line():
    report = check_environment(f"{PLANTED}:Crashes", steps=100)
    (issue,) = report.issues
    assert issue.name == "crashes"
    assert "SIGSEGV" in issue.message
    assert f"planted.py:{line_of('os.kill')}" in issue.message


def test_what_differs_between_processes_is_found():
    report = check_environment(f"{PLANTED}:DependsOnHash", steps=100, timed=False)
    assert [issue.name for issue in report.of("error")] == ["process-not-reproduced"]


def test_a_sound_environment_passes_in_a_process_of_its_own_and_reports_progress():
    progress = []
    report = check_environment(f"{PLANTED}:Sound", steps=100, timed=False, on_progress=progress.append)
    assert report.issues == ()
    assert {"import", "make"} <= set(progress)
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_an_unknown_id_is_a_usage_error():
    with pytest.raises(UserError, match=r"no environment called 'CartPoel-v1'.*Did you mean CartPole-v1") as caught:
        check_environment("CartPoel-v1")
    assert caught.value.exit_code == 2


def test_an_environment_whose_file_does_not_import_is_refused_with_the_line(tmp_path):
    (tmp_path / "mine.py").write_text("import gymnasium\n1 / 0\n")
    with pytest.raises(UserError, match=r"ZeroDivisionError.*mine\.py:2") as caught:
        check_environment(f"{tmp_path / 'mine.py'}:Mine")
    assert caught.value.exit_code == 1


def test_invalid_numbers_are_refused():
    with pytest.raises(UserError, match="0 steps"):
        check_environment("CartPole-v1", steps=0)
    with pytest.raises(UserError, match="timeout of nan"):
        check_environment("CartPole-v1", timeout=float("nan"))


def test_the_verb_prints_the_issues_writes_them_and_exits_with_1(tmp_path, capsys):
    result = tmp_path / "result.json"
    with pytest.raises(SystemExit) as left:
        Check(f"{PLANTED}:OldApi", steps=100, json=str(result)).run()
    assert left.value.code == 1
    printed = capsys.readouterr().out
    assert "ERROR old-api" in printed
    assert "Return five values from step" in printed
    assert "skipped" in printed
    tree = json.loads(result.read_text())
    assert tree["passed"] is False
    assert [issue["name"] for issue in tree["issues"]] == ["old-api"]


def test_the_verb_succeeds_if_there_is_no_error(untimed, capsys):
    Check("CartPole-v1", env_kwargs=(("max_episode_steps=20",),), steps=300).run()
    printed = capsys.readouterr().out
    assert printed.startswith("CartPole-v1, max_episode_steps=20: no error")
    assert "2 (0, 1)" in printed


def test_the_verb_prints_json_alone_where_asked(untimed, capsys):
    Check("CartPole-v1", steps=100, json="-").run()
    assert json.loads(capsys.readouterr().out)["env"] == "CartPole-v1"


@pytest.mark.parametrize("options", [{"steps": 0}, {"timeout": 0.0}, {"timeout": float("nan")}])
def test_the_verb_refuses_invalid_numbers(options):
    with pytest.raises(UserError, match=r"--(steps|timeout)"):
        Check("CartPole-v1", **options).run()


def test_facts_are_printed_in_words():
    facts = {
        "observations": {"camera": "picture 8×8×3"},
        "actions": [str(n) for n in range(9)],
        "actions_note": "a grid",
        "random_play": {"steps": 1200, "episodes": 0},
    }
    assert fact_lines(facts) == [
        ("observation camera", "picture 8×8×3"),
        ("actions", "9 (0, 1, 2, 3, 4, 5, 6, 7, …); a grid"),
        ("random play", "1,200 steps, and no episode ended"),
    ]


SHIPPED = (
    "CartPole-v1",
    "FrozenLake-v1",
    "Pendulum-v1",
    "rlkit/Driving-v0",
    "rlkit/DrivingCamera-v0",
    "rlkit/DrivingContinuous-v0",
    "rlkit/DrivingRace-v0",
    "rlkit/DrivingTraffic-v0",
    "rlkit/DrivingTrafficCamera-v0",
    "rlkit/CarRacing-v0",
    "rlkit/Duel-v0",
    "rlkit/Bricks-v0",
    "rlkit/Waves-v0",
    "rlkit/Crossing-v0",
    "rlkit/Undersea-v0",
    "rlkit/Maze-v0",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_every_environment_that_ships_passes(name):
    report = check_environment(EnvConfig(name))
    assert report.of("error") == ()

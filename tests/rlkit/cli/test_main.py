"""The command line as a stranger meets it: what it prints, and with which status it leaves."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from rlkit.cli import main

SMALL = ["--set", "batch_size=16", "hidden=16", "learning_starts=100", "--eval-episodes", "2", "-q"]


@pytest.fixture(scope="module")
def run(rlkit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cartpole"
    assert rlkit("train", "CartPole-v1", "--steps", 600, "--run-dir", folder, *SMALL) == 0
    return folder


def test_a_run_folder_holds_what_was_promised(run):
    names = {path.name for path in run.iterdir()}
    assert {"config.json", "metrics.jsonl", "checkpoints", "best", "replay"} <= names
    assert any(name.startswith("events.out") for name in names)
    config = json.loads((run / "config.json").read_text())
    assert config["hyperparameters"]["hidden"] == [16]
    assert config["environment"]["id"] == "CartPole-v1"


def test_evaluate_writes_the_figures_that_scripts_rely_on(rlkit, run, tmp_path, capsys):
    result = tmp_path / "result.json"
    assert rlkit("evaluate", run, "--episodes", 3, "--json", result) == 0
    assert "3 episodes: reward" in capsys.readouterr().out
    figures = json.loads(result.read_text())
    assert {"env", "agent", "episodes", "mean_reward", "std_reward", "mean_length", "seconds"} <= figures.keys()
    assert len(figures["episodes"]) == 3
    assert {"seed", "reward", "length"} <= figures["episodes"][0].keys()
    assert figures["algorithm"] == "dqn"
    assert (figures["seed"], figures["num_episodes"], figures["scenario"]) == (0, 3, None)
    assert figures["checkpoint"]["steps"] == int(next((run / "best").glob("[0-9]*")).name)
    assert figures["checkpoint"]["folder"] == str(next((run / "best").glob("[0-9]*")))
    assert {"rlkit-toolkit", "torch", "gymnasium", "numpy", "python"} <= figures["versions"].keys()
    assert rlkit("evaluate", run, "--episodes", 3, "--json", result) == 0  # an earlier result may be replaced
    again = json.loads(result.read_text())
    assert again["episodes"] == figures["episodes"]


def test_evaluate_prints_json_alone_when_asked(rlkit, run, capsys):
    assert rlkit("evaluate", run, "--episodes", 1, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["agent"] == "cartpole"


def test_driving_adds_its_own_figures(rlkit, tmp_path):
    result = tmp_path / "result.json"
    assert rlkit("evaluate", "random", "--env", "rlkit/Driving-v0", "--episodes", 2, "--json", result) == 0
    figures = json.loads(result.read_text())
    assert 0 <= figures["lap_rate"] <= 1
    assert figures["env_kwargs"] == {"split": "test", "border_penalty": 0.0}  # the defaults of evaluation
    assert (figures["algorithm"], figures["checkpoint"]) == ("random", None)
    assert (figures["frame_stack"], figures["perception"]) == (None, None)
    expected = {"circuit", "finished", "lap_time", "reference_time", "ratio", "off_road_seconds"}
    assert expected <= figures["episodes"][0].keys()


def test_a_run_repeats_from_its_config_file(rlkit, run, tmp_path):
    for name in ("a", "b"):
        assert rlkit("train", "--config", run / "config.json", "--seed", 3, "--run-dir", tmp_path / name, "-q") == 0
    a, b = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("a", "b"))
    assert a == b
    assert a["hyperparameters"]["hidden"] == [16]
    assert a["seed"] == 3


def test_several_seeds_make_several_runs(rlkit, tmp_path):
    command = ["train", "CartPole-v1", "--steps", 200, "--seeds", "0..1", "--run-dir", tmp_path / "runs", *SMALL]
    assert rlkit(*command) == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"s0", "s1"}


def test_a_film_is_recorded(rlkit, run, tmp_path, capsys):
    film = tmp_path / "film.gif"
    assert rlkit("watch", run, "--record", film) == 0
    assert film.read_bytes().startswith(b"GIF8")
    assert str(film) in capsys.readouterr().out
    assert rlkit("watch", run, "--record", film) == 2


def test_lists_name_what_there_is(rlkit, capsys):
    assert rlkit("envs") == 0
    assert "rlkit/Driving-v0" in capsys.readouterr().out
    assert rlkit("agents") == 0
    assert "dqn" in capsys.readouterr().out
    assert rlkit("agents", "dqn", "--json") == 0
    listed = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert listed["gamma"]["meaning"]
    assert rlkit("envs", "--json") == 0
    assert "rlkit/Driving-v0" in json.loads(capsys.readouterr().out)["rlkit_envs"]


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["train"], 2, "name one environment"),
        (["train", "CartPol-v1"], 2, "CartPole-v1"),
        (["train", "rlkit/Drivin-v0"], 2, "rlkit/Driving-v0"),
        (["train", "CartPole-v1", "--algo", "dqm"], 2, "Did you mean dqn"),
        (["train", "CartPole-v1", "--algo", "random"], 2, "does not learn"),
        (["train", "CartPole-v1", "--preset", "fst"], 2, "Did you mean fast"),
        (["train", "CartPole-v1", "--steps", "-5"], 2, "--steps"),
        (["train", "CartPole-v1", "--steps", "many"], 2, "--steps"),
        (["train", "CartPole-v1", "--seed", "-1"], 2, "--seed"),
        (["train", "CartPole-v1", "--time-limit", "-1"], 2, "--time-limit"),
        (["train", "CartPole-v1", "--num-envs", "0"], 2, "--num-envs"),
        (["train", "CartPole-v1", "--set", "gama=0.5"], 2, "Did you mean gamma"),
        (["train", "CartPole-v1", "--set", "gamma"], 2, "KEY=VALUE"),
        (["train", "CartPole-v1", "--set", "batch_size=5000", "buffer_size=1000"], 2, "larger than buffer_size"),
        (["train", "CartPole-v1", "--env-kwargs", "speed=3"], 2, "speed"),
        (["train", "Pendulum-v1", "--env-kwargs", "action_bins=1000"], 2, "action_bins"),
        (["train", "no_such_module:Env-v0"], 2, "no_such_module"),
        (["train", "missing.py:Env"], 2, "missing.py"),
        (["train", "CartPole-v1", "--async-envs"], 2, "workers=1"),
        (["train", "CartPole-v1", "--async-envs", "--deterministic"], 2, "leave one out"),
        (["train", "--resume", "nowhere"], 2, "nowhere"),
        (["train", "--resume", "nowhere", "--async-envs"], 2, "--async-envs from the run"),
        (["train", "CartPole-v1", "--seeds", "0-4"], 2, "0..4"),
        (["train", "CartPole-v1", "--ray", "local"], 2, "--seeds 0..9"),
        (["train", "CartPole-v1", "--seeds", "0..1", "--ray-working-dir", "."], 2, "needs --ray"),
        (["evaluate", "nowhere"], 2, "no run folder at nowhere"),
        (["evaluate", "random"], 2, "--env"),
        (["evaluate", "dqn", "--env", "CartPole-v1"], 2, "needs training"),
        (["evaluate", "expert", "--env", "CartPole-v1"], 2, "no scripted expert"),
        (["evaluate", "random", "--env", "CartPole-v1", "--episodes", "0"], 2, "--episodes"),
        (["evaluate", "random", "--env", "CartPole-v1", "--json", "/no/such/folder/x.json"], 1, "does not exist"),
        (["evaluate", "random", "--env", "CartPole-v1", "--scenario", "x.csv"], 2, "no scenarios"),
        (["evaluate", "random", "--env", "rlkit/Driving-v0", "--scenario", "no.csv"], 2, "no.csv"),
        (["agents", "dqnn"], 2, "Did you mean dqn"),
        (["trian", "CartPole-v1"], 2, "trian"),
    ],
)
def test_the_likely_mistakes_get_one_sentence_and_no_traceback(
    rlkit, arguments, status, sentence, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert rlkit(*arguments) == status
    told = capsys.readouterr()
    assert sentence in told.err + told.out
    assert "Traceback" not in told.err
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_users_is_overwritten(rlkit, run, tmp_path, capsys):
    mine = tmp_path / "thesis.json"
    mine.write_text('{"title": "Years of work"}')
    assert rlkit("evaluate", run, "--episodes", 1, "--json", mine) == 1
    assert "not an earlier result" in capsys.readouterr().err
    assert json.loads(mine.read_text()) == {"title": "Years of work"}


def test_help_and_mistakes_come_without_importing_torch():
    code = "import sys; from rlkit.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "assert not {'torch', 'numba', 'gymnasium', 'pygame'} & set(sys.modules), 'slow imports'"
    for arguments in (["--help"], ["train", "--help"], ["train", "--no-such-option"], ["train"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


MINE = """
import gymnasium, numpy as np

print("the file was imported")


class Mine(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self.np_random.random(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        return self.np_random.random(2, np.float32), float(action), self.steps == 9, False, {}
"""


def test_code_that_a_run_needs_is_imported_only_when_it_is_named(rlkit, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(MINE)
    assert rlkit("train", "mine.py:Mine", "--steps", 400, "--run-dir", "run", "--time-limit", 100, *SMALL) == 0
    assert "the file was imported" in capsys.readouterr().out
    for command, hint in (
        (["evaluate", "run"], "add: --env /"),
        (["watch", "run", "--record", "x.gif"], "add: --env /"),
        (["train", "--resume", "run"], "after the command: rlkit train /"),
    ):
        assert rlkit(*command) == 2
        told = capsys.readouterr()
        assert hint in told.err
        assert "the file was imported" not in told.out
    assert rlkit("evaluate", "run", "--env", "mine.py:Mine", "--episodes", 2) == 0
    assert "2 episodes" in capsys.readouterr().out


def test_a_run_from_another_environment_is_refused(rlkit, run, capsys):
    assert rlkit("evaluate", run, "--env", "Acrobot-v1", "--episodes", 1) == 1
    assert "observation: vector of 4 then, vector of 6 now; actions: 2 then, 3 now" in capsys.readouterr().err
    assert rlkit("train", "Acrobot-v1", "--resume", run) == 2
    assert "was trained in CartPole-v1" in capsys.readouterr().err


def test_a_complete_run_says_so(rlkit, run, capsys):
    assert rlkit("train", "--resume", run) == 0
    assert "this run is complete" in capsys.readouterr().out


def test_the_version_is_printed(capsys):
    main(["--version"])
    assert capsys.readouterr().out.startswith("rlkit 0.")


def test_a_hyperparameter_typed_as_an_option_is_pointed_to_set(capsys):
    with pytest.raises(SystemExit):
        main(["train", "CartPole-v1", "--learning-rate", "0.1"])
    assert "if learning_rate is a hyperparameter: --set learning_rate=VALUE" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "CartPole-v1", "--steps", "many"])
    assert "hyperparameter:" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        (["trian", "CartPole-v1"], "there is no command 'trian'. Did you mean train"),
        (["perception", "evalute", "x"], "there is no command 'evalute'. Did you mean evaluate"),
        (["train", "--env", "CartPole-v1"], "--env is no option of rlkit train: its value follows the command"),
        (["evaluate", "--policy", "run"], "its value follows the command, rlkit evaluate POLICY"),
        (["train", "CartPole-v1", "--seed", "abc"], "--seed: expected a whole number such as 200000 or 2e5, not abc"),
        (["train", "CartPole-v1", "--seed", "1e400"], "--seed: expected a whole number"),
        (["evaluate", "random", "--episodes", "1.5"], "--episodes: expected a whole number"),
        (["train", "CartPole-v1", "--time-limit", "soon"], "--time-limit: expected a number such as 0.5, not soon"),
        (["perception", "train", "--val-fraction", "x"], "--val-fraction: expected a number"),
        (["train", "CartPole-v1", "--device", "gpu"], "invalid choice 'gpu' for argument '--device'"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_parsed_is_answered_in_a_sentence(command, hint, capsys):
    with pytest.raises(SystemExit) as left:
        main(command)
    assert left.value.code == 2
    told = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert hint in told
    assert "None" not in told


def test_steps_may_be_written_with_an_exponent(rlkit, tmp_path, capsys):
    assert rlkit("train", "CartPole-v1", "--steps", "2e2", "--run-dir", tmp_path / "run", *SMALL) == 0
    assert json.loads((tmp_path / "run/config.json").read_text())["steps"] == 200
    for wrong in ("1.5", "many"):
        with pytest.raises(SystemExit):
            main(["train", "CartPole-v1", "--steps", wrong])
        assert "expected a whole number such as 200000 or 2e5" in " ".join(capsys.readouterr().err.split())


def _write_circle(path: Path, half_width: float = 5.0) -> None:
    points = [(60.0 * math.cos(0.05236 * k), 60.0 * math.sin(0.05236 * k)) for k in range(120)]
    path.write_text("\n".join(f"{x:.3f},{y:.3f},{half_width},{half_width}" for x, y in points))


def test_each_scenario_has_a_line_with_the_reason_of_its_end(rlkit, tmp_path, capsys):
    _write_circle(tmp_path / "good.csv")
    _write_circle(tmp_path / "narrow.csv", 1.3)
    assert rlkit("evaluate", "expert", "--env", "rlkit/Driving-v0", "--scenario", tmp_path, "--json", "-") == 0
    written = json.loads(capsys.readouterr().out)
    assert [(e["scenario"], e["circuit"]) for e in written["episodes"]] == [
        ("good.csv", "good"),
        ("narrow.csv", "narrow"),
    ]
    assert written["episodes"][0]["end"] == "lap finished"
    assert rlkit("evaluate", "expert", "--env", "rlkit/Driving-v0", "--scenario", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("good.csv: lap finished, reward 100, lap time") for line in lines)
    assert any(line.startswith("narrow.csv: ") for line in lines)


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "expert", "--env", "rlkit/Driving-v0"],
        ["watch", "expert", "--env", "rlkit/Driving-v0", "--record", "film.gif"],
        ["play", "rlkit/Driving-v0", "--record", "film.gif"],
    ],
    ids=lambda command: command[0],
)
def test_all_scenarios_are_read_before_the_first_is_driven(rlkit, tmp_path, capsys, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    _write_circle(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text("{}")
    _write_circle(tmp_path / "c.csv", 50.0)
    monkeypatch.setattr("rlkit.policy._evaluate", lambda *_: pytest.fail("an episode was driven"))
    assert rlkit(*command, "--scenario", tmp_path) == 2
    assert not (tmp_path / "film.gif").exists()
    told = capsys.readouterr().err
    assert "2 of 3 files cannot be used" in told
    assert "b.csv: begins with JSON" in told
    assert "c.csv, line 1: 50 m of road" in told


def test_paths_that_are_no_run_are_answered_with_the_run(rlkit, run, tmp_path, capsys):
    for command, hint in (
        (["evaluate", run / "checkpoints"], f"it has no config.json; it lies in the run {run}"),
        (["watch", run / "config.json"], f"it lies in the run {run}"),
        (["train", "--config", run], f"this is a folder; name the file {run / 'config.json'}"),
        (["perception", "train", "--resume", run], "a run of agent training, not of segmentation training"),
        (["watch", run, "--episodes", 0], "--episodes 0: expected a whole number of at least 1"),
    ):
        assert rlkit(*command) in (1, 2)
        assert hint in capsys.readouterr().err

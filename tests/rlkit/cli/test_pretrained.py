"""`rlkit pretrained` lists what ships, and every command takes `pretrained:NAME`."""

import json

import pytest

from rlkit.training.pretrained import pretrained_names

SMALL = ["--set", "learning_starts=80", "--steps", 80, "--num-envs", 8, "--eval-freq", 0, "-q"]


def test_all_that_ships_is_listed_with_its_figures(rlkit, capsys):
    assert rlkit("pretrained") == 0
    shown = capsys.readouterr().out
    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert set(pretrained_names()) <= rows.keys()
    assert "CartPole-v1" in rows["cartpole"]
    assert "200 episodes: reward" in rows["cartpole"]


def test_the_list_and_the_cards_can_be_read_by_programs(rlkit, capsys):
    assert rlkit("pretrained", "--json") == 0
    cards = json.loads(capsys.readouterr().out)
    assert list(cards) == pretrained_names()
    assert rlkit("pretrained", "cartpole", "--json") == 0
    assert json.loads(capsys.readouterr().out) == cards["cartpole"]


def test_a_card_shows_the_commands_that_repeat_it(rlkit, capsys):
    assert rlkit("pretrained", "cartpole") == 0
    shown = capsys.readouterr().out
    assert "rlkit train CartPole-v1 --seeds 0..2" in shown
    assert "rlkit evaluate pretrained:cartpole --episodes 200" in shown
    assert "SHA-256" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pretrained", "cartpol"), "No agent called 'cartpol' ships with rlkit. Did you mean cartpole?"),
        (("watch", "pretrained:cartpole", "--live"), "--live follows a run in training"),
        (("evaluate", "pretrained:cartpole", "--env", "Acrobot-v1"), "is not that of pretrained:cartpole: "),
        (("train", "Acrobot-v1", "--init", "pretrained:cartpole", *SMALL), "--init pretrained:cartpole: its observ"),
        (("train", "--resume", "here", "--init", "pretrained:cartpole"), "--resume takes --init from the run"),
        (("train", "--config", "here", "--init", "pretrained:cartpole"), "--config takes --init from the run"),
    ],
)
def test_what_cannot_be_is_one_sentence(rlkit, tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert rlkit(*arguments) == 2 or "evaluate" in arguments
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_it_is_evaluated_without_training(rlkit, tmp_path, capsys):
    assert rlkit("evaluate", "pretrained:cartpole", "--episodes", 2, "--json", "-") == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["mean_reward"] > 450
    assert (figures["agent"], figures["algorithm"], figures["init"]) == ("cartpole", "dqn", None)
    assert figures["checkpoint"]["source"] == "pretrained:cartpole"


def test_it_is_filmed_in_the_current_folder(rlkit, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rlkit.viewer.has_display", lambda: False)
    assert rlkit("watch", "pretrained:cartpole", "--env-kwargs", "max_episode_steps=3") == 0
    (film,) = (tmp_path / "videos").iterdir()
    assert film.name.startswith("cartpole-")


def test_training_starts_from_it_and_says_so(rlkit, tmp_path, capsys):
    run = tmp_path / "run"
    assert rlkit("train", "CartPole-v1", "--init", "pretrained:cartpole", "--run-dir", run, *SMALL[:-1]) == 0
    assert "initial weights: pretrained:cartpole, trained for " in capsys.readouterr().out
    assert json.loads((run / "config.json").read_text())["init"]["source"] == "pretrained:cartpole"
    assert rlkit("evaluate", run, "--episodes", 2, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["mean_reward"] > 450

"""The agents that ship are small and complete; files of agents are read back as they were written, or refused."""

import dataclasses
import json
import zlib

import gymnasium
import numpy as np
import pytest
import torch

import rlkit
from rlkit.env.make import make_vec_env
from rlkit.errors import UserError
from rlkit.perception.config import PerceptionConfig
from rlkit.perception.model import find_model
from rlkit.policy import evaluate_policy, find_policy
from rlkit.training.pretrained import (
    AgentCard,
    Figures,
    Selection,
    find_pretrained,
    pretrained_names,
    read_agent_file,
    write_agent_file,
)
from rlkit.training.trained_agent import find_trained
from rlkit.utils.io import sha256

LARGEST = 10_000_000  # bytes, of all that ship, as a wheel compresses them


@pytest.fixture(scope="module")
def card(cartpole_run):
    trained = find_trained(cartpole_run)
    return AgentCard(
        name="pole",
        about="Balances a pole.",
        config=trained.config,
        spaces=trained.spaces,
        steps=trained.steps,
        minutes=0.5,
        command="rlkit train CartPole-v1",
        selection=Selection({0: 20.0, 1: 10.5}, 0, "mean reward"),
        figures=Figures("rlkit evaluate pretrained:pole", 200, "reward 20 ± 1", {"mean_reward": 20.0}),
    )


@pytest.fixture
def file(card, cartpole_run, tmp_path):
    path = tmp_path / "pole.safetensors"
    write_agent_file(path, card, find_trained(cartpole_run).weights())
    return path


@pytest.fixture
def ships(file, monkeypatch):
    """The same file, as one that ships."""
    monkeypatch.setattr("rlkit.training.pretrained.FOLDER", file.parent)
    return file


# --------------------------------------------------------------------------------------------------- what ships


def test_what_ships_has_at_most_ten_megabytes():
    files = [find_pretrained(name).path.read_bytes() for name in pretrained_names()]
    assert sum(len(zlib.compress(content)) for content in files) <= LARGEST


@pytest.mark.parametrize("name", pretrained_names())
def test_what_ships_says_how_it_was_trained_chosen_and_measured(name):
    card = find_pretrained(name).card
    assert card.name == name
    assert card.command.startswith("rlkit train ")
    assert card.selection.scores  # of each seed that was tried
    assert card.selection.by
    assert card.config.seed == card.selection.chosen
    assert card.figures.command.startswith(f"rlkit evaluate pretrained:{name} ")
    assert card.figures.episodes >= 200
    assert {"mean_reward", "std_reward"} <= card.figures.means.keys()
    assert card.minutes > 0
    assert {"python", "torch", "rlkit-toolkit"} <= card.config.versions.keys()


@pytest.mark.parametrize("name", pretrained_names())
def test_what_ships_acts_in_its_environment(name):
    spec = find_policy(f"pretrained:{name}")
    if spec.environment.id == "LunarLander-v3":
        pytest.importorskip("Box2D")
    with make_vec_env(spec.environment, 1) as environments:
        assert environments.spaces.describe() == spec.trained.spaces
        agent = spec.agent(environments.spaces, 1)
        observations = environments.reset([0])
        for _ in range(10):
            q = agent.inspect(observations).q
            assert np.isfinite(q).all()
            assert q.std() > 0
            observations = environments.step(agent.act(observations, explore=False)).observations


# ------------------------------------------------------------------------------------------------ reading and writing


def test_a_file_acts_as_its_run_does(cartpole_run, file):
    ours, theirs = rlkit.load_policy(file), rlkit.load_policy(cartpole_run)
    for observation in np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32):
        assert ours.act(observation) == theirs.act(observation)
        np.testing.assert_array_equal(ours.q_values(observation), theirs.q_values(observation))


def test_the_card_is_read_as_it_was_written(card, file):
    assert read_agent_file(file).card == card


def test_equal_agents_give_identical_files(card, cartpole_run, file, tmp_path):
    write_agent_file(tmp_path / "again.safetensors", card, find_trained(cartpole_run).weights())
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_weights_may_be_stored_at_half_precision(card, cartpole_run, tmp_path):
    weights = {name: tensor.half() for name, tensor in find_trained(cartpole_run).weights().items()}
    write_agent_file(tmp_path / "half.safetensors", card, weights)
    policy = rlkit.load_policy(tmp_path / "half.safetensors")
    for name, tensor in policy.agent.weights().items():
        assert tensor.dtype == torch.float32
        torch.testing.assert_close(tensor, weights[name].float())


def test_what_ships_is_found_by_its_name(ships):
    spec = find_policy("pretrained:pole")
    assert (spec.name, spec.trained.source, spec.trained.file) == ("pole", "pretrained:pole", ships)
    env = gymnasium.make("CartPole-v1")
    assert env.action_space.contains(rlkit.load_policy("pretrained:pole").act(env.reset(seed=0)[0]))


def test_a_perception_model_is_named_and_not_copied(card, tmp_path):
    model = find_model("pretrained:segnet-compact")
    seen = PerceptionConfig(str(tmp_path / "a_copy.safetensors"), sha256(model), precision="bfloat16")
    config = dataclasses.replace(
        card.config,
        environment=dataclasses.replace(card.config.environment, perception=seen),
        evaluation=dataclasses.replace(card.config.evaluation, perception=seen),
    )
    card = dataclasses.replace(card, config=config)
    assert card.to_json()["config"]["evaluation"]["perception"]["what"] == "pretrained:segnet-compact"
    write_agent_file(tmp_path / "camera.safetensors", card, {})
    found = read_agent_file(tmp_path / "camera.safetensors").card.config.environment.perception
    assert found == dataclasses.replace(seen, what=str(model))


def test_a_perception_model_of_ones_own_cannot_ship(card):
    seen = PerceptionConfig("mine.safetensors", "0" * 64)
    environment = dataclasses.replace(card.config.environment, perception=seen)
    config = dataclasses.replace(card.config, environment=environment)
    with pytest.raises(UserError, match="none of the perception models that ship"):
        dataclasses.replace(card, config=config).to_json()


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("pretrained:pile", r"No agent called 'pile' ships with rlkit\. Did you mean pole\? Known: pole\."),
        ("pretrained:segnet-compact", "is a perception model: --perception pretrained:segnet-compact"),
        ("pole", "An agent of that name ships: write pretrained:pole"),
    ],
)
def test_a_name_that_does_not_exist_is_refused_with_what_is_near(source, said, ships):
    with pytest.raises(UserError, match=said):
        find_policy(source)


def test_another_environment_is_refused_by_what_differs(ships):
    spec = find_policy("pretrained:pole", env="Acrobot-v1")
    said = "not that of pretrained:pole: .*: vector of 4 then, vector of 6 now; actions: 2 then, 3 now"
    with pytest.raises(UserError, match=said):
        evaluate_policy(spec, episodes=1)


def rewritten(path, change):
    """Change the card in a file's header."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    tree = json.loads(header["__metadata__"]["card"])
    change(tree)
    header["__metadata__"]["card"] = json.dumps(tree)
    new = json.dumps(header).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + length :])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tree: tree.pop("minutes"), "the card lacks 'minutes'"),
        (lambda tree: tree.update(more=1), "the card has an unknown entry 'more'"),
        (lambda tree: tree.update(name="../pole"), "name is '../pole', expected"),
        (lambda tree: tree.update(steps="100"), "steps is '100', expected a whole number"),
        (lambda tree: tree.update(minutes=True), "minutes is True, expected a finite number"),
        (lambda tree: tree.update(about="\x1b[2J"), "control characters"),
        (lambda tree: tree.update(command="x" * 5000), "expected a text of at most 2,000 characters"),
        (lambda tree: tree.update(spaces=[]), r"spaces is \[\], expected an object"),
        (lambda tree: tree["selection"].pop("by"), "selection lacks 'by'"),
        (lambda tree: tree["selection"].update(chosen=7), "the seed 7 was chosen, and has no score"),
        (lambda tree: tree["selection"].update(scores={}), "should hold a score for each seed"),
        (lambda tree: tree["figures"].pop("command"), "figures lacks 'command'"),
        (lambda tree: tree["figures"]["means"].update(x=10**300), "x is 1000.*, expected a finite number"),
        (lambda tree: tree.update(config=3), "config is 3, expected an object"),
        (lambda tree: tree["config"].pop("seed"), "lacks or has too much: seed"),
        (lambda tree: tree["config"]["hyperparameters"].update(gamma="x"), "gamma = 'x' has the wrong type"),
        (
            lambda tree: tree["config"]["environment"].update(perception={"what": "/etc/passwd"}),
            "perception is '/etc/passwd': expected pretrained:NAME or truth",
        ),
    ],
)
def test_a_card_that_cannot_be_is_refused_by_its_entry(change, said, file):
    rewritten(file, change)
    with pytest.raises(UserError, match=rf"The header of .*pole\.safetensors is damaged: .*{said}"):
        find_policy(file)


def test_a_network_larger_than_its_weights_is_not_built(file):
    rewritten(file, lambda tree: tree["config"]["hyperparameters"].update(hidden=[8_000, 8_000]))
    with pytest.raises(UserError, match="networks would have more than"):
        rlkit.load_policy(file)


def test_a_network_of_another_shape_is_named_by_its_layer(file):
    rewritten(file, lambda tree: tree["config"]["hyperparameters"].update(hidden=[24]))
    with pytest.raises(UserError, match=r"does not fit CartPole-v1: dense\S+ is \(16.*\), expected \(24.*\)"):
        rlkit.load_policy(file)


def test_an_environment_that_names_code_is_not_imported(file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.py").write_text("raise SystemExit('imported')")

    def change(tree):
        for name in ("environment", "evaluation"):
            tree["config"][name]["id"] = "theirs:Env-v0"

    rewritten(file, change)
    with pytest.raises(UserError, match="only imported if you ask for it"):
        find_policy(file)


@pytest.mark.parametrize("damaged", [b"", b"no tensors", None])
def test_what_is_no_file_of_an_agent_is_refused_by_its_name(damaged, file):
    file.write_bytes(file.read_bytes()[:-20] if damaged is None else damaged)
    with pytest.raises(UserError, match=r"pole\.safetensors is not a safetensors file, or damaged"):
        find_policy(file)


def test_a_perception_model_is_no_agent():
    with pytest.raises(UserError, match="holds no agent of rlkit: its header lacks the format"):
        find_policy(find_model("pretrained:segnet-compact"))

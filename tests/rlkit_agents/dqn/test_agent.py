import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces

VECTOR = Spaces({"observation": Leaf("observation", (3,), "float32")}, ("a", "b", "c"))
QUICK = DQNConfig(
    batch_size=32, hidden=(32,), update_interval=4, learning_starts=64, buffer_size=2_000, n_step=1, gamma=0.0,
    exploration_steps=500, learning_rate=3e-3, learning_rate_steps=10**9, target_update_interval=40,
)  # fmt: skip


def observations(spaces, count, rng):
    return {
        leaf.name: rng.integers(256, size=(count, *leaf.shape), dtype=np.uint8)
        if leaf.is_picture
        else rng.standard_normal((count, *leaf.shape)).astype(np.float32)
        for leaf in spaces.observations.values()
    }


def identity_task(rng, count):
    """The best action is the number of the component that is 1."""
    return {"observation": np.eye(3, dtype=np.float32)[rng.integers(3, size=count)]}


def teach(agent, steps, seed=0, num_envs=4):
    """Reward 1 for naming the component that is 1; every episode lasts one step."""
    rng = np.random.default_rng(seed)
    ends = np.ones(num_envs, bool)
    seen = identity_task(rng, num_envs)
    for taken in range(num_envs, steps + 1, num_envs):
        actions = agent.act(seen, explore=True)
        rewards = (seen["observation"].argmax(1) == actions).astype(np.float32)
        following = identity_task(rng, num_envs)
        agent.observe(Transitions(seen, actions, rewards, ends, ~ends, following))
        agent.update(taken)
        seen = following


KINDS = {
    "mean": {},
    "categorical": {"distribution": "categorical", "value_min": -1.0, "value_max": 2.0},
    "quantile": {"distribution": "quantile", "num_quantiles": 8},
    "implicit": {"distribution": "implicit", "num_quantiles": 8, "num_target_quantiles": 8},
    "munchausen": {"munchausen": True, "double": False},
    "munchausen-implicit": {"distribution": "implicit", "munchausen": True, "double": False},
    "prioritized": {"per_alpha": 0.6},
    "noisy": {"noisy": True, "exploration_initial_epsilon": 0.0, "exploration_final_epsilon": 0.0},
    "plain": {"double": False, "dueling": False, "layer_norm": False, "ema_decay": 0.0},
    "streams": {"hidden": (), "dueling_hidden": (32,)},
    "polyak": {"tau": 0.05},
    "resets": {"reset_interval": 300},
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_the_identity(kind):
    """Episodes of one step: the values are the rewards; some kinds approximate them less closely."""
    agent = DQN.build(VECTOR, dataclasses.replace(QUICK, **KINDS[kind]), num_envs=4, device="cpu", seed=0)
    teach(agent, 2_000)
    states = {"observation": np.eye(3, dtype=np.float32)}
    assert agent.act(states, explore=False).tolist() == [0, 1, 2]
    if kind not in ("munchausen", "munchausen-implicit", "noisy", "resets"):
        np.testing.assert_allclose(agent.inspect(states).q, np.eye(3), atol=0.2)


def test_inspection_has_the_fields_of_the_distribution():
    seen = observations(VECTOR, 5, np.random.default_rng(0))
    want = ("q", "quantiles", "support", "probabilities")
    shapes = {
        "none": {"q": (5, 3)},
        "quantile": {"q": (5, 3), "quantiles": (5, 3, 32)},
        "implicit": {"q": (5, 3), "quantiles": (5, 3, 32)},
        "categorical": {"q": (5, 3), "support": (51,), "probabilities": (5, 3, 51)},
    }
    for distribution, expected in shapes.items():
        config = dataclasses.replace(QUICK, distribution=distribution)
        found = DQN.build(VECTOR, config, num_envs=1, device="cpu", seed=0).inspect(seen, want)
        assert {name: getattr(found, name).shape for name in want if getattr(found, name) is not None} == expected


def test_td_errors_become_priorities():
    config = dataclasses.replace(QUICK, per_alpha=1.0, per_beta=1.0)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    teach(agent, 1_500)
    weights = agent.replay.sample(200, per_beta=1.0).weights
    assert len(np.unique(weights)) > 50
    assert weights.max() == 1


def test_n_step_is_annealed():
    config = dataclasses.replace(QUICK, n_step=10, n_step_final=3, n_step_decay_updates=100)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    lengths = []
    for steps in range(70, 700, 50):
        teach(agent, 50)
        agent.update(steps)
        lengths.append(agent.replay.n_step)
    assert lengths == sorted(lengths, reverse=True)
    assert (lengths[0], lengths[-1]) == (10, 3)
    assert 5 in lengths or 6 in lengths


def test_the_seed_determines_the_weights():
    def weights(seed):
        agent = DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=seed)
        teach(agent, 400)
        return torch.cat([tensor.flatten() for tensor in agent.weights().values()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_acting_greedily_does_not_influence_learning():
    plain, measured = (DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=0) for _ in range(2))
    rng = np.random.default_rng(1)
    for _ in range(5):
        teach(plain, 200)
        teach(measured, 200)
        measured.act(observations(VECTOR, 7, rng), explore=False)
        measured.inspect(observations(VECTOR, 7, rng))
    for name, tensor in plain.weights().items():
        assert torch.equal(tensor, measured.weights()[name])


def test_updates_depend_on_steps_not_on_calls():
    agent = DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=0)
    teach(agent, 400)
    assert agent.updates == (400 - QUICK.learning_starts) // QUICK.update_interval
    assert agent.epsilon == pytest.approx(1 - (1 - QUICK.exploration_final_epsilon) * 400 / 500)


def test_epsilon_is_held_until_min_events_were_observed():
    config = dataclasses.replace(QUICK, exploration_min_events=1)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    seen = identity_task(np.random.default_rng(0), 4)

    def go_on(steps, terminated):
        for _ in range(steps // 4):
            actions = agent.act(seen, explore=True)
            rewards = np.full(4, -1.0, dtype=np.float32)
            agent.observe(Transitions(seen, actions, rewards, np.full(4, terminated), np.zeros(4, bool), seen))
        return agent.epsilon

    held = 1 - 0.1 * (1 - config.exploration_final_epsilon)  # a tenth of the way
    assert go_on(10 * config.exploration_steps, terminated=False) == pytest.approx(held, abs=0.01)
    assert go_on(config.exploration_steps, terminated=True) == pytest.approx(config.exploration_final_epsilon)


def test_epsilon_decays_exponentially_and_ends_as_in_btr():
    """Clark et al. 2024: the distance to the final epsilon shrinks by 1 / steps at every step."""
    config = dataclasses.replace(
        QUICK, exploration_decay="exponential", exploration_final_epsilon=0.01, exploration_end=400
    )
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    epsilon = 1.0
    for steps in range(4, 397, 4):
        teach(agent, 4)
        for _ in range(4):
            epsilon -= (epsilon - 0.01) / config.exploration_steps
        assert agent.steps == steps
        assert agent.epsilon == pytest.approx(epsilon)
    teach(agent, 4)
    assert agent.epsilon == 0


@pytest.mark.parametrize("exponent", [0.0, 0.6])
def test_an_update_due_before_the_first_transition_is_caught_up(exponent):
    config = dataclasses.replace(QUICK, n_step=10, learning_starts=0, per_alpha=exponent)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    goes_on = np.zeros(4, bool)
    updates = []
    for taken in (4, 8, 12):
        seen, following = identity_task(rng, 4), identity_task(rng, 4)
        actions = agent.act(seen, explore=True)
        agent.observe(Transitions(seen, actions, np.ones(4, np.float32), goes_on, goes_on, following))
        agent.update(taken)
        updates.append(agent.updates)
    assert config.update_interval == 4
    assert updates == [0, 2, 3]


def called_with(agent, monkeypatch):
    """The importance exponents and n-step lengths that the agent samples with, in a list that grows."""
    calls, sample = [], agent.replay.sample

    def record(batch_size, per_beta=0.0):
        calls.append((per_beta, agent.replay.n_step))
        return sample(batch_size, per_beta)

    monkeypatch.setattr(agent.replay, "sample", record)
    return calls


def test_the_importance_exponent_is_annealed_to_one(monkeypatch):
    """Schaul et al. 2016: linear from beta to 1."""
    config = dataclasses.replace(QUICK, per_alpha=0.6, per_beta=0.4, per_beta_steps=400)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    calls = called_with(agent, monkeypatch)
    teach(agent, 600)
    exponents = [beta for beta, _ in calls[1:]]  # the first call is for the statistics of vectors
    due = range(QUICK.learning_starts + 4, 601, 4)
    assert exponents == pytest.approx([min(0.4 + 0.6 * steps / 400, 1.0) for steps in due])


def test_n_step_begins_anew_after_a_reset(monkeypatch):
    """Schwarzer et al. 2023 anneal n from 10 to 3 after each reset."""
    config = dataclasses.replace(QUICK, n_step=10, n_step_final=3, n_step_decay_updates=20, reset_interval=40)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    calls = called_with(agent, monkeypatch)
    teach(agent, 64 + 4 * 100)
    lengths = [n_step for _, n_step in calls[1:]]
    assert agent.updates == len(lengths) == 100
    assert lengths[:40] == lengths[40:80]
    assert (lengths[0], lengths[20], lengths[39]) == (10, 3, 3)
    assert lengths[40] == 10


def test_the_averaged_weights_act_and_are_saved():
    config = dataclasses.replace(QUICK, ema_decay=0.9999, learning_rate=3e-2)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    teach(agent, 120)
    seen = observations(VECTOR, 200, np.random.default_rng(5))
    with torch.no_grad():
        tensors = {name: torch.from_numpy(leaf) for name, leaf in seen.items()}
        averaged, latest = (
            network(tensors).squeeze(2).numpy() for network in (agent.learner.ema, agent.learner.online)
        )
    assert not np.allclose(averaged, latest)
    np.testing.assert_array_equal(agent.inspect(seen).q, averaged)
    assert (averaged.argmax(1) != latest.argmax(1)).any()
    np.testing.assert_array_equal(agent.act(seen, explore=False), averaged.argmax(1))
    average = agent.learner.ema.state_dict()
    assert all(torch.equal(tensor, average[name]) for name, tensor in agent.weights().items())


C51 = {"distribution": "categorical", "gamma": 0.99, "exploration_min_events": 0}


def test_a_target_beyond_the_support_is_warned_of_once():
    config = dataclasses.replace(QUICK, **C51, value_min=-0.5, value_max=0.5)  # rewards are 0 and 1
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    said = []
    agent.warn = said.append
    assert "value_min=-0.5 to value_max=0.5" in agent.cautions()[0]
    teach(agent, QUICK.learning_starts)
    assert said == []
    teach(agent, 400)
    assert len(said) == 1
    assert "value_min=-0.5 to value_max=0.5" in said[0]
    assert "moved by 0.5" in said[0]


def test_targets_within_the_support_are_not_warned_of():
    config = dataclasses.replace(QUICK, **C51, value_min=-2.0, value_max=2.0)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    agent.warn = pytest.fail
    teach(agent, 400)
    for settings, spaces in (
        ({"value_min": -100, "value_max": 100, "reward_clip": 1.0}, VECTOR),  # 1 / (1 - gamma) at most
        ({"reward_clip": 1.0}, dataclasses.replace(VECTOR, reward_clip=1.0)),  # Atari
        ({"distribution": "quantile"}, VECTOR),
    ):
        config = dataclasses.replace(QUICK, **C51 | settings)
        assert DQN.build(spaces, config, num_envs=1, device="cpu", seed=0).cautions() == []


@pytest.mark.parametrize("preset", ["rainbow", "data-efficient-rainbow"])
def test_c51_presets_say_outside_of_atari_that_their_support_may_be_too_small(preset):
    agent = DQN.build(VECTOR, DQN.presets[preset](VECTOR, 1_000), num_envs=1, device="cpu", seed=0)
    (sentence,) = agent.cautions()
    assert "value_min=-10 to value_max=10" in sentence


@pytest.mark.parametrize(
    ("value_min", "value_max", "gamma", "reward_clip", "enough"),
    [
        (-100, 100, 0.99, 1.0, True),  # returns reach ± 1 / (1 - 0.99)
        (-100, 99, 0.99, 1.0, False),
        (-99, 100, 0.99, 1.0, False),
        (-1_000, 1_000, 1.0, 1.0, False),  # without discounting they are unbounded
        (-1_000, 1_000, 0.99, None, False),
    ],
)
def test_a_support_is_enough_if_it_covers_the_largest_and_the_smallest_return(
    value_min, value_max, gamma, reward_clip, enough
):
    settings = {"value_min": value_min, "value_max": value_max, "gamma": gamma, "reward_clip": reward_clip}
    agent = DQN.build(VECTOR, dataclasses.replace(QUICK, **C51 | settings), num_envs=1, device="cpu", seed=0)
    assert (agent.cautions() == []) == enough


def test_the_learning_rate_decays_linearly_and_is_the_optimizers():
    config = dataclasses.replace(QUICK, learning_rate=1e-2, learning_rate_final=2e-3, learning_rate_steps=200)
    agent = DQN.build(VECTOR, config, num_envs=4, device="cpu", seed=0)
    used = []
    agent.learner.optimizer.register_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    teach(agent, 300)
    due = range(QUICK.learning_starts + 4, 301, 4)
    assert used == pytest.approx([1e-2 - 8e-3 * min(steps / 200, 1) for steps in due])


def test_weights_are_loaded_into_all_networks():
    trained, other = (DQN.build(VECTOR, QUICK, num_envs=4, device="cpu", seed=seed) for seed in (0, 1))
    teach(trained, 200)
    other.load_weights(trained.weights())
    for network in (other.learner.online, other.learner.target, other.learner.ema):
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, trained.weights()[name])

import dataclasses

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN, DQNConfig

from rlkit.errors import UserError
from rlkit.hyperparameters import validated
from rlkit.replay import Transitions
from rlkit.spaces import Leaf, Spaces

VECTOR = Spaces({"observation": Leaf("observation", (3,), "float32")}, ("a", "b", "c"))
PICTURE = Spaces(
    {"birdview": Leaf("birdview", (24, 24, 2), "uint8"), "state.now": Leaf("state.now", (2,), "float32")},
    ("left", "right"),
)
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


@pytest.mark.parametrize(
    ("settings", "stored"),
    [
        ({"reward_clip": 1.0}, {-1.0, 0.5}),
        ({"reward_scale": 0.5}, {-3.5, 0.25}),
        ({"reward_scale": 4.0, "reward_clip": 3.0}, {-3.0, 2.0}),
    ],
)
def test_scaled_and_clipped_rewards_stay_in_the_buffer(settings, stored):
    config = dataclasses.replace(QUICK, **settings)
    agent = DQN.build(VECTOR, config, num_envs=2, device="cpu", seed=0)
    rng = np.random.default_rng(0)
    rewards = np.array([-7, 0.5], dtype=np.float32)
    ends = np.ones(2, bool)
    agent.observe(
        Transitions(
            observations(VECTOR, 2, rng), np.zeros(2, np.int64), rewards, ends, ends, observations(VECTOR, 2, rng)
        )
    )
    assert set(agent.replay.sample(50).returns) == stored
    assert rewards.tolist() == [-7, 0.5]


@pytest.mark.parametrize("encoder", ["auto", "flat"])
@pytest.mark.parametrize("dueling", [True, False])
def test_images_and_vectors_give_one_value_per_action(encoder, dueling):
    config = dataclasses.replace(QUICK, encoder=encoder, dueling=dueling)
    agent = DQN.build(PICTURE, config, num_envs=1, device="cpu", seed=0)
    seen = observations(PICTURE, 5, np.random.default_rng(0))
    assert agent.inspect(seen).q.shape == (5, 2)
    assert agent.inspect(seen, want=("network_input",)).network_input is seen
    assert any("parameters" in line for line in agent.describe())


def test_memory_estimate_covers_the_replay_buffer():
    config = dataclasses.replace(QUICK, buffer_size=100_000)
    agent = DQN.build(PICTURE, config, num_envs=1, device="cpu", seed=0)
    assert agent.memory_estimate() > 100_000 * 24 * 24 * 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 5_000}, "larger than buffer_size"),
        ({"gamma": 1.5}, "gamma = 1.5 is out of range"),
        ({"gamma": float("nan")}, "gamma = nan is out of range"),
        ({"encoder": "natur"}, "not one of auto"),
        ({"hidden": (256, 0)}, "hidden = 0"),
        ({"munchausen": True}, "munchausen = True and double = True"),
        ({"munchausen": True, "double": False, "distribution": "categorical"}, "munchausen .* 'categorical'"),
        ({"value_min": 3.0, "value_max": -3.0}, "value_min = 3 is not below value_max = -3"),
        ({"n_step": 50, "buffer_size": 40, "learning_starts": 33}, "n_step = 50 is larger than buffer_size = 40"),
        ({"n_step": 2, "n_step_final": 3}, "n_step_final = 3 is larger than n_step = 2"),
        ({"noisy": True, "hidden": ()}, "noisy = True with hidden"),
        ({"dueling_hidden": (512,), "dueling": False}, "dueling_hidden .* dueling = False"),
        ({"weight_decay": 0.1, "optimizer": "rmsprop"}, "weight_decay .* optimizer"),
        ({"shared_bias": True}, "shared_bias = True with dueling = True"),
        ({"shared_bias": True, "dueling": False, "noisy": True}, "shared_bias = True .* noisy = True"),
        ({"per_error": "quantiles"}, "per_error = 'quantiles' with distribution = 'none'"),
        ({"distribution": "gaussian"}, "not one of none, categorical"),
    ],
)
def test_contradictory_hyperparameters_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        validated(dataclasses.replace(QUICK, **wrong))


def test_random_shift_without_images_is_refused():
    with pytest.raises(UserError, match="random_shift = 4: there is no image to change"):
        DQN.build(VECTOR, dataclasses.replace(QUICK, random_shift=4), num_envs=1, device="cpu", seed=0)


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


def test_random_intensity_without_images_is_refused():
    with pytest.raises(UserError, match=r"random_intensity = 0\.05: there is no image"):
        DQN.build(VECTOR, dataclasses.replace(QUICK, random_intensity=0.05), num_envs=1, device="cpu", seed=0)

"""Two learners with half of a batch each take the gradient steps of one learner with the whole batch."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from rlkit_agents.dqn import DQN
from rlkit_agents.dqn.config import DQNConfig

from rlkit.errors import UserError
from rlkit.nn.distributed import ALONE
from rlkit.replay import Batch, Transitions
from rlkit.spaces import Leaf, Spaces

SPACES = Spaces(
    {"view": Leaf("view", (24, 24, 1), "uint8"), "speed": Leaf("speed", (2,), "float32")}, ("left", "right")
)
CONFIG = DQNConfig(
    hidden=(32,), batch_size=16, buffer_size=200, learning_starts=32, update_interval=8, distribution="quantile",
    num_quantiles=4, normalize_observations=True, max_grad_norm=0.5, learning_rate=1e-4,
)  # fmt: skip
KINDS = {
    "uniform": {},
    "prioritized": {"per_alpha": 0.7, "per_beta": 0.6},
    "without distribution": {"distribution": "none", "munchausen": True, "double": False},
}


def transitions(generator, count=4):
    def observations():
        view = generator.integers(0, 256, (count, 24, 24, 1), dtype=np.uint8)
        return {"view": view, "speed": generator.normal(size=(count, 2)).astype(np.float32)}

    none = np.zeros(count, dtype=np.bool_)
    rewards = generator.normal(size=count).astype(np.float32)
    return Transitions(observations(), generator.integers(0, 2, count), rewards, none, none, observations())


def built(group, config, seed=0):
    config = DQN.shared(config, group.count) if group.count > 1 else config
    agent = DQN.build(SPACES, config, 4, "cpu", group.seed(seed))
    agent.join(group)
    return agent


def trained(group, config, updates=3):
    """An agent after some updates, the batches it took, the probability of each transition, and all gradients."""
    agent = built(group, config)
    generator = np.random.default_rng(group.seed(5))
    batches, probabilities, gradients = [], [], []
    step = agent.learner.step

    def noting(batch, learning_rate):
        batches.append(batch)
        probabilities.append(
            [agent.replay.probability(np.array([row])) for row in batch.rows] if config.per_alpha else 1
        )
        returned = step(batch, learning_rate)
        gradients.append([parameter.grad.clone() for parameter in agent.learner.online.parameters()])
        return returned

    agent.learner.step = noting
    metrics = {}
    while agent.updates < updates:
        agent.observe(transitions(generator))
        metrics = agent.update(agent.steps) or metrics
    return agent, batches, probabilities, gradients, metrics


def joined(batches, weights):
    def both(*arrays):
        return np.concatenate(arrays)

    first, second = batches
    leaves = [{name: both(leaf, getattr(second, kind)[name]) for name, leaf in getattr(first, kind).items()}
              for kind in ("observations", "next_observations")]  # fmt: skip
    plain = {
        name: both(getattr(first, name), getattr(second, name)) for name in ("actions", "returns", "discounts", "rows")
    }
    return Batch(observations=leaves[0], next_observations=leaves[1], weights=weights, **plain)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_those_of_one_learner_on_the_same_transitions(kind, together):
    config = dataclasses.replace(CONFIG, **KINDS[kind])
    halves = together(2, trained, config)
    whole = built(ALONE, config)
    normalize = halves[0][0].learner.online.encoder.normalize.state_dict()
    for network in (whole.learner.online, whole.learner.target, whole.learner.ema):
        network.encoder.normalize.load_state_dict(normalize)
    for number, batches in enumerate(zip(*(half[1] for half in halves), strict=True)):
        weights = np.ones(config.batch_size, dtype=np.float32)
        if config.per_alpha:  # a transition of either half is drawn with half of its probability there
            probabilities = np.concatenate([half[2][number] for half in halves]) / 2
            weights = ((probabilities / probabilities.min()) ** -config.per_beta).astype(np.float32)
        assert len(batches[0].rows) == config.batch_size // 2
        rate = whole._learning_rate(0)
        close = 1e-6 if number == 0 else 1e-4  # Adam divides by gradients, and so enlarges what rounding changes
        metrics, _ = whole.learner.step(joined(batches, weights), rate)
        for half in halves:
            for found, parameter in zip(half[3][number], whole.learner.online.parameters(), strict=True):
                torch.testing.assert_close(found, parameter.grad, rtol=0, atol=close)
    for half in halves:
        assert half[4]["train/loss"] == pytest.approx(float(metrics["loss"]), rel=1e-3)
        assert half[4]["train/mean_q"] == pytest.approx(float(metrics["mean_q"]), rel=1e-3, abs=1e-4)


def test_weights_stay_bit_equal_and_exploration_and_noise_differ(together):
    config = dataclasses.replace(CONFIG, noisy=True, reset_interval=3, ema_decay=0.9, random_shift=2)
    (first, *_), (second, *_) = together(2, trained, config, 8)
    for name in ("online", "target", "ema"):
        networks = [getattr(agent.learner, name).state_dict() for agent in (first, second)]
        assert all(torch.equal(tensor, networks[1][key]) for key, tensor in networks[0].items())
    assert not torch.equal(first.learner.generator.get_state(), second.learner.generator.get_state())
    draws = [
        agent._exploration.draw(1.0)[1].tolist() + agent._exploration.draw(1.0)[1].tolist() for agent in (first, second)
    ]
    assert draws[0] != draws[1]


def test_steps_and_schedules_count_all_learners(together):
    agents = [found[0] for found in together(2, trained, CONFIG)]
    alone = trained(ALONE, CONFIG)[0]
    assert {agent.steps for agent in agents} == {alone.steps}
    assert {agent.epsilon for agent in agents} == {alone.epsilon}
    assert {agent.replay.capacity for agent in agents} == {100}


def test_the_first_learner_begins_as_a_single_one(together):
    alone = built(ALONE, CONFIG, seed=3).weights()
    for agent in together(2, built, CONFIG, 3):
        assert all(torch.equal(tensor, alone[name]) for name, tensor in agent.weights().items())


def test_all_wait_until_each_has_a_transition_to_learn_from(together):
    """A learner whose episodes end at once stores nothing that can be sampled."""
    config = dataclasses.replace(CONFIG, learning_starts=8)
    stored = threading.Barrier(2)

    def learn(group):
        agent = built(group, config)
        step = transitions(np.random.default_rng(0))
        lost = np.full(4, group.rank == 1)
        for _ in range(3):
            agent.observe(dataclasses.replace(step, truncated=lost, lost=lost))
            stored.wait(30)
        return agent.replay.can_sample(), agent.update(agent.steps)

    assert together(2, learn) == [(True, {}), (False, {})]


def test_a_batch_that_cannot_be_divided_is_refused():
    with pytest.raises(UserError, match="batch_size = 16 cannot be divided"):
        DQN.shared(CONFIG, 3)

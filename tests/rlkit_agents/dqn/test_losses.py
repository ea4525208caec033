"""The loss by hand: two actions, values that are written down, answers worked out on paper."""

import torch
from rlkit_agents.dqn.losses import TensorBatch, dqn_loss, q_learning_targets


def table(values):
    """A Q-function that looks an observation, the number of a state, up in a table."""
    return lambda observations: torch.tensor(values)[observations["state"].long().squeeze(1)]


ONLINE = table([[1.0, 2.0], [5.0, 3.0]])
TARGET = table([[0.0, 0.0], [10.0, 20.0]])


def batch(discount):
    return TensorBatch(
        observations={"state": torch.tensor([[0.0]])},
        actions=torch.tensor([1]),
        returns=torch.tensor([0.5]),
        discounts=torch.tensor([discount]),
        next_observations={"state": torch.tensor([[1.0]])},
    )


def test_target_network_values_its_own_best_action():
    assert q_learning_targets(ONLINE, TARGET, batch(0.9), double=False).item() == 0.5 + 0.9 * 20


def test_double_lets_the_online_network_choose():
    assert q_learning_targets(ONLINE, TARGET, batch(0.5), double=True).item() == 0.5 + 0.5 * 10


def test_nothing_is_expected_after_a_true_end():
    assert q_learning_targets(ONLINE, TARGET, batch(0.0), double=False).item() == 0.5


def test_huber_loss_is_linear_where_the_squared_one_explodes():
    error = 0.5 + 10 * 0.5 - 2  # 3.5 away from Q = 2
    squared, q = dqn_loss(ONLINE, TARGET, batch(0.5), double=True, loss="squared")
    huber, _ = dqn_loss(ONLINE, TARGET, batch(0.5), double=True, loss="huber")
    assert squared.item() == error**2
    assert huber.item() == error - 0.5
    assert q.item() == 2

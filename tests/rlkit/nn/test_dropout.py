import copy

import pytest
import torch
from torch import nn

from rlkit.nn.dropout import Dropout, drop_with


def test_nothing_is_dropped_until_a_generator_is_handed_over_nor_after_it_is_taken_away():
    network = nn.Sequential(Dropout(0.5))
    ones = torch.ones(100)
    assert torch.equal(network(ones), ones)
    drop_with(network, torch.Generator().manual_seed(0))
    assert not torch.equal(network(ones), ones)
    drop_with(network, None)
    assert torch.equal(network(ones), ones)


def test_the_share_is_dropped_and_the_mean_is_kept():
    network = Dropout(0.2)
    drop_with(network, torch.Generator().manual_seed(0))
    features = network(torch.ones(100_000))
    assert (features == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert features.mean().item() == pytest.approx(1.0, abs=0.01)


def test_one_generator_fixes_what_is_dropped_and_the_global_one_is_not_touched():
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        network = Dropout(0.5)
        drop_with(network, torch.Generator().manual_seed(3))
        drawn.append(network(torch.ones(64)))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_pass_only_where_features_did():
    network = Dropout(0.5)
    drop_with(network, torch.Generator().manual_seed(0))
    features = torch.ones(64, requires_grad=True)
    kept = network(features)
    kept.sum().backward()
    assert torch.equal(features.grad, kept.detach())


def test_a_copy_of_a_network_that_has_no_generator_has_none():
    network = nn.Sequential(Dropout(0.5))
    frozen = copy.deepcopy(network)
    drop_with(network, torch.Generator().manual_seed(0))
    assert torch.equal(frozen(torch.ones(64)), torch.ones(64))

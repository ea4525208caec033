"""Averaged weights and the statistics of batch norm that go with them."""

import pytest
import torch
from torch import nn

from rlkit.perception.training.averaging import AveragedWeights, estimate_statistics


def test_the_mean_follows_its_formula():
    layer = nn.Linear(1, 1, bias=False)
    mean = AveragedWeights(layer, decay=0.6)
    expected = layer.weight.item()
    for step, value in enumerate((1.0, 3.0, -2.0, 8.0), 1):
        layer.weight.data.fill_(value)
        mean.update(layer)
        keep = min(0.6, (1 + step) / (5 + step))
        expected = keep * expected + (1 - keep) * value
    assert mean.weights()["weight"].item() == pytest.approx(expected, rel=1e-6)


def test_counts_are_copied_and_not_averaged():
    network = nn.BatchNorm2d(2)
    mean = AveragedWeights(network, decay=0.9)
    network(torch.randn(4, 2, 3, 3))
    network(torch.randn(4, 2, 3, 3))
    mean.update(network)
    assert mean.weights()["num_batches_tracked"].item() == 2


def test_what_was_saved_goes_on_alike():
    layer, other = nn.Linear(2, 2), nn.Linear(2, 2)
    first, second = AveragedWeights(layer, 0.9), AveragedWeights(other, 0.9)
    first.update(layer)
    second.load_state(first.state())
    layer.weight.data += 1
    for mean in (first, second):
        mean.update(layer)
    assert torch.equal(first.weights()["weight"], second.weights()["weight"])


def test_statistics_are_those_of_the_pictures_and_dropout_stays_off():
    generator = torch.Generator().manual_seed(1)
    batches = [3 + 2 * torch.randn(8, 3, 16, 16, generator=generator) for _ in range(4)]
    network = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm2d(3, momentum=0.1))
    network[1].running_mean.fill_(100)
    estimate_statistics(network, batches)
    everything = torch.cat(batches).transpose(0, 1).flatten(1)
    assert torch.allclose(network[1].running_mean, everything.mean(1), atol=1e-4)
    assert torch.allclose(network[1].running_var, everything.var(1), rtol=2e-2)
    assert network[1].momentum == 0.1
    assert not network.training
    assert not network[1].training


def test_a_network_without_batch_norm_is_left_alone():
    network = nn.Conv2d(3, 2, 1).train()
    estimate_statistics(network, iter(()))
    assert not network.training

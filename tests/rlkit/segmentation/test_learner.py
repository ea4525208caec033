"""One step of learning depends on the state and the step alone."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from rlkit.nn.layers import Dropout
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.segmentation.learner import AveragedWeights, SegmentationLearner, estimate_statistics, seeded

RECIPE = Hyperparameters(batch_size=4, bn_samples=0)


class Tiny(nn.Sequential):
    """Two classes of each pixel, with dropout of both kinds."""

    def __init__(self):
        with seeded(3):
            super().__init__(
                nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), Dropout(0.3), nn.Dropout(0.3),
                nn.Conv2d(8, 2, 1),
            )  # fmt: skip


def learner(seed=0, **settings):
    return SegmentationLearner(Tiny(), dataclasses.replace(RECIPE, **settings), 100, seed=seed)


@pytest.fixture
def batch(source):
    made = source.batch(4, np.random.default_rng(0))
    return made.images, made.labels


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_saved_and_loaded_it_learns_on_alike(optimizer, batch):
    first, second = learner(optimizer=optimizer), learner(optimizer=optimizer)
    for step in range(3):
        first.update(*batch, step)
    weights = {name: tensor.clone().contiguous() for name, tensor in first.weights().items()}
    state = _saved(first.state())
    second.load_weights(weights)
    second.load_state(state)
    for step in range(3, 6):
        assert first.update(*batch, step) == second.update(*batch, step)
    assert all(torch.equal(tensor, second.weights()[name]) for name, tensor in first.weights().items())
    assert all(torch.equal(a, b) for a, b in zip(_averages(first), _averages(second), strict=True))


def _saved(tree):
    """As it comes back from a file: new tensors in the usual order in memory."""
    if isinstance(tree, dict):
        return {key: _saved(branch) for key, branch in tree.items()}
    return tree.clone().contiguous() if isinstance(tree, torch.Tensor) else tree


def _averages(trained):
    return trained.averaged([]).state_dict().values()


def test_the_global_generator_is_left_as_it_was(batch):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    learner().update(*batch, 0)
    assert torch.equal(torch.rand(3), expected)


def test_the_seed_decides_what_is_dropped(batch):
    losses = [learner(seed).update(*batch, 0).item() for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_weight_decay_changes_kernels_and_neither_biases_nor_batch_norm(batch):
    plain, decayed = (learner(weight_decay=decay, optimizer="sgd", momentum=0.0) for decay in (0.0, 0.5))
    for trained in (plain, decayed):
        trained.update(*batch, 0)
    for (name, ours), theirs in zip(plain.network.named_parameters(), decayed.network.parameters(), strict=True):
        assert torch.equal(ours, theirs) == (ours.ndim == 1), name


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_of_sgd_is_plain_as_in_segnet_unless_set_otherwise(batch, nesterov):
    """v = m v + g, and a step of -lr v; with Nesterov's momentum of -lr (g + m v)."""
    settings = {"optimizer": "sgd", "momentum": 0.8, "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0}
    trained = learner(learning_rate=0.1, **settings, **({"nesterov": True} if nesterov else {}))
    weight = trained.network[0].weight
    expected, velocity = weight.detach().clone(), torch.zeros_like(weight)
    for step in range(3):
        trained.update(*batch, step)
        velocity = 0.8 * velocity + weight.grad
        expected -= 0.1 * (weight.grad + 0.8 * velocity if nesterov else velocity)
        torch.testing.assert_close(weight.detach(), expected)


def test_gradients_are_cut_to_the_longest_that_is_allowed(batch):
    trained = learner(max_grad_norm=1e-3)
    trained.update(*batch, 0)
    length = torch.sqrt(sum((parameter.grad**2).sum() for parameter in trained.network.parameters()))
    assert length.item() == pytest.approx(1e-3, rel=1e-3)


def test_bfloat16_learns_too(batch):
    trained = learner(precision="bfloat16", learning_rate=1e-2)
    losses = [trained.update(*batch, step).item() for step in range(40)]
    assert losses[-1] < 0.7 * losses[0]
    assert all(tensor.dtype == torch.float32 for tensor in trained.network.parameters())


@pytest.mark.parametrize("quick", [True, False])
def test_by_itself_it_computes_in_what_is_quick(monkeypatch, batch, quick):
    monkeypatch.setattr("rlkit.nn.utils.is_quick_with_bfloat16", lambda device: quick)
    same = learner(precision="bfloat16" if quick else "float32").update(*batch, 0).item()
    other = learner(precision="float32" if quick else "bfloat16").update(*batch, 0).item()
    assert learner(precision="auto").update(*batch, 0).item() == same != other


def test_class_weights_change_what_a_pixel_counts(batch):
    plain = SegmentationLearner(Tiny(), RECIPE, 100).update(*batch, 0).item()
    weights = np.array([1.0, 9.0], dtype=np.float32)
    assert SegmentationLearner(Tiny(), RECIPE, 100, class_weights=weights).update(*batch, 0).item() != plain


def test_what_is_measured_is_the_average_and_not_what_learns(batch):
    trained = learner(learning_rate=0.1)
    for step in range(10):
        trained.update(*batch, step)
    measured = trained.averaged([batch[0]])
    assert not measured.training
    assert not torch.equal(measured[0].weight, trained.network[0].weight)
    assert torch.equal(measured[0].weight, trained.state()["average"]["mean"]["0.weight"])


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
    network.train()(100 + torch.randn(8, 3, 16, 16, generator=generator))  # as if it had learned from others
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

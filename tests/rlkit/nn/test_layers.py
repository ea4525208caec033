import copy

import pytest
import torch
from torch import nn

from rlkit.nn.layers import (
    MAX_NORMALIZED,
    Dropout,
    NoisyLinear,
    Standardize,
    disable_noise,
    reset_noise,
    set_dropout_generator,
)
from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.spaces import Leaf


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def layer(inputs=6, outputs=4):
    made = NoisyLinear(inputs, outputs)
    made.initialise(rng())
    return made


def test_noise_is_factorised_as_in_the_paper():
    """Fortunato et al. 2018, equations 9 to 11, entry by entry."""
    noisy, x = layer().requires_grad_(False), torch.randn(3, 6, generator=rng(1))
    noisy.reset_noise(rng(2))
    generator = rng(2)
    into, out = (torch.randn(size, generator=generator) for size in (6, 4))
    shaped = [[float(e.sign() * e.abs().sqrt()) for e in drawn] for drawn in (into, out)]
    for b in range(3):
        for j in range(4):
            y = float(noisy.bias[j] + noisy.bias_sigma[j] * shaped[1][j])
            for i in range(6):
                noise = shaped[0][i] * shaped[1][j]
                y += float((noisy.weight[j, i] + noisy.weight_sigma[j, i] * noise) * x[b, i])
            assert noisy(x)[b, j].item() == pytest.approx(y, abs=1e-5)


def test_noisy_layers_are_initialised_as_in_the_paper():
    noisy = layer(100, 50)
    assert noisy.weight.abs().max().item() <= 0.1
    assert noisy.weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    assert torch.allclose(noisy.weight_sigma, torch.tensor(0.05))


def test_without_noise_every_layer_uses_its_mean_weights():
    network = nn.Sequential(layer(), nn.ReLU(), layer(4, 2))
    x = torch.randn(3, 6, generator=rng(1))
    mean = network(x)
    assert torch.equal(nn.functional.linear(x, network[0].weight, network[0].bias).relu(), network[:2](x))
    reset_noise(network, rng())
    assert not torch.allclose(network(x), mean)
    disable_noise(network)
    assert torch.equal(network(x), mean)


def test_noise_depends_on_its_generator_only():
    noisy, x = layer(), torch.ones(1, 6)
    values = []
    for seed in (1, 2, 1):
        noisy.reset_noise(rng(seed))
        values.append(noisy(x))
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])


def test_sigma_has_a_gradient():
    noisy = layer()
    noisy.reset_noise(rng())
    noisy(torch.ones(1, 6)).sum().backward()
    torch.testing.assert_close(noisy.weight_sigma.grad, torch.outer(noisy.out_noise, noisy.in_noise))


def test_noise_is_not_in_the_state_dict():
    assert set(layer().state_dict()) == {"weight", "weight_sigma", "bias", "bias_sigma"}


def test_dropout_is_the_identity_without_a_generator():
    network = nn.Sequential(Dropout(0.5))
    ones = torch.ones(100)
    assert torch.equal(network(ones), ones)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    assert not torch.equal(network(ones), ones)
    set_dropout_generator(network, None)
    assert torch.equal(network(ones), ones)


def test_a_share_p_is_dropped_and_the_mean_is_kept():
    network = Dropout(0.2)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    features = network(torch.ones(100_000))
    assert (features == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert features.mean().item() == pytest.approx(1.0, abs=0.01)


def test_dropout_depends_on_its_generator_only():
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        network = Dropout(0.5)
        set_dropout_generator(network, torch.Generator().manual_seed(3))
        drawn.append(network(torch.ones(64)))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_pass_only_through_kept_features():
    network = Dropout(0.5)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    features = torch.ones(64, requires_grad=True)
    kept = network(features)
    kept.sum().backward()
    assert torch.equal(features.grad, kept.detach())


def test_a_copy_made_before_the_generator_was_set_drops_nothing():
    network = nn.Sequential(Dropout(0.5))
    frozen = copy.deepcopy(network)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    assert torch.equal(frozen(torch.ones(64)), torch.ones(64))


def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1_000, 3, generator=generator) * torch.tensor([1.0, 0.01, 0.0]) + torch.tensor([5.0, -0.2, 7.0])


def test_normalized_samples_have_mean_0_and_standard_deviation_1():
    layer = Standardize(3)
    layer.fit(examples())

    out = layer(examples())

    torch.testing.assert_close(out.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std(dim=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_the_scale_of_nearly_constant_entries_is_bounded():
    layer = Standardize(2)
    layer.fit(torch.tensor([[0.0, 0.0], [1.0, 1e-9], [2.0, 2e-9]]))

    torch.testing.assert_close(layer.std, torch.tensor([1.0, 1e-3]))


def test_binary_entries_are_not_normalized():
    seldom = torch.zeros(1_000, 2)
    seldom[0, 0], seldom[:, 1] = 1.0, torch.arange(1_000) * 0.1
    layer = Standardize(2)
    layer.fit(seldom)

    assert torch.equal(layer(seldom)[:, 0], seldom[:, 0])
    torch.testing.assert_close(layer(seldom)[:, 1].std(), torch.tensor(1.0))


def test_outliers_are_clipped():
    layer = Standardize(1)
    layer.fit(torch.tensor([[-1.0], [1.0]]))

    assert float(layer(torch.tensor([[1e6]]))) == MAX_NORMALIZED


def test_an_encoder_normalizes_vectors_once_fitted_and_saves_the_statistics():
    leaves = {"a": Leaf("a", (2,), "float32"), "b": Leaf("b", (1,), "float32")}
    encoder = ObservationEncoder(leaves, "nature", normalize_observations=True)
    seen = {"a": examples()[:, :2], "b": examples()[:, 2:]}
    assert torch.equal(encoder(seen), examples())

    encoder.fit_normalization(seen)
    other = ObservationEncoder(leaves, "nature", normalize_observations=True)
    other.load_state_dict(encoder.state_dict())

    assert not torch.equal(encoder(seen), examples())
    assert torch.equal(other(seen), encoder(seen))

import copy

import pytest
import torch
from torch import nn

from rlkit.nn.layers import (
    LARGEST,
    Dropout,
    NoisyLinear,
    Standardize,
    disable_noise,
    reset_noise,
    set_dropout_generator,
)
from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.spaces import Leaf


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def layer(inputs=6, outputs=4):
    made = NoisyLinear(inputs, outputs)
    made.initialise(chance())
    return made


def test_noise_is_the_outer_product_of_what_inputs_and_outputs_drew():
    """Fortunato et al. 2018, equations 9 to 11, entry by entry."""
    noisy, x = layer().requires_grad_(False), torch.randn(3, 6, generator=chance(1))
    noisy.draw(chance(2))
    generator = chance(2)
    into, out = (torch.randn(size, generator=generator) for size in (6, 4))
    shaped = [[float(e.sign() * e.abs().sqrt()) for e in drawn] for drawn in (into, out)]
    for b in range(3):
        for j in range(4):
            y = float(noisy.bias[j] + noisy.bias_spread[j] * shaped[1][j])
            for i in range(6):
                noise = shaped[0][i] * shaped[1][j]
                y += float((noisy.weight[j, i] + noisy.weight_spread[j, i] * noise) * x[b, i])
            assert noisy(x)[b, j].item() == pytest.approx(y, abs=1e-5)


def test_it_starts_as_the_paper_says():
    noisy = layer(100, 50)
    assert noisy.weight.abs().max().item() <= 0.1
    assert noisy.weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.05)
    assert torch.allclose(noisy.weight_spread, torch.tensor(0.05))


def test_a_silent_layer_computes_with_its_means_and_noise_is_gone_from_every_layer():
    network = nn.Sequential(layer(), nn.ReLU(), layer(4, 2))
    x = torch.randn(3, 6, generator=chance(1))
    mean = network(x)
    assert torch.equal(nn.functional.linear(x, network[0].weight, network[0].bias).relu(), network[:2](x))
    reset_noise(network, chance())
    assert not torch.allclose(network(x), mean)
    disable_noise(network)
    assert torch.equal(network(x), mean)


def test_noise_repeats_by_its_generator_and_differs_from_draw_to_draw():
    noisy, x = layer(), torch.ones(1, 6)
    values = []
    for seed in (1, 2, 1):
        noisy.draw(chance(seed))
        values.append(noisy(x))
    assert torch.equal(values[0], values[2])
    assert not torch.equal(values[0], values[1])


def test_the_spread_learns():
    noisy = layer()
    noisy.draw(chance())
    noisy(torch.ones(1, 6)).sum().backward()
    torch.testing.assert_close(noisy.weight_spread.grad, torch.outer(noisy.out_noise, noisy.in_noise))


def test_noise_is_no_part_of_what_is_saved():
    assert set(layer().state_dict()) == {"weight", "weight_spread", "bias", "bias_spread"}


def test_nothing_is_dropped_until_a_generator_is_handed_over_nor_after_it_is_taken_away():
    network = nn.Sequential(Dropout(0.5))
    ones = torch.ones(100)
    assert torch.equal(network(ones), ones)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    assert not torch.equal(network(ones), ones)
    set_dropout_generator(network, None)
    assert torch.equal(network(ones), ones)


def test_the_share_is_dropped_and_the_mean_is_kept():
    network = Dropout(0.2)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    features = network(torch.ones(100_000))
    assert (features == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert features.mean().item() == pytest.approx(1.0, abs=0.01)


def test_one_generator_fixes_what_is_dropped_and_the_global_one_is_not_touched():
    before = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        network = Dropout(0.5)
        set_dropout_generator(network, torch.Generator().manual_seed(3))
        drawn.append(network(torch.ones(64)))
    assert torch.equal(*drawn)
    assert torch.equal(before, torch.get_rng_state())


def test_gradients_pass_only_where_features_did():
    network = Dropout(0.5)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    features = torch.ones(64, requires_grad=True)
    kept = network(features)
    kept.sum().backward()
    assert torch.equal(features.grad, kept.detach())


def test_a_copy_of_a_network_that_has_no_generator_has_none():
    network = nn.Sequential(Dropout(0.5))
    frozen = copy.deepcopy(network)
    set_dropout_generator(network, torch.Generator().manual_seed(0))
    assert torch.equal(frozen(torch.ones(64)), torch.ones(64))


def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1_000, 3, generator=generator) * torch.tensor([1.0, 0.01, 0.0]) + torch.tensor([5.0, -0.2, 7.0])


def test_examples_come_out_with_mean_0_and_spread_1():
    layer = Standardize(3)
    layer.measure(examples())

    out = layer(examples())

    torch.testing.assert_close(out.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std(dim=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_an_entry_that_hardly_moved_is_not_blown_up_beyond_reason():
    layer = Standardize(2)
    layer.measure(torch.tensor([[0.0, 0.0], [1.0, 1e-9], [2.0, 2e-9]]))

    torch.testing.assert_close(layer.spread, torch.tensor([1.0, 1e-3]))


def test_flags_stay_as_they_are_however_seldom_they_are_up():
    seldom = torch.zeros(1_000, 2)
    seldom[0, 0], seldom[:, 1] = 1.0, torch.arange(1_000) * 0.1
    layer = Standardize(2)
    layer.measure(seldom)

    assert torch.equal(layer(seldom)[:, 0], seldom[:, 0])
    torch.testing.assert_close(layer(seldom)[:, 1].std(), torch.tensor(1.0))


def test_what_lies_far_out_is_cut():
    layer = Standardize(1)
    layer.measure(torch.tensor([[-1.0], [1.0]]))

    assert float(layer(torch.tensor([[1e6]]))) == LARGEST


def test_an_encoder_leaves_vectors_alone_until_it_is_measured_and_keeps_the_measure_in_its_weights():
    leaves = {"a": Leaf("a", (2,), "float32"), "b": Leaf("b", (1,), "float32")}
    encoder = ObservationEncoder(leaves, "nature", normalize_observations=True)
    seen = {"a": examples()[:, :2], "b": examples()[:, 2:]}
    assert torch.equal(encoder(seen), examples())

    encoder.measure(seen)
    other = ObservationEncoder(leaves, "nature", normalize_observations=True)
    other.load_state_dict(encoder.state_dict())

    assert not torch.equal(encoder(seen), examples())
    assert torch.equal(other(seen), encoder(seen))

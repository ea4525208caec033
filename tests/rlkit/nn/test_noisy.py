import pytest
import torch
from torch import nn

from rlkit.nn.noisy import NoisyLinear, renew_noise, silence


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
    renew_noise(network, chance())
    assert not torch.allclose(network(x), mean)
    silence(network)
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

import math

import pytest
import torch
from torch import nn

from rlkit.nn.heads import CosineEmbedding, DuelingHead, LinearHead, dense_layers, kaiming_init_
from rlkit.nn.layers import NoisyLinear


def drawn(module, seed=0):
    kaiming_init_(module, torch.Generator().manual_seed(seed))
    return module


@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("leading", [(4,), (4, 7)])
def test_a_head_has_k_outputs_per_action(leading, outputs):
    for head in (LinearHead(6, 3, outputs), DuelingHead(6, 3, outputs), DuelingHead(6, 3, outputs, (8,), True)):
        assert head(torch.randn(*leading, 6)).shape == (*leading, 3, outputs)


def test_dueling_advantages_are_centred():
    head, features = drawn(DuelingHead(5, 3, outputs=4)), torch.randn(2, 5)
    torch.testing.assert_close(head(features).mean(dim=1, keepdim=True), head.value(features))
    advantage = head.advantage(features)
    differences = head(features)[:, 0] - head(features)[:, 2]
    torch.testing.assert_close(differences, advantage[:, 0] - advantage[:, 2])


def test_dueling_streams_have_separate_layers():
    head = DuelingHead(5, 3, hidden=(16,))
    widths = [layer.out_features for layer in head.modules() if isinstance(layer, nn.Linear)]
    assert widths == [16, 1, 16, 3]


def test_cosine_embedding_is_the_papers():
    """Dabney et al. 2018b, equation 4, entry by entry."""
    embedding = drawn(CosineEmbedding(3, num_cosines=4))
    features, fractions = torch.randn(2, 3), torch.tensor([[0.1, 0.9], [0.5, 0.3]])
    layer, out = embedding.dense[0].requires_grad_(False), embedding(features, fractions)
    for b in range(2):
        for k in range(2):
            for j in range(3):
                cosines = [math.cos(math.pi * i * float(fractions[b, k])) for i in range(4)]
                total = float(layer.bias[j]) + sum(c * float(layer.weight[j, i]) for i, c in enumerate(cosines))
                assert out[b, k, j].item() == pytest.approx(float(features[b, j]) * max(total, 0), abs=1e-5)


def test_hidden_weights_have_the_variance_of_he_and_the_last_layer_a_tenth_of_its_deviation():
    network = drawn(nn.Sequential(dense_layers(200, (400,), False), LinearHead(400, 100, 10)))
    assert network[0][0].weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)
    assert network[1].values.output.weight.std().item() == pytest.approx(0.1 * (2 / 400) ** 0.5, rel=0.02)
    streams = drawn(DuelingHead(200, 3, hidden=(400,)))
    assert streams.advantage.dense[0].weight.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)


def test_weights_depend_on_the_generator_only_those_of_noisy_layers_too():
    made = dense_layers(5, (6,), True, make_dense=NoisyLinear)
    first = drawn(made, 1)[0].weight.clone()
    assert torch.equal(first, drawn(made, 1)[0].weight)
    assert not torch.equal(first, drawn(made, 2)[0].weight)


def test_reinitialisation_resets_layer_normalization():
    made = dense_layers(5, (6,), True)
    nn.init.constant_(made[1].weight, 7.0)
    assert drawn(made)[1].weight.eq(1).all()

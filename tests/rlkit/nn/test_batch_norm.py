"""Batch norm over the batches of two learners equals that over the whole batch."""

import copy

import pytest
import torch
from torch import nn

from rlkit.nn.batch_norm import SynchronisedBatchNorm, synchronise_batch_norm
from rlkit.nn.distributed import ALONE

LAYERS = {
    "images": (nn.BatchNorm2d(5), (8, 5, 4, 6)),
    "vectors": (nn.BatchNorm1d(5), (8, 5)),
    "plain mean": (nn.BatchNorm2d(5, momentum=None), (8, 5, 4, 6)),
    "not affine": (nn.BatchNorm2d(5, affine=False), (8, 5, 4, 6)),
    "without statistics": (nn.BatchNorm2d(5, track_running_stats=False), (8, 5, 4, 6)),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_outputs_gradients_and_statistics_are_those_of_the_whole_batch(kind, together):
    layer, shape = LAYERS[kind]
    generator = torch.Generator().manual_seed(0)
    batches = [torch.randn(shape, generator=generator) * 3 + 5 for _ in range(2)]
    if len(shape) == 4:
        batches = [batch.to(memory_format=torch.channels_last) for batch in batches]
    factors = torch.randn(shape, generator=generator)

    def learn(group):
        network = nn.Sequential(copy.deepcopy(layer))
        synchronise_batch_norm(network, group)
        assert isinstance(network[0], SynchronisedBatchNorm) == (group.count > 1)
        rows = slice(group.rank * 8 // group.count, (group.rank + 1) * 8 // group.count)
        found = {}
        for number, batch in enumerate(batches):
            values = batch[rows].clone().requires_grad_()
            normalised = network(values)
            (group.count * (normalised * factors[rows]).square().sum() / factors.numel()).backward()
            group.average_gradients(network.parameters())
            found |= {f"output {number}": normalised.detach(), f"gradient {number}": values.grad / group.count}
        of_all = {name: parameter.grad for name, parameter in network.named_parameters()}
        of_all |= {f"state {name}": tensor for name, tensor in network.state_dict().items()}
        if layer.track_running_stats:
            found["evaluated"] = network.eval()(batches[0][rows]).detach()
        return found, of_all

    whole, of_all = learn(ALONE)
    parts = together(2, learn)
    for name, expected in whole.items():
        found = torch.cat([part[name] for part, _ in parts])
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6, msg=lambda text, name=name: f"{name}: {text}")
    for _, found in parts:
        torch.testing.assert_close(found, of_all, rtol=1e-5, atol=2e-6)


def test_half_precision_is_that_of_the_input(together):
    def learn(group):
        network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        synchronise_batch_norm(network, group)
        with torch.autocast("cpu", torch.bfloat16):
            out = network(torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(group.rank)))
        out.float().square().mean().backward()
        return out.dtype, network[0].weight.grad.isfinite().all()

    assert together(2, learn) == [(torch.bfloat16, True)] * 2

import torch
from torch import nn

from rlkit.perception.networks import build_network
from rlkit.perception.networks.folding import folded


def test_a_folded_network_computes_the_same_without_normalisation():
    network = build_network("segnet-compact", 4, generator=torch.Generator().manual_seed(0))
    pictures = torch.rand(4, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    network.train()(pictures)  # statistics that differ from those of a new network
    network.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    quick = folded(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())
    # In doubles: two maxima that are equal up to rounding could change places in floats.
    assert torch.allclose(quick.double()(pictures.double()), network.double()(pictures.double()), atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.float().state_dict().items())


def test_layers_that_are_used_twice_are_left_alone():
    shared = nn.Conv2d(3, 3, 1)
    network = nn.Sequential(nn.Sequential(shared, nn.BatchNorm2d(3)), nn.Sequential(shared, nn.BatchNorm2d(3))).eval()
    network[0][1].running_mean += 1.0
    pictures = torch.rand(1, 3, 4, 4)
    assert torch.allclose(folded(network)(pictures), network(pictures))

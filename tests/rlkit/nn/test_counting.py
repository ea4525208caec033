import torch
from torch import nn

from rlkit.nn.counting import Size, count
from rlkit.nn.encoders import ObservationEncoder
from rlkit.spaces import Leaf, Spaces


def test_the_convolutions_of_nature_cost_what_their_sizes_say():
    """Each number that comes out is a sum over the patch that it sees: sides² × channels in × channels out."""
    leaves = {"screen": Leaf("screen", (84, 84, 4), "uint8")}
    network = ObservationEncoder(leaves, "nature")
    by_hand = 20**2 * 32 * (8 * 8 * 4) + 9**2 * 64 * (4 * 4 * 32) + 7**2 * 64 * (3 * 3 * 64)
    assert count(network, Spaces(leaves, ("a",))) == Size(77_984, by_hand)


def test_dense_layers_count_and_the_network_is_left_as_it_was():
    leaves = {"state": Leaf("state", (5,), "float32")}
    network = nn.Sequential(ObservationEncoder(leaves, "flat"), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    before = [parameter.clone() for parameter in network.parameters()]
    assert count(network, Spaces(leaves, ("a",))) == Size(5 * 7 + 7 + 7 * 3 + 3, 5 * 7 + 7 * 3)
    assert all(map(torch.equal, network.parameters(), before))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_it_reads_as_a_sentence():
    assert str(Size(77_984, 7_737_000)) == "77,984 parameters, 7.74 million multiply-adds per observation"
    assert str(Size(0, 12)) == "0 parameters, 12 multiply-adds per observation"

"""Whether half as many bits are quick is asked of the device."""

import numpy as np
import pytest
import torch
from torch import nn

from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.nn.utils import Size, count, is_quick_with_bfloat16, to_tensor, to_tensors
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


@pytest.mark.parametrize("ability", ["avx512_bf16", "amx_bf16", "bf16"])
def test_a_processor_with_instructions_for_it_is_quick(monkeypatch, ability):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, ability: True}, raising=False)
    assert is_quick_with_bfloat16("cpu")


def test_a_processor_without_is_not(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "amx_bf16": False}, raising=False)
    assert not is_quick_with_bfloat16("cpu")


def test_where_torch_cannot_tell_it_is_not(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not is_quick_with_bfloat16("cpu")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_an_array_in_one_piece_is_not_copied_on_a_cpu(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    tensor = to_tensor(array, "cpu")
    array[0, 0] = 7
    assert tensor[0, 0] == 7
    assert tensor.numpy().dtype == dtype


@pytest.mark.parametrize("view", [lambda array: array[::-1], lambda array: array[:, 1:], lambda array: array.T])
def test_any_view_of_an_array_is_taken(view):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert torch.equal(to_tensor(view(array), "cpu"), torch.tensor(view(array).tolist()))


def test_every_leaf_of_observations_is_taken():
    leaves = {"picture": np.zeros((2, 4, 4, 1), np.uint8), "state": np.ones((2, 3), np.float32)}
    assert {name: tuple(tensor.shape) for name, tensor in to_tensors(leaves, "cpu").items()} == {
        "picture": (2, 4, 4, 1),
        "state": (2, 3),
    }

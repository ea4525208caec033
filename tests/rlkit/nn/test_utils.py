import numpy as np
import pytest
import torch
from torch import nn

from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.nn.utils import Size, count, gather_actions, is_quick_with_bfloat16, to_floats, to_tensor, to_tensors
from rlkit.spaces import Leaf, Spaces


def test_multiply_adds_of_convolutions_are_those_of_their_sizes():
    """Each output is a sum over its receptive field: kernel² × input channels × output channels."""
    leaves = {"screen": Leaf("screen", (84, 84, 4), "uint8")}
    network = ObservationEncoder(leaves, "nature")
    by_hand = 20**2 * 32 * (8 * 8 * 4) + 9**2 * 64 * (4 * 4 * 32) + 7**2 * 64 * (3 * 3 * 64)
    assert count(network, Spaces(leaves, ("a",))) == Size(77_984, by_hand)


def test_dense_layers_are_counted_and_the_network_is_unchanged():
    leaves = {"state": Leaf("state", (5,), "float32")}
    network = nn.Sequential(ObservationEncoder(leaves, "flat"), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
    before = [parameter.clone() for parameter in network.parameters()]
    assert count(network, Spaces(leaves, ("a",))) == Size(5 * 7 + 7 + 7 * 3 + 3, 5 * 7 + 7 * 3)
    assert all(map(torch.equal, network.parameters(), before))
    assert all(parameter.grad is None for parameter in network.parameters())


def test_size_as_text():
    assert str(Size(77_984, 7_737_000)) == "77,984 parameters, 7.74 million multiply-adds per observation"
    assert str(Size(0, 12)) == "0 parameters, 12 multiply-adds per observation"


@pytest.mark.parametrize("instruction", ["avx512_bf16", "amx_bf16", "bf16"])
def test_bfloat16_is_quick_with_instructions_for_it(monkeypatch, instruction):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, instruction: True}, raising=False)
    assert is_quick_with_bfloat16("cpu")


def test_bfloat16_is_not_quick_without_instructions_for_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_f": True, "amx_bf16": False}, raising=False)
    assert not is_quick_with_bfloat16("cpu")


def test_bfloat16_is_not_quick_if_torch_does_not_report_it(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not is_quick_with_bfloat16("cpu")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_a_contiguous_array_is_not_copied_on_a_cpu(dtype):
    array = np.arange(6, dtype=dtype).reshape(2, 3)
    tensor = to_tensor(array, "cpu")
    array[0, 0] = 7
    assert tensor[0, 0] == 7
    assert tensor.numpy().dtype == dtype


@pytest.mark.parametrize("view", [lambda array: array[::-1], lambda array: array[:, 1:], lambda array: array.T])
def test_any_view_of_an_array_becomes_a_tensor(view):
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert torch.equal(to_tensor(view(array), "cpu"), torch.tensor(view(array).tolist()))


def test_every_leaf_becomes_a_tensor():
    leaves = {"picture": np.zeros((2, 4, 4, 1), np.uint8), "state": np.ones((2, 3), np.float32)}
    assert {name: tuple(tensor.shape) for name, tensor in to_tensors(leaves, "cpu").items()} == {
        "picture": (2, 4, 4, 1),
        "state": (2, 3),
    }


def test_gather_actions_picks_the_action_of_each_sample():
    q, z, actions = torch.randn(7, 3), torch.randn(7, 3, 5), torch.tensor([0, 2, 1, 1, 0, 2, 2])
    assert torch.equal(gather_actions(q, actions), torch.stack([q[b, a] for b, a in enumerate(actions)]))
    assert torch.equal(gather_actions(z, actions), torch.stack([z[b, a] for b, a in enumerate(actions)]))


def test_scalars_are_read_as_the_numbers_that_they_are():
    scalars = {"loss": torch.tensor(0.1), "norm": torch.tensor(3.0), "nothing": torch.tensor(float("nan"))}
    found = to_floats(scalars)
    assert list(found) == list(scalars)
    assert [found["loss"], found["norm"]] == [float(scalars["loss"]), 3.0]
    assert found["nothing"] != found["nothing"]

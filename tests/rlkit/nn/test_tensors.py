import numpy as np
import pytest
import torch

from rlkit.nn.tensors import to_tensor, to_tensors


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

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rlkit.errors import UserError
from rlkit.perception.networks import build_network
from rlkit.perception.networks.layers import fold_batch_norm, pool, unpool, unpool_by_scatter

PICTURE = torch.tensor([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 9.0, 7.0], [6.0, 6.0, 0.0, 0.0], [6.0, 6.0, 0.0, 8.0]]]])
PUT_BACK = torch.tensor([[[[0.0, 5.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0], [6.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 8.0]]]])


@pytest.mark.parametrize("put_back", [unpool, unpool_by_scatter])
def test_unpool_restores_the_position_of_each_maximum_and_of_the_first_on_ties(put_back):
    pooled, indices = pool(PICTURE)
    assert pooled.tolist() == [[[[5.0, 9.0], [6.0, 8.0]]]]
    assert indices.tolist() == [[[[1, 6], [8, 15]]]]
    assert torch.equal(put_back(pooled, indices, (4, 4)), PUT_BACK)


@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 9), st.integers(2, 9), st.booleans(), st.integers(0, 2**32))
def test_unpool_by_scatter_equals_max_unpool2d(batch, channels, height, width, channels_last, seed):
    # Few values, so that windows with equal maxima are common.
    x = torch.randint(0, 4, (batch, channels, height, width), generator=torch.Generator().manual_seed(seed)).float()
    x = x.to(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    pooled, indices = pool(x)
    theirs, their_indices = F.max_pool2d(x, 2, 2, return_indices=True)
    assert torch.equal(pooled, theirs)
    assert torch.equal(indices, their_indices)
    put_back = torch.nn.MaxUnpool2d(2)(theirs, their_indices, output_size=[height, width])
    assert torch.equal(unpool_by_scatter(pooled, indices, (height, width)), put_back)
    assert torch.equal(unpool(pooled, indices, (height, width)), put_back)


def test_gradient_flows_through_the_pooling_indices():
    x = PICTURE.clone().requires_grad_()
    pooled, indices = pool(x)
    weights = torch.arange(16.0).view(1, 1, 4, 4)
    (unpool(pooled, indices, (4, 4)) * weights).sum().backward()
    assert torch.equal(x.grad, torch.where(PUT_BACK > 0, weights, 0.0))


def test_unpool_works_with_deterministic_algorithms():
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(unpool(*pool(PICTURE), (4, 4)), PUT_BACK)
    finally:
        torch.use_deterministic_algorithms(False)


def test_an_image_too_small_for_pooling_is_refused():
    with pytest.raises(UserError, match="too small"):
        pool(torch.zeros(1, 1, 1, 8))


def test_a_network_with_folded_batch_norm_is_equal_and_has_no_batch_norm():
    network = build_network("segnet-compact", 4, generator=torch.Generator().manual_seed(0))
    pictures = torch.rand(4, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    network.train()(pictures)  # statistics that differ from those of a new network
    network.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    quick = fold_batch_norm(network)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in quick.modules())
    # In doubles: two maxima that are equal up to rounding could change places in floats.
    assert torch.allclose(quick.double()(pictures.double()), network.double()(pictures.double()), atol=1e-5)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.float().state_dict().items())


def test_layers_used_twice_are_not_folded():
    shared = nn.Conv2d(3, 3, 1)
    network = nn.Sequential(nn.Sequential(shared, nn.BatchNorm2d(3)), nn.Sequential(shared, nn.BatchNorm2d(3))).eval()
    network[0][1].running_mean += 1.0
    pictures = torch.rand(1, 3, 4, 4)
    assert torch.allclose(fold_batch_norm(network)(pictures), network(pictures))

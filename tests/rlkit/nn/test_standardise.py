import torch

from rlkit.nn.encoders import ObservationEncoder
from rlkit.nn.standardise import LARGEST, Standardise
from rlkit.spaces import Leaf


def examples():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1_000, 3, generator=generator) * torch.tensor([1.0, 0.01, 0.0]) + torch.tensor([5.0, -0.2, 7.0])


def test_examples_come_out_with_mean_0_and_spread_1():
    layer = Standardise(3)
    layer.measure(examples())

    out = layer(examples())

    torch.testing.assert_close(out.mean(dim=0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(out.std(dim=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-4, rtol=0)


def test_an_entry_that_hardly_moved_is_not_blown_up_beyond_reason():
    layer = Standardise(2)
    layer.measure(torch.tensor([[0.0, 0.0], [1.0, 1e-9], [2.0, 2e-9]]))

    torch.testing.assert_close(layer.spread, torch.tensor([1.0, 1e-3]))


def test_flags_stay_as_they_are_however_seldom_they_are_up():
    seldom = torch.zeros(1_000, 2)
    seldom[0, 0], seldom[:, 1] = 1.0, torch.arange(1_000) * 0.1
    layer = Standardise(2)
    layer.measure(seldom)

    assert torch.equal(layer(seldom)[:, 0], seldom[:, 0])
    torch.testing.assert_close(layer(seldom)[:, 1].std(), torch.tensor(1.0))


def test_what_lies_far_out_is_cut():
    layer = Standardise(1)
    layer.measure(torch.tensor([[-1.0], [1.0]]))

    assert float(layer(torch.tensor([[1e6]]))) == LARGEST


def test_an_encoder_leaves_vectors_alone_until_it_is_measured_and_keeps_the_measure_in_its_weights():
    leaves = {"a": Leaf("a", (2,), "float32"), "b": Leaf("b", (1,), "float32")}
    encoder = ObservationEncoder(leaves, "nature", standardise=True)
    seen = {"a": examples()[:, :2], "b": examples()[:, 2:]}
    assert torch.equal(encoder(seen), examples())

    encoder.measure(seen)
    other = ObservationEncoder(leaves, "nature", standardise=True)
    other.load_state_dict(encoder.state_dict())

    assert not torch.equal(encoder(seen), examples())
    assert torch.equal(other(seen), encoder(seen))

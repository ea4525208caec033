import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy as scipy_entropy
from torch import nn

from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks import build_network
from rlkit.perception.networks.segnet import SegNet
from rlkit.perception.uncertainty import entropy, has_dropout, measure_uncertainty
from rlkit.spaces import Classes

PICTURES = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Prepared(nn.Module):
    """Returns given probabilities, one after the other."""

    def __init__(self, answers):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.answers = iter(answers)

    def forward(self, pictures):
        return next(self.answers).log().view(1, -1, 1, 1).expand(2, -1, 4, 4)


def measured(*answers):
    network = Prepared([torch.tensor(answer) for answer in answers])
    return measure_uncertainty(network, PICTURES, len(answers), generator(), network)


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_entropy_is_normalised_by_its_maximum(weights):
    shares = np.array(weights) / sum(weights)
    ours = entropy(torch.tensor(shares).view(1, -1, 1, 1)).item()
    assert ours == pytest.approx(scipy_entropy(shares) / np.log(len(shares)), abs=1e-9)


def test_contradicting_certain_samples_have_mutual_information_1():
    found = measured([1.0, 0.0], [0.0, 1.0])
    assert found.samples == 2
    assert np.allclose(found.probabilities, 0.5)
    assert np.allclose([found.entropy, found.mutual_information], 1.0)


def test_equal_uncertain_samples_have_mutual_information_0():
    found = measured([0.5, 0.5], [0.5, 0.5])
    assert np.allclose(found.entropy, 1.0)
    assert np.allclose(found.mutual_information, 0.0)


def test_mutual_information_is_entropy_of_the_mean_minus_mean_entropy():
    answers = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]])
    found = measured(*answers.tolist())
    expected = (scipy_entropy(answers.mean(0)) - scipy_entropy(answers, axis=1).mean()) / np.log(3)
    assert found.mutual_information[0, 0, 0] == pytest.approx(expected, abs=1e-6)
    assert found.mutual_information.dtype == np.float32


@pytest.fixture
def bayesian():
    network = SegNet(3, widths=(4, 8), depths=(1, 1), dropout=(0.0, 0.5))
    return SegmentationModel(network, ModelCard("bayesian-segnet", Classes(("a", "b", "c"), ("a",)), (16, 16)))


def test_samples_follow_from_the_generator_and_leave_the_network_unchanged(bayesian):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    before = bayesian.probabilities(pictures)
    first, again, other = (bayesian.sampled(pictures, 4, generator(seed)) for seed in (1, 1, 2))
    assert bayesian.has_dropout
    assert np.array_equal(first.probabilities, again.probabilities)
    assert not np.array_equal(first.probabilities, other.probabilities)
    assert first.mutual_information.max() > 0
    assert np.array_equal(bayesian.probabilities(pictures), before)
    assert np.array_equal(bayesian.uncertainty(pictures, 4), bayesian.uncertainty(pictures, 4))


def test_torchs_own_dropout_is_sampled_and_the_global_generator_restored():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout2d(0.5), nn.Conv2d(4, 2, 1)).eval()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again = (measure_uncertainty(network, PICTURES, 5, generator(1), network) for _ in range(2))
    assert torch.equal(torch.rand(1), expected)
    assert np.array_equal(first.entropy, again.entropy)
    assert first.mutual_information.max() > 0
    assert not any(layer.training for layer in network.modules())


def test_a_network_without_dropout_has_one_sample():
    network = build_network("segnet-compact", 3).eval()
    assert not has_dropout(network)
    found = measure_uncertainty(network, torch.rand(1, 3, 32, 32), 10, generator(), network)
    assert found.samples == 1
    assert not found.mutual_information.any()


def test_no_samples_are_refused(bayesian):
    with pytest.raises(ValueError, match="at least one"):
        bayesian.uncertainty(np.zeros((1, 16, 16, 3), np.uint8), 0)

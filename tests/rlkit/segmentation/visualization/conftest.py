import numpy as np
import pytest
import torch
from torch import nn

from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.spaces import Classes

CLASSES = Classes(("sky", "road", "grass"), ("road",))


class Brightest(nn.Module):
    """Scores each class by one colour: class 0 by red, 1 by green, 2 by blue."""

    def forward(self, pictures):
        return 20.0 * pictures


@pytest.fixture
def classes():
    return CLASSES


@pytest.fixture
def model():
    return SegmentationModel(Brightest(), ModelCard("brightest", CLASSES, (8, 12)))


@pytest.fixture
def colours():
    """A picture (16, 24, 3): its left half red, its right half green."""
    image = np.zeros((16, 24, 3), dtype=np.uint8)
    image[:, :12, 0] = 200
    image[:, 12:, 1] = 200
    return image


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

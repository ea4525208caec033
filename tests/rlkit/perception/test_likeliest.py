import numpy as np
import pytest
import torch

from rlkit.perception.likeliest import likeliest


@pytest.fixture(params=["kernel", "torch"], autouse=True)
def way(request, monkeypatch):
    """By which of its two ways the function finds it, whatever number of threads torch has here."""
    monkeypatch.setattr("rlkit.perception.likeliest.FEW_THREADS", 0 if request.param == "torch" else 1000)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_every_pixel_gets_the_class_of_its_largest_score(layout):
    scores = torch.randn(3, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    found = likeliest(scores.to(memory_format=layout))
    assert found.shape == (3, 6, 7)
    assert found.dtype == np.uint8
    assert np.array_equal(found, scores.numpy().argmax(1))


def test_a_part_of_more_channels_is_read_as_it_is():
    scores = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    assert np.array_equal(likeliest(scores[:, 2:5]), scores[:, 2:5].numpy().argmax(1))


def test_of_equal_scores_the_first_class_is_taken():
    scores = torch.tensor([1.0, 4.0, 4.0, -2.0]).view(1, 4, 1, 1)
    assert likeliest(scores) == 1
    assert likeliest(torch.full((1, 4, 1, 1), -float("inf"))) == 0


def test_no_pictures_have_no_classes():
    assert likeliest(torch.zeros(0, 4, 2, 3)).shape == (0, 2, 3)

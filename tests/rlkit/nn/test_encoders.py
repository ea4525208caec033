import numpy as np
import pytest
import torch

from rlkit.nn.encoders import ENCODERS, ObservationEncoder, default_encoder
from rlkit.nn.heads import DuelingHead, he_initialise
from rlkit.spaces import Leaf


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("size", [(64, 64), (84, 84), (96, 128)])
@pytest.mark.parametrize("channels", [1, 4])
def test_an_encoder_reads_any_size_and_says_how_much_comes_out(name, size, channels):
    leaves = {"view": Leaf("view", (*size, channels), "uint8"), "a.b": Leaf("a.b", (3,), "float32")}
    encoder = ObservationEncoder(leaves, name)
    batch = {"view": torch.zeros(2, *size, channels, dtype=torch.uint8), "a.b": torch.ones(2, 3)}
    features = encoder(batch)
    assert features.shape == (2, encoder.features)
    assert features.dtype == torch.float32


def test_pictures_become_numbers_from_0_to_1_and_vectors_stay_as_they_are():
    leaves = {"view": Leaf("view", (16, 16, 1), "uint8"), "state": Leaf("state", (2,), "float32")}
    encoder = ObservationEncoder(leaves, "flat")
    picture = torch.from_numpy(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    features = encoder({"view": picture, "state": torch.tensor([[-3.0, 7.0]])})
    torch.testing.assert_close(features[0, :256], torch.arange(256) / 255)
    assert features[0, 256:].tolist() == [-3.0, 7.0]


def test_a_picture_that_is_too_small_is_named():
    with pytest.raises(ValueError, match="view of 8×8 is too small for the encoder 'compact'"):
        ObservationEncoder({"view": Leaf("view", (8, 8, 1), "uint8")}, "compact")


def test_the_default_goes_by_size():
    assert default_encoder(Leaf("a", (84, 84, 4), "uint8")) == "nature"
    assert default_encoder(Leaf("a", (24, 24, 1), "uint8")) == "compact"


def test_nature_is_as_published():
    """Mnih et al. 2015: 84×84×4 to 7×7×64, 77,984 weights and biases in the convolutions."""
    encoder = ObservationEncoder({"screen": Leaf("screen", (84, 84, 4), "uint8")}, "nature")
    assert encoder.features == 3136
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 77_984


def test_advantages_are_centred_so_that_the_mean_of_the_values_is_the_states_own():
    head = DuelingHead(5, 3)
    features = torch.randn(4, 5)
    torch.testing.assert_close(head(features).mean(dim=1, keepdim=True), head.value(features))


def test_weights_have_the_variance_of_he_and_repeat_by_their_generator():
    layer = torch.nn.Sequential(torch.nn.Linear(200, 400))
    he_initialise(layer, torch.Generator().manual_seed(1))
    drawn = layer[0].weight.clone()
    assert drawn.std().item() == pytest.approx((2 / 200) ** 0.5, rel=0.02)
    he_initialise(layer, torch.Generator().manual_seed(1))
    assert torch.equal(drawn, layer[0].weight)

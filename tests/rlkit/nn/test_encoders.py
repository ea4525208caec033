import numpy as np
import pytest
import torch
from torch import nn

from rlkit.nn.encoders import ENCODERS, BasicBlock, InceptionBlock, SpectralConv2d, default_encoder, is_small, is_tiny
from rlkit.nn.observation_encoder import ObservationEncoder
from rlkit.spaces import Leaf

SMALLEST = {
    "nature": 36,
    "nature-small": 36,
    "compact": 16,
    "plain": 3,
    "vgg": 2,
    "inception": 2,
}  # others take a single pixel


def encoder_of(name, *shape, **options):
    return ObservationEncoder({"view": Leaf("view", shape, "uint8")}, name, **options)


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("size", [(36, 36), (64, 64), (84, 84), (96, 128)])
@pytest.mark.parametrize("channels", [1, 4])
def test_an_encoder_takes_any_size_and_reports_its_number_of_features(name, size, channels):
    leaves = {"view": Leaf("view", (*size, channels), "uint8"), "a.b": Leaf("a.b", (3,), "float32")}
    encoder = ObservationEncoder(leaves, name)
    batch = {"view": torch.zeros(2, *size, channels, dtype=torch.uint8), "a.b": torch.ones(2, 3)}
    features = encoder(batch)
    assert features.shape == (2, encoder.features)
    assert features.dtype == torch.float32


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_takes_images_down_to_its_smallest_and_refuses_smaller_ones(name):
    smallest = SMALLEST.get(name, 1)
    for sides in ((smallest, smallest), (smallest, 50), (50, smallest)):
        assert encoder_of(name, *sides, 2).features > 0
    for sides in ((smallest - 1, 50), (50, smallest - 1)):
        if smallest > 1:
            with pytest.raises(
                ValueError, match=rf"view of {sides[0]}×{sides[1]} is too small for the encoder '{name}'"
            ):
                encoder_of(name, *sides, 2)


@pytest.mark.parametrize("name", ENCODERS)
def test_features_are_few_enough_for_a_dense_layer_and_depend_on_every_part_of_the_image(name):
    torch.manual_seed(0)
    encoder = encoder_of(name, 84, 84, 4)
    assert encoder.features <= (28_224 if name == "flat" else 10_368 if name == "compact" else 4_000)
    picture = torch.randint(0, 256, (1, 84, 84, 4), dtype=torch.uint8)
    features = encoder({"view": picture})
    for rows in (slice(0, 42), slice(42, 84)):
        for columns in (slice(0, 42), slice(42, 84)):
            changed = picture.clone()
            changed[:, rows, columns] = 255 - changed[:, rows, columns]
            assert not torch.equal(encoder({"view": changed}), features)


def test_images_become_floats_from_0_to_1_and_vectors_are_unchanged():
    leaves = {"view": Leaf("view", (16, 16, 1), "uint8"), "state": Leaf("state", (2,), "float32")}
    encoder = ObservationEncoder(leaves, "flat")
    picture = torch.from_numpy(np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1))
    features = encoder({"view": picture, "state": torch.tensor([[-3.0, 7.0]])})
    torch.testing.assert_close(features[0, :256], torch.arange(256) / 255)
    assert features[0, [0, 255]].tolist() == [0.0, 1.0]  # exactly: bits of a grid stay bits
    assert features[0, 256:].tolist() == [-3.0, 7.0]


def test_the_default_encoder_depends_on_the_size():
    for side, name in ((84, "nature"), (64, "nature"), (63, "compact"), (16, "compact"), (15, "plain"), (10, "plain")):
        leaf = Leaf("a", (side, 100, 1), "uint8")
        assert default_encoder(leaf) == name
        assert (is_tiny(leaf), is_small(leaf)) == (name == "plain", name != "nature")


@pytest.mark.parametrize(
    ("name", "shape", "features", "parameters"),
    [
        ("nature", (84, 84, 4), 3136, 77_984),  # Mnih et al. 2015: to 7×7×64
        ("impala", (84, 84, 4), 3872, 97_744),  # Espeholt et al. 2018: to 11×11×32
        ("impala-wide", (84, 84, 4), 2304, 389_024),  # Clark et al. 2024: to 6×6×64
        ("plain", (10, 10, 4), 1024, 592),  # Young & Tian 2019: to 8×8×16
    ],
)
def test_published_encoders_have_the_published_sizes(name, shape, features, parameters):
    encoder = encoder_of(name, *shape)
    assert encoder.features == features
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters


def test_a_spectral_convolution_divides_by_the_largest_singular_value():
    torch.manual_seed(0)
    layer = SpectralConv2d(8, 8, 3, padding=1)
    picture = torch.randn(2, 8, 6, 6)
    for _ in range(300):
        layer(picture)
    norm = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
    expected = nn.functional.conv2d(picture, layer.weight / norm, layer.bias, padding=1)
    torch.testing.assert_close(layer(picture), expected, rtol=1e-4, atol=1e-5)


def test_a_spectral_convolution_estimates_its_norm_in_float32_under_autocast():
    torch.manual_seed(0)
    layer, image = SpectralConv2d(8, 8, 3), torch.randn(1, 8, 5, 5)
    with torch.no_grad():
        matrix = layer.weight.flatten(1)  # one step of power iteration in float32
        right = nn.functional.normalize(matrix.T @ layer.vector, dim=0)
        left = nn.functional.normalize(matrix @ right, dim=0)
        weight = layer.weight / (left @ (matrix @ right))
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(layer(image), nn.functional.conv2d(image, weight, layer.bias))


def test_a_spectral_convolution_updates_its_vector_only_with_gradients():
    torch.manual_seed(0)
    layer = SpectralConv2d(3, 5, 3)
    before = layer.vector.clone()
    with torch.no_grad():
        layer(torch.randn(1, 3, 4, 4))
    assert torch.equal(layer.vector, before)
    layer.requires_grad_(False)(torch.randn(1, 3, 4, 4))
    assert torch.equal(layer.vector, before)
    layer.requires_grad_(True)(torch.randn(1, 3, 4, 4))
    assert not torch.equal(layer.vector, before)


def test_building_an_encoder_uses_no_global_random_number_but_for_weights():
    """`kaiming_init_` draws the weights; buffers must not be random."""
    buffers = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        buffers.append(dict(encoder_of("impala-wide", 20, 20, 1).named_buffers()))
    assert buffers[0].keys() == buffers[1].keys() != set()
    for name, buffer in buffers[0].items():
        assert torch.equal(buffer, buffers[1][name])


def test_a_basic_block_of_zero_weights_is_a_relu():
    block = BasicBlock(4, 4, 1)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    picture = torch.randn(1, 4, 5, 5)
    assert torch.equal(block(picture), picture.relu())


def test_the_receptive_fields_of_an_inception_block_are_those_of_its_kernels():
    torch.manual_seed(0)
    block = InceptionBlock(1, 32)
    for parameter in block.parameters():
        parameter.data.abs_()
    reach = []
    for branch in block.branches:
        picture = torch.zeros(1, 1, 9, 9)
        dark = branch(picture)
        picture[0, 0, 4, 4] = 1.0
        lit = (branch(picture) != dark).any(dim=1)[0]
        reach.append(int(lit.any(dim=0).sum()))
    assert reach == [1, 3, 5, 3]


def test_dropout_applies_to_images_only():
    leaves = {"view": Leaf("view", (8, 8, 1), "uint8"), "state": Leaf("state", (50,), "float32")}
    encoder = ObservationEncoder(leaves, "flat", dropout=0.5)
    encoder.dropout.generator = torch.Generator().manual_seed(0)
    view = torch.full((1, 8, 8, 1), 255, dtype=torch.uint8)
    features = encoder({"view": view, "state": torch.ones(1, 50)})
    assert set(features[0, :64].tolist()) == {0.0, 2.0}
    assert set(features[0, 64:].tolist()) == {1.0}

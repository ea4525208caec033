import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rlkit.errors import UserError
from rlkit.perception.networks import build_network, vgg16
from rlkit.perception.networks.fcn import FCN
from rlkit.perception.networks.segnet import SegNet
from rlkit.perception.networks.vgg16 import load_vgg16

WIDTHS, DEPTHS = (4, 6), (2, 1)


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """VGG16 has 59 MB of weights; what is tested does not depend on the widths."""
    monkeypatch.setattr(vgg16, "WIDTHS", WIDTHS)
    monkeypatch.setattr(vgg16, "DEPTHS", DEPTHS)
    monkeypatch.setattr(vgg16, "CONVOLUTIONS", sum(DEPTHS))


def published(batch_norm):
    """The convolutions as torchvision numbers them: one list of layers, ReLU and pooling counted."""
    layers, inputs = [], 3
    for width, depth in zip(WIDTHS, DEPTHS, strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), *([nn.BatchNorm2d(width)] * batch_norm), nn.ReLU()]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    trunk = nn.Sequential(*layers)
    for layer in trunk:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-1, 1)
            layer.running_var.uniform_(0.5, 2)
    return trunk.eval()


@pytest.fixture
def file(tmp_path):
    def write(trunk, **more):
        tensors = {f"features.{name}": tensor for name, tensor in trunk.state_dict().items()} | more
        save_file(tensors, tmp_path / "vgg16.safetensors")
        return tmp_path / "vgg16.safetensors"

    return write


def encoded(network, pictures):
    x = network.scaling(pictures)
    for encode in network.encoders:
        x = nn.functional.max_pool2d(encode(x), 2).relu()
    return x


@pytest.mark.parametrize("theirs_normalised", [False, True])
@pytest.mark.parametrize("ours_normalised", [False, True])
@torch.no_grad()
def test_the_encoder_equals_the_loaded_vgg16(file, theirs_normalised, ours_normalised):
    trunk = published(theirs_normalised)
    if ours_normalised:
        network = SegNet(2, widths=WIDTHS, depths=DEPTHS).eval()
    else:
        network = FCN(2, skips=0, widths=WIDTHS, depths=DEPTHS, dense_width=4).eval()
    assert "3 convolutions" in load_vgg16(network, file(trunk))
    pictures = torch.rand(2, 3, 16, 16)
    # A normalisation of ours that has seen nothing yet divides by √(1 + 1e-5).
    assert torch.allclose(encoded(network, pictures), trunk(network.scaling(pictures)), atol=1e-4)


def test_dense_layers_are_taken_as_convolutions(file):
    network = FCN(2, skips=0, widths=WIDTHS, depths=DEPTHS, dense_width=5)
    dense = nn.Linear(6 * 7 * 7, 5)
    more = {"classifier.0.weight": dense.weight.detach(), "classifier.0.bias": dense.bias.detach()}
    assert load_vgg16(network, file(published(False), **more)).endswith("vgg16.safetensors")
    window = torch.rand(1, 6, 7, 7)
    assert torch.allclose(network.fc6(window)[0, :, 3, 3], dense(window.flatten())[None][0], atol=1e-5)


def test_a_network_with_another_encoder_is_refused(file):
    with pytest.raises(UserError, match=r"only networks with VGG16's encoder.*not SegNetCompact"):
        load_vgg16(build_network("segnet-compact", 2), file(published(False)))


def test_other_names_are_refused(tmp_path):
    save_file({"backbone.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"is no VGG16: expected 3 convolutions.*found backbone.weight"):
        load_vgg16(SegNet(2, WIDTHS, DEPTHS), tmp_path / "other.safetensors")


def test_a_convolution_of_another_shape_is_named(file):
    trunk = published(False)
    trunk[2] = nn.Conv2d(4, 4, 5)
    with pytest.raises(UserError, match=r"convolution 2 is \(4, 4, 5, 5\), VGG16's is \(4, 4, 3, 3\)"):
        load_vgg16(SegNet(2, WIDTHS, DEPTHS), file(trunk))


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(UserError, match="no file of VGG16 weights"):
        load_vgg16(SegNet(2, WIDTHS, DEPTHS), tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not weights")
    with pytest.raises(UserError, match="damaged"):
        load_vgg16(SegNet(2, WIDTHS, DEPTHS), tmp_path / "bad.safetensors")

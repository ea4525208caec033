import pytest
import torch
from torch import nn

from rlkit.errors import UserError
from rlkit.perception.networks import build_network
from rlkit.segmentation.initial_weights import initialise, load_fitting


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def test_weights_that_fit_are_loaded_and_the_others_named(file):
    network = nn.ModuleDict({"body": nn.Linear(3, 4), "head": nn.Linear(4, 2)})
    other = nn.ModuleDict({"body": nn.Linear(3, 4), "head": nn.Linear(4, 5)})
    before = network["head"].weight.clone()
    begun, notes = load_fitting(network, other.state_dict(), file)
    assert torch.equal(network["body"].weight, other["body"].weight)
    assert torch.equal(network["head"].weight, before)
    assert begun == "model.safetensors (sha256 9a129038d9a00aed)"
    assert notes == (f"{file} fits but for head.weight, head.bias: these are random",)


def test_weights_of_which_none_fits_are_refused(file):
    with pytest.raises(UserError, match="--init needs a model of the same network"):
        load_fitting(nn.Linear(3, 4), nn.Linear(4, 4).state_dict(), file)  # the biases would fit


def test_a_detector_gives_a_segmentation_network_all_but_the_classifier():
    network = build_network("segnet-compact", 2, generator=torch.Generator().manual_seed(0))
    begun, notes = initialise(network, "pretrained:centernet-compact", None, "segnet-compact")
    assert begun.startswith("centernet-compact.safetensors (sha256 ")
    assert len(notes) == 1
    assert notes[0].endswith("fits but for classifier.weight, classifier.bias: these are random")

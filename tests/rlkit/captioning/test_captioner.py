"""A captioner's file with the encoder of a detector that ships."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from rlkit.captioning.captioner import Captioner, CaptionerCard, load_captioner
from rlkit.captioning.vocabulary import Vocabulary
from rlkit.errors import UserError
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model
from rlkit.perception.networks import build_captioner
from rlkit.utils.io import sha256

DETECTOR = "pretrained:centernet-compact"
VOCABULARY = Vocabulary(("a", "car"))


@pytest.fixture
def whole():
    """A captioner with the encoder of the detector."""
    network = build_captioner("nic-compact", len(VOCABULARY), 1, 0, 2, torch.Generator().manual_seed(0))
    theirs = load_detector(find_model(DETECTOR), fuse=False).network.state_dict()
    network.encoder.load_state_dict({name: theirs[name] for name in network.encoder.state_dict()})
    card = CaptionerCard("nic-compact", (96, 128), VOCABULARY, 1, (), ("car", "cone"))
    return Captioner(network, card)


def without_encoder(captioner, path, **changed):
    """Write its file without the encoder."""
    captioner.save(path)
    with safe_open(path, "pt") as file:
        header = file.metadata()
    known = {"encoder": DETECTOR, "encoder_sha256": sha256(find_model(DETECTOR))}
    card = json.loads(header["card"]) | known | changed
    tensors = {name: tensor for name, tensor in load_file(path).items() if not name.startswith("encoder.")}
    save_file(tensors, path, header | {"card": json.dumps(card)})


def test_the_encoder_may_be_that_of_a_shipped_detector(whole, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 96, 128, 3), dtype=np.uint8)
    path = tmp_path / "part.safetensors"
    without_encoder(whole, path)
    loaded = load_captioner(path, fuse=False)
    np.testing.assert_array_equal(loaded.encode_examples(images).grid, whole.encode_examples(images).grid)
    assert loaded.describe(images) == whole.describe(images)
    loaded.save(tmp_path / "whole.safetensors")  # has its own encoder again
    assert load_captioner(tmp_path / "whole.safetensors").card.encoder == ""


def test_another_encoder_is_refused(whole, tmp_path):
    path = tmp_path / "part.safetensors"
    without_encoder(whole, path, encoder_sha256="0" * 64)
    with pytest.raises(UserError, match="another version of pretrained:centernet-compact"):
        load_captioner(path)
    without_encoder(whole, path, encoder="/tmp/other.safetensors")
    with pytest.raises(UserError, match="does not ship"):
        load_captioner(path)
    without_encoder(whole, path, encoder="")
    with pytest.raises(UserError, match="do not fit"):
        load_captioner(path)

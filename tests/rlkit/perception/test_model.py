import json
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rlkit.errors import UserError
from rlkit.perception import model as perception_model
from rlkit.perception.model import (
    FORMAT,
    ModelCard,
    SegmentationModel,
    find_model,
    load_model,
    predicted_classes,
    pretrained_names,
    read_model_card,
)
from rlkit.perception.networks import build_network
from rlkit.spaces import Classes


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "segnet-compact.safetensors").touch()
    monkeypatch.setattr(perception_model, "WEIGHTS", folder)
    return folder


def test_a_run_folder_means_its_best_model(tmp_path):
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "model.safetensors").touch()
    assert find_model(str(tmp_path)) == find_model(tmp_path) == tmp_path / "best" / "model.safetensors"


def test_a_model_can_be_named_by_its_file(tmp_path):
    (tmp_path / "mine.safetensors").touch()
    assert find_model(tmp_path / "mine.safetensors") == tmp_path / "mine.safetensors"


def test_weights_that_ship_have_names(shipped):
    assert pretrained_names() == ["segnet-compact"]
    assert find_model("pretrained:segnet-compact") == shipped / "segnet-compact.safetensors"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("pretrained:segnet-compct", r"ships with rlkit\. Did you mean segnet-compact\? There is \(segnet-compact\)"),
        ("segnet-compact", "For weights that ship write pretrained:segnet-compact"),
        ("runs/nowhere", "neither a perception run nor a model at runs/nowhere"),
    ],
)
def test_a_missing_model_is_refused_with_suggestions(shipped, what, sentence):
    with pytest.raises(UserError, match=sentence):
        find_model(what)


def test_files_and_folders_of_other_kinds_are_refused(tmp_path):
    (tmp_path / "model.pt").touch()
    with pytest.raises(UserError, match=r"model.pt is no model: expected a .safetensors file"):
        find_model(tmp_path / "model.pt")
    with pytest.raises(UserError, match="is no perception run"):
        find_model(tmp_path)
    (tmp_path / "other.safetensors").touch()
    with pytest.raises(UserError, match=r"Name one of its files: other.safetensors"):
        find_model(tmp_path)
    (tmp_path / "config.json").touch()
    with pytest.raises(UserError, match="before the first model was chosen"):
        find_model(tmp_path)


@pytest.fixture(params=["kernel", "torch"])
def way(request, monkeypatch):
    """By which of its two ways the function finds it, whatever number of threads torch has here."""
    monkeypatch.setattr("rlkit.perception.model.KERNEL_MAX_THREADS", 0 if request.param == "torch" else 1000)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_every_pixel_gets_the_class_of_its_largest_score(layout):
    scores = torch.randn(3, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    found = predicted_classes(scores.to(memory_format=layout))
    assert found.shape == (3, 6, 7)
    assert found.dtype == np.uint8
    assert np.array_equal(found, scores.numpy().argmax(1))


@pytest.mark.usefixtures("way")
def test_a_slice_of_the_channels_is_accepted():
    scores = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)
    assert np.array_equal(predicted_classes(scores[:, 2:5]), scores[:, 2:5].numpy().argmax(1))


@pytest.mark.usefixtures("way")
def test_of_equal_scores_the_first_class_is_taken():
    scores = torch.tensor([1.0, 4.0, 4.0, -2.0]).view(1, 4, 1, 1)
    assert predicted_classes(scores) == 1
    assert predicted_classes(torch.full((1, 4, 1, 1), -float("inf"))) == 0


@pytest.mark.usefixtures("way")
def test_no_pictures_have_no_classes():
    assert predicted_classes(torch.zeros(0, 4, 2, 3)).shape == (0, 2, 3)


CLASSES = Classes(("sky", "road", "line"), ("road", "line"))
CARD = ModelCard("segnet-compact", CLASSES, (32, 48), {"data": "nothing"})


@pytest.fixture(scope="module")
def model():
    network = build_network("segnet-compact", 3, generator=torch.Generator().manual_seed(0))
    network.train()(torch.rand(4, 3, 32, 48, generator=torch.Generator().manual_seed(1)))  # statistics worth folding
    return SegmentationModel(network, CARD)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (5, 32, 48, 3), dtype=np.uint8)


def test_a_saved_model_comes_back_with_its_card(model, pictures, tmp_path):
    model.save(tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors", fuse=False)
    assert loaded.card == read_model_card(tmp_path / "m.safetensors") == CARD
    assert loaded.parameters == model.parameters
    assert np.array_equal(loaded.probabilities(pictures), model.probabilities(pictures))


def test_probabilities_labels_and_the_drivable_area_agree(model, pictures):
    probabilities = model.probabilities(pictures)
    assert probabilities.shape == (5, 3, 32, 48)
    assert probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1, atol=1e-6)
    assert np.array_equal(model.labels(pictures), probabilities.argmax(1))
    assert np.allclose(model.drivable(pictures), probabilities[:, 1] + probabilities[:, 2], atol=1e-6)


def test_folded_weights_are_equal_and_not_saved(model, pictures, tmp_path):
    model.save(tmp_path / "m.safetensors")
    fused = load_model(tmp_path / "m.safetensors")
    near = np.isclose(fused.probabilities(pictures), model.probabilities(pictures), atol=1e-4).all(1)
    assert near.mean() > 0.99  # the rest: maxima that are equal up to rounding
    fused.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_half_precision_finds_nearly_the_same(model, pictures, tmp_path):
    model.save(tmp_path / "m.safetensors")
    half = load_model(tmp_path / "m.safetensors", precision="bfloat16")
    assert half.probabilities(pictures).dtype == np.float32
    assert np.abs(half.probabilities(pictures) - model.probabilities(pictures)).mean() < 0.02
    assert next(half.network.parameters()).dtype == torch.float32


def test_many_images_are_computed_in_parts(model, pictures, monkeypatch):
    whole = model.labels(pictures), model.uncertainty(pictures), model.probabilities(pictures)
    monkeypatch.setattr("rlkit.perception.model.MAX_PIXELS", 2 * 32 * 48)
    parts = model.labels(pictures), model.uncertainty(pictures), model.probabilities(pictures)
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(whole, parts, strict=True))


def test_read_only_pictures_are_taken_without_a_warning(model, pictures, recwarn):
    pictures = pictures.copy()
    pictures.flags.writeable = False
    model.labels(pictures)
    assert not recwarn.list


# In a process of its own, since the allocator's settings hold for the whole process.
COUNT_FAULTS = """
import resource, sys
from pathlib import Path
import numpy as np
from rlkit.cli import tune_process
from rlkit.perception.model import load_model

tune_process()
label, picture = load_model(Path(sys.argv[1])).labels, np.zeros((1, 192, 256, 3), np.uint8)
for _ in range(5):
    label(picture)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    label(picture)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_the_command_line_reuses_memory_of_one_image_for_the_next(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    command = [sys.executable, "-c", COUNT_FAULTS, str(tmp_path / "m.safetensors")]
    faults = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert faults < 50  # pages; hundreds without it


@pytest.mark.parametrize("shape", [(32, 48, 3), (1, 3, 32, 48)])
def test_arrays_that_are_no_images_are_refused(model, shape):
    with pytest.raises(ValueError, match="uint8"):
        model.labels(np.zeros(shape, np.uint8))


def test_weights_at_half_precision_are_taken(model, pictures, tmp_path):
    model.save(tmp_path / "m.safetensors")
    header = {"format": FORMAT, "card": json.dumps(CARD.to_json())}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in load_file(tmp_path / "m.safetensors").items()}
    save_file(halves, tmp_path / "half.safetensors", header)
    loaded = load_model(tmp_path / "half.safetensors")
    assert np.abs(loaded.probabilities(pictures) - model.probabilities(pictures)).mean() < 0.01


def changed(path, change, card=None):
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, {"format": FORMAT, "card": json.dumps(card or CARD.to_json())})
    return path


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.pop("classifier.bias"), r"do not fit the network 'segnet-compact': classifier.bias is missing"),
        (lambda t: t.update(extra=torch.zeros(1)), "the network has no extra"),
        (lambda t: t.update({"classifier.bias": torch.zeros(9)}), r"classifier.bias is \(9,\), expected \(3,\)"),
        (lambda t: t["classifier.bias"].fill_(float("nan")), "not all finite"),
    ],
)
def test_weights_that_do_not_fit_are_named(model, tmp_path, change, sentence):
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match=sentence):
        load_model(changed(tmp_path / "m.safetensors", change))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": [1, 2, 3]}, "header .* is damaged"),
        ({"network": "segnet-unknown"}, "There is no network"),
        ({"network": "their_code:Net"}, "not imported unless requested"),
        ({"classes": {"names": ["a"], "drivable": []}}, "2 to 255 classes"),
    ],
)
def test_invalid_cards_are_refused(model, tmp_path, change, sentence):
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(UserError, match=sentence):
        load_model(changed(tmp_path / "m.safetensors", lambda _: None, CARD.to_json() | change))


def test_files_of_other_kinds_are_refused(tmp_path):
    with pytest.raises(UserError, match="no model at"):
        read_model_card(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 99)
    with pytest.raises(UserError, match="damaged"):
        read_model_card(tmp_path / "bad.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="holds no segmentation model"):
        read_model_card(tmp_path / "other.safetensors")

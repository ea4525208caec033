"""A torch dataset of (image, label) pairs trains a network, in each form that torchvision gives its items."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchData
from torch.utils.data import IterableDataset, Subset

from rlkit.errors import UserError
from rlkit.perception.model import find_model, load_model
from rlkit.segmentation import Classes, resume, train
from rlkit.segmentation.datasets.torch_dataset import TorchDataset
from rlkit.spaces import IGNORED
from rlkit.training.progress import PlainReporter

CLASSES = Classes(("grass", "road"), ("road",))
OPTIONS = {"network": "tiny", "steps": 6, "val_freq": 3, "save_freq": 2}
SETTINGS = {"batch_size": "4", "bn_samples": "8", "threads": "1", "learning_rate": "3e-2"}


class Pairs(TorchData):
    """Dark roads beside bright grass: item i is the pair that `form` makes of the image and its label."""

    def __init__(self, count=12, form=lambda image, label: (image, label), size=(16, 24)):
        self.count, self.form, self.size = count, form, size

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        label = np.zeros(self.size, dtype=np.int64)
        label[:, index % self.size[1] :] = 1
        image = np.where(label[..., None] == 1, 60, 190).repeat(3, axis=-1).astype(np.uint8)
        image[..., 0] += index  # so that colours are told apart from each other
        return self.form(image, label)


def quiet(total):
    return PlainReporter(total, quiet=True)


def items(dataset, **options):
    return next(iter(TorchDataset(dataset, CLASSES, held_out=0, **options).measured("all")))


def chw(image):
    return torch.from_numpy(image).permute(2, 0, 1)


@pytest.mark.parametrize(
    "form",
    [
        lambda image, label: (Image.fromarray(image), Image.fromarray(label.astype(np.uint8))),
        lambda image, label: (chw(image), torch.from_numpy(label)),
        lambda image, label: (chw(image).float() / 255, torch.from_numpy(label).to(torch.int32)),
        lambda image, label: [image, label == 1],
    ],
)
def test_all_forms_of_an_item_give_the_same_batch(form):
    expected, found = items(Pairs()), items(Pairs(form=form))
    assert found.images.dtype == found.labels.dtype == np.uint8
    assert found.images.shape == (12, 16, 24, 3)
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_items_are_resized_without_new_classes():
    batch = items(Pairs(), size=(32, 40))
    assert batch.images.shape == (12, 32, 40, 3)
    assert set(np.unique(batch.labels)) == {0, 1}


def test_each_pass_holds_every_training_item_once_and_none_of_the_validation():
    dataset = TorchDataset(Pairs(10), CLASSES, held_out=0.2)
    assert dataset.training_pictures == 8
    batches = dataset.training(4, np.random.default_rng(0))
    for _ in range(3):
        names = {*next(batches).names, *next(batches).names}
        assert names == {f"item {index}" for index in range(8)}
    assert [name for batch in dataset.selection() for name in batch.names] == ["item 8", "item 9"]


def test_ignored_pixels_are_kept():
    def form(image, label):
        label[0] = IGNORED
        return image, label

    assert (items(Pairs(form=form)).labels[:, 0] == IGNORED).all()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (lambda image, label: image, r"Item 0 of dataset:Pairs is a ndarray: expected a pair"),
        (lambda image, label: (image, label, 0), "is a tuple: expected a pair"),
        (lambda image, label: (image[..., :1], label), r"shape \(16, 24, 1\): expected \(H, W, 3\)"),
        (lambda image, label: (image / 255, label), "the image is of type float64"),
        (lambda image, label: (chw(image).float(), label), r"the image holds 60 to 60: .*from 0 to 1"),
        (lambda image, label: (image, label.astype(np.float32)), "the label is of type float32: expected integers"),
        (lambda image, label: (image, label[None]), r"the label has the shape \(1, 16, 24\): expected \(H, W\)"),
        (lambda image, label: (image, label[1:]), r"16×24 pixels .* and its label 15×24"),
        (lambda image, label: (image, label + 1), r"holds the class 2: expected 0 to 1 \(grass, road\), or 255"),
        (lambda image, label: (image, label - 2), "holds the class -1"),
    ],
)
def test_an_item_of_another_form_is_named_before_anything_is_trained(form, sentence, tmp_path):
    with pytest.raises(UserError, match=sentence):
        train(Pairs(form=form), classes=CLASSES, run_dir=tmp_path / "run", reporter=quiet, **OPTIONS)
    assert not (tmp_path / "run").exists()


class Stream(IterableDataset):
    def __iter__(self):
        return iter(Pairs())


@pytest.mark.parametrize(
    ("data", "classes", "sentence"),
    [
        (Stream(), CLASSES, "Stream has no length .*map-style"),
        (Pairs(0), CLASSES, "Pairs is empty"),
        (Pairs(), None, r"classes=Classes\(names, drivable\)"),
        ("sim", CLASSES, "sim brings its own"),
    ],
)
def test_what_is_no_dataset_with_classes_is_refused(data, classes, sentence):
    with pytest.raises(UserError, match=sentence):
        train(data, classes=classes, **OPTIONS)


def test_a_network_is_trained_and_knows_its_classes(tmp_path):
    options = {**OPTIONS, "steps": 60, "val_freq": 20}
    run = train(Subset(Pairs(24), range(20)), classes=CLASSES, settings=SETTINGS, run_dir=tmp_path / "run",
                reporter=quiet, **options)  # fmt: skip
    model = load_model(find_model(run.path))
    assert model.classes == CLASSES
    image, label = Pairs()[7]
    assert (model.labels(image[None])[0] == label).mean() > 0.9


def test_a_resumed_run_takes_the_same_dataset_and_equals_an_uninterrupted_one(tmp_path):
    def stopped(total):
        reporter = PlainReporter(total, quiet=True)
        reporter.progress = lambda steps, figures: (_ for _ in ()).throw(KeyboardInterrupt)
        return reporter

    arguments = {"classes": CLASSES, "settings": SETTINGS, **OPTIONS}
    whole = train(Pairs(), run_dir=tmp_path / "whole", reporter=quiet, **arguments)
    with pytest.raises(KeyboardInterrupt):
        train(Pairs(), run_dir=tmp_path / "parts", reporter=stopped, **arguments)
    with pytest.raises(UserError, match=r"dataset:Pairs was given in Python .*resume\(folder, data=dataset\)"):
        resume(tmp_path / "parts", reporter=quiet)
    assert resume(tmp_path / "parts", data=Pairs(), reporter=quiet).steps == 6
    weights = [load_model(find_model(path)).network.state_dict() for path in (whole.path, tmp_path / "parts")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])

"""Labels without a drivable pixel are refused before training and evaluation, with the numbers that they hold."""

import numpy as np
import pytest
from PIL import Image

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.segmentation import resume, train
from rlkit.segmentation.config import plan
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.datasets.torch_dataset import TorchDataset
from rlkit.segmentation.evaluation import evaluate
from rlkit.spaces import Classes

CLASSES = Classes(("grass", "road"), ("road",))


def mask(*numbers):
    """12×16 pixels, whose columns have these numbers in turn."""
    return np.resize(np.array(numbers, dtype=np.uint8), (12, 16))


def begin(folder):
    return plan(folder, network="tiny", steps=2)


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0, 255), r"0 \(50\.0% of pixels, grass\), 255 \(50\.0% of pixels, ignored\).*255 means.*expected 1 for road"),
        ((255,), r"255 \(100\.0% of pixels, ignored\)\. All pixels are ignored"),
        ((0,), r"0 \(100\.0% of pixels, grass\)\. expected 1 for road"),
    ],
)
def test_masks_without_a_drivable_pixel_are_refused_with_what_they_hold(own, numbers, sentence):
    folder = own({f"{number:02}": mask(*numbers) for number in range(20)})
    with pytest.raises(UserError, match=rf"Not one pixel of the 16 training masks .* is drivable \(road\).*{sentence}"):
        begin(folder)


def test_one_mask_with_road_among_many_is_enough(own):
    begin(own({f"{number:02}": mask(0, 1) if number == 7 else mask(0) for number in range(20)}))


def test_masks_of_the_validation_split_are_checked_too(own):
    folder = own({"train/a": mask(0, 1), "train/b": mask(0, 1), "selection/c": mask(0, 255), "test/d": mask(0, 1)})
    with pytest.raises(UserError, match=r"Not one pixel of the 1 validation masks"):
        begin(folder)


def test_a_held_out_block_without_road_is_a_warning(own):
    folder = own({f"{number:02}": mask(0, 1) if number < 10 else mask(0) for number in range(20)})
    assert any("best weights cannot be chosen" in note for note in begin(folder).notes)


def test_masks_that_are_road_everywhere_are_a_warning(own):
    notes = begin(own({f"{number}": mask(1, 255) for number in range(9)})).notes
    assert any("nothing to tell apart" in note for note in notes)


def test_a_split_without_road_is_not_measured(own):
    source = open_dataset(own({"train/a": mask(0, 1), "test/b": mask(0, 255)}))
    network = begin(source.name).network
    model = SegmentationModel(network, ModelCard("tiny", CLASSES, (12, 16)))
    with pytest.raises(UserError, match=r"the 1 masks of the split test .* is drivable"):
        evaluate(model, source, "test", timed=False)


def test_masks_that_changed_are_refused_on_resuming(own, tmp_path):
    folder = own({str(number): mask(0, 1) for number in range(6)})
    train(folder, network="tiny", steps=2, settings={"batch_size": "2", "bn_samples": "2"}, run_dir=tmp_path / "run")
    for path in (folder / "masks").iterdir():
        Image.fromarray(mask(0, 255)).save(path)
    with pytest.raises(UserError, match="Not one pixel"):
        resume(tmp_path / "run")


def test_labels_of_a_torch_dataset_are_checked():
    items = [(np.zeros((12, 16, 3), np.uint8), mask(0, 255))] * 5
    with pytest.raises(UserError, match=r"Not one pixel of the 4 training items of dataset:list .*255 means"):
        plan(TorchDataset(items, CLASSES, held_out=0.2), network="tiny", steps=2)


@pytest.mark.parametrize("case", ["mask_0_255", "mask_all_ignored", "city_trainids_renamed"])
def test_sample_masks_without_road_are_refused(cases, case):
    with pytest.raises(UserError, match=r"Not one pixel|look like those of"):
        begin(cases / case)

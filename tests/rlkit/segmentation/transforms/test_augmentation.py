import dataclasses

import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.transforms import FILES, NOTHING, SIMULATOR, Augmentation


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    images, labels = (
        rng.integers(256, size=(6, 24, 32, 3), dtype=np.uint8),
        rng.integers(4, size=(6, 24, 32), dtype=np.uint8),
    )
    return LabelledImages(images, labels, tuple("abcdef"), ("x",) * 6)


def test_the_default_augmentation_copies(pictures):
    changed = NOTHING(pictures, np.random.default_rng(0))
    assert (changed.images == pictures.images).all()
    assert changed.images is not pictures.images
    assert (changed.names, changed.conditions) == (pictures.names, pictures.conditions)


@pytest.mark.parametrize("augmentation", [SIMULATOR, FILES, dataclasses.replace(FILES, crop=(16, 16))])
def test_the_input_is_never_modified(pictures, augmentation):
    images, labels = pictures.images.copy(), pictures.labels.copy()
    changed = augmentation(pictures, np.random.default_rng(0))
    assert (pictures.images == images).all()
    assert (pictures.labels == labels).all()
    assert (changed.images.dtype, changed.labels.dtype) == (np.uint8, np.uint8)
    assert changed.images.shape[:3] == changed.labels.shape == (6, *(augmentation.crop or (24, 32)))


@pytest.mark.parametrize("augmentation", [SIMULATOR, FILES])
def test_the_generator_determines_the_augmentation(pictures, augmentation):
    one, other = (augmentation(pictures, np.random.default_rng(4)) for _ in range(2))
    assert (one.images == other.images).all()
    assert (one.labels == other.labels).all()
    assert (augmentation(pictures, np.random.default_rng(5)).images != one.images).any()


COLOURS = [field.name for field in dataclasses.fields(Augmentation) if field.name not in ("crop", "scale", "flip")]


@pytest.mark.parametrize("name", COLOURS)
def test_colour_transforms_keep_the_labels(pictures, name):
    changed = Augmentation(**{name: 1.0})(pictures, np.random.default_rng(0))
    assert (changed.labels == pictures.labels).all()
    assert (changed.images != pictures.images).any()


def test_pictures_that_cannot_be_written_are_augmented_too(pictures):
    pictures.images.setflags(write=False)
    pictures.labels.setflags(write=False)
    SIMULATOR(pictures, np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [{"flip": 1.5}, {"noise": -0.1}, {"scale": (2.0, 1.0)}, {"scale": (0.0, 1.0)}, {"crop": (4, 4)}, {"blur": 99.0}],
)
def test_strengths_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        Augmentation(**wrong)

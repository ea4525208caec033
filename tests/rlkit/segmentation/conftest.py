import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from rlkit.perception.networks import NETWORKS
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.spaces import Classes


class Tiny(nn.Sequential):
    """A network that takes no time: two convolutions with batch norm between them."""

    def __init__(self, num_classes):
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, num_classes, 3, padding=1)
        )


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(NETWORKS, "tiny", Tiny)


class Stripes:
    """A source whose road is darker than its grass: pictures that a tiny network learns within seconds."""

    name = "stripes"
    classes = Classes(("grass", "road"), ("road",))
    size = (32, 48)
    splits = ("test",)

    def __init__(self, pictures=None, selected=6):
        self.training_pictures = pictures
        self.selected = selected
        self.drawn = 0  # batches that training has drawn

    def batch(self, count, generator):
        height, width = self.size
        left = generator.integers(0, width // 2, size=count)[:, None, None]
        columns = np.arange(width)[None, None]
        labels = np.broadcast_to((columns >= left) & (columns < left + width // 2), (count, height, width))
        grey = np.where(labels, 70, 180) + generator.normal(0, 20, (count, height, width))
        images = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)
        names = tuple(f"picture {number}" for number in range(count))
        return LabelledImages(images, labels.astype(np.uint8), names, ("",) * count)

    def training(self, batch_size, generator):
        while True:
            self.drawn += 1
            yield self.batch(batch_size, generator)

    def selection(self):
        if self.selected:
            yield self.batch(self.selected, np.random.default_rng(1))

    def measured(self, split):
        yield self.batch(4, np.random.default_rng(2))


@pytest.fixture
def source():
    return Stripes()


@pytest.fixture
def make_source():
    return Stripes


@pytest.fixture(scope="session")
def camvid() -> Path:
    """CamVid in the layout of the SegNet tutorial, which is not part of this repository."""
    folder = Path(os.environ.get("RLKIT_CAMVID", Path(__file__).parents[4] / "shared" / "camvid"))
    if not (folder / "train").is_dir():
        pytest.skip(f"CamVid is not in {folder}; RLKIT_CAMVID may name another folder")
    return folder


@pytest.fixture
def save(tmp_path):
    """Writes an array as a picture below `tmp_path` and makes the folders that are missing."""

    def save(path, array, mode=None):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(array, dtype=np.uint8), mode).save(target)
        return target

    return save


@pytest.fixture
def picture():
    """Makes an (H, W, 3) picture of one shade."""

    def make(shade=100, size=(12, 16)):
        return np.full((*size, 3), shade, dtype=np.uint8)

    return make


@pytest.fixture
def make_camvid(save, picture, tmp_path):
    """Writes a data set like CamVid, whose picture number n has the shade n and the class n % 11 everywhere."""

    def make(counts, size=(12, 16)):
        number = 0
        for (split, sequence), count in counts.items():
            for _ in range(count):
                name = f"{sequence}_{number:05}"
                save(f"{split}/{name}.png", picture(number, size))
                save(f"{split}annot/{name}.png", np.full(size, number % 11))
                number += 1
        return tmp_path

    return make


@pytest.fixture(scope="session")
def cases() -> Path:
    """Small data sets of forms that users have, which are not part of this repository."""
    folder = Path(os.environ.get("RLKIT_CASES", Path(__file__).parents[4] / "shared" / "cases")) / "segmentation"
    if not folder.is_dir():
        pytest.skip(f"the sample data sets are not in {folder}; RLKIT_CASES may name another folder")
    return folder


@pytest.fixture
def own(save, picture, tmp_path):
    """Writes pictures beside masks: names of pictures below images/, each with the (H, W) numbers of its mask."""

    def make(masks, ending="png"):
        for name, mask in masks.items():
            save(f"images/{name}.{ending}", picture(size=np.shape(mask)))
            save(f"masks/{name}.png", mask)
        (tmp_path / "classes.json").write_text('{"names": ["grass", "road"], "drivable": ["road"]}')
        return tmp_path

    return make

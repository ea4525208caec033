import numpy as np
import pytest
from torch import nn

from rlkit.classes import Classes
from rlkit.perception import networks
from rlkit.perception.pictures import LabelledPictures


class Tiny(nn.Sequential):
    """A network that takes no time: two convolutions with batch norm between them."""

    def __init__(self, num_classes):
        super().__init__(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, num_classes, 3, padding=1)
        )


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setitem(networks.NETWORKS, "tiny", Tiny)


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
        return LabelledPictures(images, labels.astype(np.uint8), names, ("",) * count)

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

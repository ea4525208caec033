import json

import numpy as np
import pytest
from PIL import Image

from rlkit.detection.objects import LabelledObjects, Objects
from rlkit.spaces import IGNORED, Classes

SHADES = ((220, 60, 50), (60, 200, 80))  # of the two kinds of objects


class Rectangles:
    """Pictures with red and green rectangles on a dark noise, nearer the larger they are; a road below the middle."""

    name = "rectangles"
    objects = ("red", "green")
    has_distances = True
    size = (48, 64)
    splits = ("test",)
    notes = ()

    def __init__(self, pictures=None, selected=8, masked=False):
        self.training_pictures = pictures
        self.selected = selected
        self.classes = Classes(("above", "below"), ("below",)) if masked else None

    def picture(self, generator):
        height, width = self.size
        image = generator.integers(0, 60, (height, width, 3)).astype(np.uint8)
        labels = np.full((height, width), IGNORED, np.uint8)
        if self.classes is not None:
            labels[:] = np.arange(height)[:, None] >= height // 2
            image[height // 2 :, :, 2] += 120
        boxes, kinds = [], []
        for _ in range(int(generator.integers(1, 4))):
            tall, wide = int(generator.integers(8, 20)), int(generator.integers(8, 24))
            y, x = int(generator.integers(0, height - tall)), int(generator.integers(0, width - wide))
            if any(x < b[2] and b[0] < x + wide and y < b[3] and b[1] < y + tall for b in boxes):
                continue
            kinds.append(int(generator.integers(2)))
            boxes.append((x, y, x + wide, y + tall))
            image[y : y + tall, x : x + wide] = SHADES[kinds[-1]]
        table = np.array(boxes, np.float32)
        distances = (200 / (table[:, 3] - table[:, 1])).astype(np.float32)
        return image, labels, Objects(table, np.array(kinds, np.int64), np.zeros(len(table), np.bool_), distances)

    def batch(self, count, generator):
        images, labels, objects = zip(*(self.picture(generator) for _ in range(count)), strict=True)
        names = tuple(f"picture {number}" for number in range(count))
        return LabelledObjects(np.stack(images), np.stack(labels), names, ("",) * count, objects=objects)

    def training(self, batch_size, generator):
        while True:
            yield self.batch(batch_size, generator)

    def selection(self):
        if self.selected:
            yield self.batch(self.selected, np.random.default_rng(1))

    def measured(self, split):
        yield self.batch(8, np.random.default_rng(2))


@pytest.fixture
def make_source():
    return Rectangles


@pytest.fixture(scope="session")
def coco(tmp_path_factory):
    """A folder of pictures with rectangles in COCO's layout, with masks: 12 for training, 4 for tests."""
    folder = tmp_path_factory.mktemp("coco")
    source, generator = Rectangles(masked=True), np.random.default_rng(0)
    (folder / "annotations").mkdir()
    for split, count in (("train", 12), ("val", 4)):
        (folder / "images" / split).mkdir(parents=True)
        (folder / "masks" / split).mkdir(parents=True)
        images, annotations = [], []
        for n in range(count):
            image, labels, objects = source.picture(generator)
            Image.fromarray(image).save(folder / "images" / split / f"{n}.png")
            Image.fromarray(labels).save(folder / "masks" / split / f"{n}.png")
            images.append({"id": n, "file_name": f"{n}.png", "height": 48, "width": 64})
            for box, kind, metres in zip(objects.boxes.tolist(), objects.labels, objects.distances, strict=True):
                x, y, right, bottom = box
                annotations.append(
                    {"id": len(annotations), "image_id": n, "category_id": int(kind) + 1,
                     "bbox": [x, y, right - x, bottom - y], "distance": float(metres)}
                )  # fmt: skip
        categories = [{"id": 1, "name": "red"}, {"id": 2, "name": "green"}]
        tree = {"images": images, "annotations": annotations, "categories": categories}
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(tree, indent=1))
    (folder / "classes.json").write_text('{"names": ["above", "below"], "drivable": ["below"]}')
    return folder

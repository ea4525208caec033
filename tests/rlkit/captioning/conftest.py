import json

import numpy as np
import pytest
from PIL import Image

from rlkit.captioning.datasets.base import CaptionedImages

SHADES = {"red": (220, 60, 50), "green": (60, 200, 80)}
WORDS = ("a", "red", "green", "square", "on", "the", "left", "right")


class Squares:
    """Pictures with a red or a green square on the left or on the right, and sentences that say so."""

    name = "squares"
    size = (32, 64)
    frames = 1
    signals = ()
    language = "en"
    words = WORDS
    splits = ("test",)
    notes = ()

    def __init__(self, pictures=None, selected=8, frames=1, signals=()):
        self.training_pictures = pictures
        self.selected = selected
        self.frames = frames
        self.signals = signals

    def picture(self, colour, side, generator):
        image = generator.integers(0, 60, (*self.size, 3)).astype(np.uint8)
        left = int(generator.integers(2, 14)) + 32 * (side == "right")
        image[8:24, left : left + 16] = SHADES[colour]
        return image

    def batch(self, count, generator):
        colours = generator.choice(list(SHADES), count).tolist()
        sides = generator.choice(["left", "right"], count).tolist()
        pairs = list(zip(colours, sides, strict=True))
        images = np.stack([[self.picture(*pair, generator) for _ in range(self.frames)] for pair in pairs])
        captions = tuple((("a", one, "square", "on", "the", side),) for one, side in pairs)
        return CaptionedImages(
            images,
            np.zeros((count, len(self.signals)), np.float32),
            captions,
            tuple(f"picture {n}" for n in range(count)),
            tuple(sides),
            tuple({"colour": one, "side": side} for one, side in pairs),
        )

    def training(self, batch_size, generator):
        while True:
            yield self.batch(batch_size, generator)

    def selection(self):
        if self.selected:
            yield self.batch(self.selected, np.random.default_rng(1))

    def measured(self, split):
        yield self.batch(16, np.random.default_rng(2))

    def training_captions(self):
        return iter(())

    def slots_of(self, tokens):
        if len(tokens) != 6 or tuple(tokens[::2]) != ("a", "square", "the") or tokens[1] not in SHADES:
            return None
        return {"colour": tokens[1], "side": tokens[5]}

    def follows(self, tokens):
        choices = ({"a"}, set(SHADES), {"square"}, {"on"}, {"the"}, {"left", "right"}, {None})
        return choices[len(tokens)]


@pytest.fixture
def make_source():
    return Squares


@pytest.fixture(scope="session")
def coco(tmp_path_factory):
    """A folder with captions in COCO's layout: 8 pictures for training, 4 for tests, two captions each."""
    folder = tmp_path_factory.mktemp("coco")
    source, generator = Squares(), np.random.default_rng(0)
    (folder / "annotations").mkdir()
    for split, count in (("train2017", 8), ("val2017", 4)):
        (folder / split).mkdir()
        batch = source.batch(count, generator)
        images, annotations = [], []
        for n in range(count):
            Image.fromarray(batch.images[n, 0]).save(folder / split / f"{n}.png")
            images.append({"id": n, "file_name": f"{n}.png", "height": 32, "width": 64})
            text = " ".join(batch.captions[n][0])
            annotations.append({"id": 2 * n, "image_id": n, "caption": f"{text.capitalize()}."})
            annotations.append({"id": 2 * n + 1, "image_id": n, "caption": f"There is {text}!"})
        tree = {"info": {}, "images": images, "annotations": annotations}
        (folder / "annotations" / f"captions_{split}.json").write_text(json.dumps(tree, indent=1))
    return folder

"""A folder of random labelled pictures, where speed is measured and nothing is learnt."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = {"names": [f"class {number}" for number in range(11)], "drivable": ["class 3"]}  # as many as CamVid has


def write_pictures(folder: Path, count: int, size: tuple[int, int], selected: int = 1) -> Path:
    """Write pictures and masks in the layout of `rlkit.segmentation.datasets.custom`.

    Args:
        folder: To be made.
        count: Pictures to train on.
        size: Height and width in pixels.
        selected: Pictures for validation.
    """
    generator = np.random.default_rng(0)
    for split, number in (("train", count), ("selection", selected)):
        for kind in ("images", "masks"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(number):
            Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)).save(
                folder / "images" / split / f"{split}{index}.png"
            )
            # Blocks of 16 pixels, since labels of real pictures have areas.
            blocks = generator.integers(0, 11, (-(-size[0] // 16), -(-size[1] // 16)), dtype=np.uint8)
            labels = np.kron(blocks, np.ones((16, 16), dtype=np.uint8))[: size[0], : size[1]]
            Image.fromarray(labels).save(folder / "masks" / split / f"{split}{index}.png")
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def camvid() -> Path:
    """CamVid in the layout of the SegNet tutorial, which is not part of this repository."""
    folder = Path(os.environ.get("RLKIT_CAMVID", Path(__file__).parents[5] / "shared" / "camvid"))
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

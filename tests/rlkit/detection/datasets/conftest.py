import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save(tmp_path):
    """Writes a picture of one shade below `tmp_path`, or a text, and makes the folders that are missing."""

    def save(path, content=100, size=(40, 60)):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            target.write_text(content)
        elif np.ndim(content):
            Image.fromarray(np.asarray(content, dtype=np.uint8)).save(target)
        else:
            Image.fromarray(np.full((*size, 3), content, dtype=np.uint8)).save(target)
        return target

    return save

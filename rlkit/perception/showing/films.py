"""Video files of what is found."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from rlkit.errors import UserError
from rlkit.files import SCRATCH
from rlkit.perception.pictures import Pixels
from rlkit.safe_paths import create_file

# Players guess the colours of a video that does not name them.
_COLOURS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
_OPTIONS: dict[str, Any] = {
    "quality": 7,
    "macro_block_size": 2,
    "output_params": ["-vf", "scale=out_color_matrix=bt709:out_range=tv", *_COLOURS, "-movflags", "+faststart"],
    "ffmpeg_log_level": "fatal",
}


def write_film(path: Path, pictures: Iterable[Pixels], rate: float) -> int:
    """Write pictures of one size into an .mp4 file; it takes its name once it is complete.

    What was written when a person interrupts is kept.

    Args:
        path: The file; must not exist.
        pictures: (H, W, 3) uint8 each.
        rate: Pictures per second.

    Returns:
        How many pictures there were.

    Raises:
        UserError: It cannot be written, or there is no encoder.
    """
    import imageio_ffmpeg  # type: ignore[import-untyped]

    scratch = path.with_name(f"{SCRATCH}{os.getpid()}-{path.name}")
    encoder = None
    count = 0
    try:
        create_file(scratch).close()  # so that the encoder writes through no link
        for picture in pictures:
            even = _even(picture)
            if encoder is None:
                size = (even.shape[1], even.shape[0])
                encoder = imageio_ffmpeg.write_frames(str(scratch), size, fps=rate, **_OPTIONS)
                encoder.send(None)
            encoder.send(even)
            count += 1
    except OSError as error:
        raise UserError(f"{path} could not be written: {error}", exit_code=1) from error
    finally:
        if encoder is not None:
            encoder.close()
        if count and scratch.exists():
            scratch.rename(path)
        scratch.unlink(missing_ok=True)
    return count


def _even(picture: Pixels) -> Pixels:
    """H.264 wants even sides: the last row or column is repeated where one is missing."""
    odd = [(0, side % 2) for side in picture.shape[:2]]
    return np.ascontiguousarray(np.pad(picture, [*odd, (0, 0)], mode="edge"))

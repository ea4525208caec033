"""What can be looked at: labelled pictures of a source, photos, folders of photos, videos."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import Dataset
from rlkit.segmentation.datasets.image_file import MAX_PIXELS, NotAnImageError, check_pixels, load_picture
from rlkit.spaces import Pixels
from rlkit.utils import paths

PHOTOS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif")
BATCHES = 64  # of a source that are looked through for pictures that differ
FEWEST_BATCHES = 4  # that a source is thought to have
STILL_RATE = 2.0  # pictures per second, where what is shown is no video
FASTEST = 1000.0  # pictures per second of a video
MOST_SHOWN = 2**22  # pixels; larger photos and videos are reduced, since a panel is 640 pixels wide at most

# A file is read as what its ending says: one that lists other files, for instance, is none of these.
_CONTAINERS = "mov,avi,matroska,gif"
_VIDEO_OPTIONS = [
    *("-max_pixels", str(MAX_PIXELS)),
    *("-format_whitelist", _CONTAINERS),
    *("-protocol_whitelist", "file"),
]
_TOO_LARGE = re.compile(r"Picture size (\d+)x(\d+) exceeds")  # ffmpeg's words, as those below
_REASON = re.compile(r"Error opening input: (.+)")


@dataclass(frozen=True)
class View:
    """A picture to look at.

    Args:
        image: (H, W, 3) uint8.
        truth: (H, W) uint8 class numbers, where they are known.
        caption: One line about it.
    """

    image: Pixels
    truth: Pixels | None = None
    caption: str = ""


@dataclass(frozen=True)
class Views:
    """Pictures to look at, one after the other.

    Args:
        views: The pictures; can be gone through once.
        rate: Pictures per second.
        count: How many there are, as far as it is known.
    """

    views: Iterator[View]
    rate: float = STILL_RATE
    count: int | None = None


def views_of_source(source: Dataset, split: str, count: int) -> Views:
    """Labelled pictures of as many conditions as there are, one of each in turn.

    Args:
        source: Where they come from.
        split: One of its splits.
        count: How many at most.
    """
    by_condition: dict[str, list[View]] = defaultdict(list)
    chosen: list[View] = []
    each = -(-count // FEWEST_BATCHES)  # of a batch, so that those chosen lie apart
    for batch in itertools.islice(source.measured(split), BATCHES):
        if len(by_condition) >= count:
            break
        for number in range(0, len(batch), max(1, len(batch) // each)):
            # Copies, which do not keep the batch in memory.
            view = View(batch.images[number].copy(), batch.labels[number].copy(), batch.names[number])
            by_condition[batch.conditions[number]].append(view)
        chosen = _in_turn(by_condition, count)
    return Views(iter(chosen), count=len(chosen))


def _in_turn(by_condition: dict[str, list[View]], count: int) -> list[View]:
    """The first of each condition, the second of each and so on, up to a number; all others are forgotten.

    Whatever is found later, those would not be chosen any more.
    """
    rounds = itertools.zip_longest(*by_condition.values())
    chosen = [view for around in rounds for view in around if view is not None][:count]
    kept = {id(view) for view in chosen}
    for views in by_condition.values():
        views[:] = [view for view in views if id(view) in kept]
    return chosen


def views_of_path(path: Path, count: int | None) -> Views:
    """Photos, or the pictures of a video.

    Args:
        path: A photo, a folder of photos, or a video.
        count: How many at most: spread over a folder, from the beginning of a video; None for all.

    Raises:
        UserError: There is nothing, or it is neither.
    """
    if not path.exists():
        raise UserError(f"--input {path}: there is no such file or folder")
    if path.is_dir():
        photos = sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTOS)
        if not photos:
            raise UserError(f"--input {path}: this folder holds no pictures ({', '.join(PHOTOS)})")
        chosen = _spread(photos, count)
        return Views((View(read_photo(photo), caption=photo.name) for photo in chosen), count=len(chosen))
    if path.suffix.lower() in VIDEOS:
        return _views_of_video(path, count)
    return Views(iter([View(read_photo(path), caption=path.name)]), count=1)


def read_photo(path: Path) -> Pixels:
    """Read a picture the way up it was taken: (H, W, 3) uint8, of `MOST_SHOWN` pixels at most.

    Raises:
        UserError: It is no picture, damaged, or larger than may be.
    """
    try:
        picture = load_picture(path, mode="RGB", upright=True)
    except NotAnImageError as error:
        known = ", ".join((*PHOTOS, *VIDEOS))
        raise UserError(f"{path} is neither a picture nor a video that can be read ({known})") from error
    return np.array(_reduced(picture))


def _reduced(picture: Image.Image) -> Image.Image:
    """A picture of `MOST_SHOWN` pixels at most, each the mean of a square of its pixels."""
    factor = 1
    while picture.width * picture.height > MOST_SHOWN * factor**2:
        factor += 1
    return picture if factor == 1 else picture.reduce(factor)


def _spread(photos: Sequence[Path], count: int | None) -> Sequence[Path]:
    if count is None or count >= len(photos):
        return photos
    return [photos[round(number)] for number in np.linspace(0, len(photos) - 1, count)]


def _views_of_video(path: Path, count: int | None) -> Views:
    import imageio_ffmpeg  # type: ignore[import-untyped]

    paths.open_regular(path).close()  # ffmpeg would wait for a pipe
    pictures = imageio_ffmpeg.read_frames(str(path.absolute()), pix_fmt="rgb24", input_params=_VIDEO_OPTIONS)
    try:
        about = next(pictures)
        width, height = about["size"]
        rate = min(FASTEST, float(about["fps"])) or STILL_RATE
        known = round(rate * about["duration"]) if about.get("duration") else None
    except Exception as error:  # whatever the text that ffmpeg wrote was read as
        raise _unreadable(path, error) from error
    check_pixels(path, width, height)
    total = count if known is None else known if count is None else min(count, known)

    def views() -> Iterator[View]:
        for number in itertools.count():
            try:
                data = next(pictures, None) if count is None or number < count else None
            except RuntimeError as error:
                raise _unreadable(path, error) from error
            if data is None:
                break
            image = Image.frombytes("RGB", (width, height), data)
            yield View(np.array(_reduced(image)), caption=f"{path.name}, {number / rate:.2f} s")
        pictures.close()

    return Views(views(), rate, total)


def _unreadable(path: Path, error: Exception) -> UserError:
    text = str(error)
    too_large = _TOO_LARGE.search(text)
    if too_large is not None:
        check_pixels(path, int(too_large[1]), int(too_large[2]))
    reason = _REASON.search(text)
    what = reason[1] if reason is not None else next(iter(text.splitlines()), type(error).__name__)
    return UserError(f"{path} cannot be read as a video ({', '.join(VIDEOS)}), it may be damaged: {what}", exit_code=1)

"""What can be looked at: labelled pictures of a source, photos, folders of photos, videos."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rlkit.errors import UserError
from rlkit.perception.pictures import PictureSource, Pixels

PHOTOS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif")
BATCHES = 64  # of a source that are looked through for pictures that differ
FEWEST_BATCHES = 4  # that a source is thought to have
STILL_RATE = 2.0  # pictures per second, where what is shown is no video


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


def views_of_source(source: PictureSource, split: str, count: int) -> Views:
    """Labelled pictures of as many conditions as there are, one of each in turn.

    Args:
        source: Where they come from.
        split: One of its splits.
        count: How many at most.
    """
    by_condition: dict[str, list[View]] = defaultdict(list)
    each = -(-count // FEWEST_BATCHES)  # of a batch, so that those chosen lie apart
    for batch in itertools.islice(source.measured(split), BATCHES):
        if len(by_condition) >= count:
            break
        for number in range(0, len(batch), max(1, len(batch) // each)):
            view = View(batch.images[number], batch.labels[number], batch.names[number])
            by_condition[batch.conditions[number]].append(view)
    rounds = itertools.zip_longest(*by_condition.values())
    chosen = [view for around in rounds for view in around if view is not None][:count]
    return Views(iter(chosen), count=len(chosen))


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
    """Read a picture the way up it was taken: (H, W, 3) uint8.

    Raises:
        UserError: It is no picture, or damaged.
    """
    try:
        with Image.open(path) as file:
            return np.array(ImageOps.exif_transpose(file).convert("RGB"))
    except UnidentifiedImageError as error:
        known = ", ".join((*PHOTOS, *VIDEOS))
        raise UserError(f"{path} is neither a picture nor a video that can be read ({known})") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read, it may be damaged: {error}", exit_code=1) from error


def _spread(photos: Sequence[Path], count: int | None) -> Sequence[Path]:
    if count is None or count >= len(photos):
        return photos
    return [photos[round(number)] for number in np.linspace(0, len(photos) - 1, count)]


def _views_of_video(path: Path, count: int | None) -> Views:
    import imageio_ffmpeg  # type: ignore[import-untyped]

    pictures = imageio_ffmpeg.read_frames(str(path), pix_fmt="rgb24")
    try:
        about = next(pictures)
    except (OSError, RuntimeError, StopIteration) as error:
        raise UserError(f"{path} cannot be read as a video: {str(error).splitlines()[:1]}", exit_code=1) from error
    width, height = about["size"]
    rate = float(about["fps"]) or STILL_RATE
    known = round(rate * about["duration"]) if about.get("duration") else None
    total = count if known is None else known if count is None else min(count, known)

    def views() -> Iterator[View]:
        for number, data in enumerate(itertools.islice(pictures, count)):
            image = np.frombuffer(data, np.uint8).reshape(height, width, 3).copy()
            yield View(image, caption=f"{path.name}, {number / rate:.2f} s")
        pictures.close()

    return Views(views(), rate, total)

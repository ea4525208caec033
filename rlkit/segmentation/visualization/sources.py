"""Images to predict: labelled images of a data set, photos, folders of photos, videos."""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rlkit.boxes import BoxedImage
from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import BoxDataset, Dataset
from rlkit.segmentation.datasets.image_file import MAX_PIXELS, NotAnImageError, check_pixels, load_picture
from rlkit.segmentation.datasets.listing import is_hidden
from rlkit.spaces import Pixels
from rlkit.utils import paths

PHOTOS = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".gif")
MAX_BATCHES = 64  # batches of a data set that are searched for images of different conditions
MIN_BATCHES = 4  # batches that a data set is assumed to have
STILL_RATE = 2.0  # images per second, unless they are a video
MAX_RATE = 1000.0  # images per second of a video
MAX_SHOWN = 2**22  # pixels; larger images are reduced, since a panel is at most 640 pixels wide

# Restricts ffmpeg to video containers and local files: a playlist could name other files.
_CONTAINERS = "mov,avi,matroska,gif"
_VIDEO_OPTIONS = [
    *("-max_pixels", str(MAX_PIXELS)),
    *("-format_whitelist", _CONTAINERS),
    *("-protocol_whitelist", "file"),
]
_TOO_LARGE = re.compile(r"Picture size (\d+)x(\d+) exceeds")  # messages of ffmpeg
_REASON = re.compile(r"Error opening input: (.+)")


@dataclass(frozen=True)
class View:
    """An image to predict.

    Args:
        image: (H, W, 3) uint8.
        truth: (H, W) uint8 labels; None if there are none.
        caption: One line about it.
        boxed: The image with the objects in it; None if they are not known.
    """

    image: Pixels
    truth: Pixels | None = None
    caption: str = ""
    boxed: BoxedImage | None = None


@dataclass(frozen=True)
class Views:
    """A sequence of images to predict.

    Args:
        views: The images; can be iterated once.
        rate: Images per second.
        count: Number of images; None if unknown.
    """

    views: Iterator[View]
    rate: float = STILL_RATE
    count: int | None = None


def views_of_source(source: Dataset, split: str, count: int) -> Views:
    """Labelled images, one of each condition in turn.

    Args:
        source: The data set.
        split: One of its splits.
        count: Maximum number.
    """
    by_condition: dict[str, list[View]] = defaultdict(list)
    chosen: list[View] = []
    classes = source.box_classes if isinstance(source, BoxDataset) else ()
    each = -(-count // MIN_BATCHES)  # per batch, spread over it
    for batch in itertools.islice(source.measured(split), MAX_BATCHES):
        if len(by_condition) >= count:
            break
        for number in range(0, len(batch), max(1, len(batch) // each)):
            image = batch.images[number].copy()  # copies do not keep the batch in memory
            boxed = None if batch.boxes is None else BoxedImage(image, batch.boxes[number], classes)
            view = View(image, batch.labels[number].copy(), batch.names[number], boxed)
            by_condition[batch.conditions[number]].append(view)
        chosen = _in_turn(by_condition, count)
    return Views(iter(chosen), count=len(chosen))


def _in_turn(by_condition: dict[str, list[View]], count: int) -> list[View]:
    """The first image of each condition, then the second and so on, up to `count`; all others are dropped."""
    rounds = itertools.zip_longest(*by_condition.values())
    chosen = [view for around in rounds for view in around if view is not None][:count]
    kept = {id(view) for view in chosen}
    for views in by_condition.values():
        views[:] = [view for view in views if id(view) in kept]
    return chosen


def views_of_path(path: Path, count: int | None, skipped: Callable[[UserError], None] | None = None) -> Views:
    """Photos, or the frames of a video.

    Args:
        path: A photo, a folder of photos, or a video.
        count: Maximum number, spread over a folder, or from the beginning of a video; None for all.
        skipped: Called with the error of each photo of a folder that cannot be read, which is then passed over; None
            to raise it.

    Raises:
        UserError: The path is missing or of another kind. On iteration: not one photo of the folder can be read.
    """
    if not path.exists():
        raise UserError(f"--input {path}: there is no such file or folder")
    if path.is_dir():
        photos = sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTOS and not is_hidden(file.name))
        if not photos:
            raise UserError(f"--input {path}: this folder holds no pictures ({', '.join(PHOTOS)})")
        chosen = _spread(photos, count)
        return Views(_views_of_photos(path, chosen, skipped), count=len(chosen))
    if path.suffix.lower() in VIDEOS:
        return _views_of_video(path, count)
    return Views(iter([View(read_photo(path), caption=path.name)]), count=1)


def _views_of_photos(
    folder: Path, photos: Sequence[Path], skipped: Callable[[UserError], None] | None
) -> Iterator[View]:
    shown, error = 0, None
    for photo in photos:
        try:
            image = read_photo(photo)
        except UserError as why:
            if skipped is None:
                raise
            skipped(why)
            error = why
            continue
        shown += 1
        yield View(image, caption=photo.name)
    if error is not None and not shown:
        raise UserError(f"--input {folder}: none of {len(photos)} pictures can be read. {error}", exit_code=1)


def read_photo(path: Path) -> Pixels:
    """Read an image upright, by its EXIF orientation: (H, W, 3) uint8, at most `MAX_SHOWN` pixels.

    Raises:
        UserError: It is no image, damaged, or too large.
    """
    try:
        picture = load_picture(path)
    except NotAnImageError as error:
        known = ", ".join((*PHOTOS, *VIDEOS))
        raise UserError(f"{path} is neither a picture nor a video that can be read ({known})") from error
    return np.array(_reduced(picture))


def _reduced(picture: Image.Image) -> Image.Image:
    """Reduce an image to at most `MAX_SHOWN` pixels by averaging squares."""
    factor = 1
    while picture.width * picture.height > MAX_SHOWN * factor**2:
        factor += 1
    return picture if factor == 1 else picture.reduce(factor)


def _spread(photos: Sequence[Path], count: int | None) -> Sequence[Path]:
    if count is None or count >= len(photos):
        return photos
    return [photos[round(number)] for number in np.linspace(0, len(photos) - 1, count)]


def _views_of_video(path: Path, count: int | None) -> Views:
    import imageio_ffmpeg  # type: ignore[import-untyped]

    paths.open_regular(path).close()  # a pipe would block ffmpeg
    pictures = imageio_ffmpeg.read_frames(str(path.absolute()), pix_fmt="rgb24", input_params=_VIDEO_OPTIONS)
    try:
        about = next(pictures)
        width, height = about["size"]
        rate = min(MAX_RATE, float(about["fps"])) or STILL_RATE
        known = round(rate * about["duration"]) if about.get("duration") else None
    except Exception as error:  # depends on how the output of ffmpeg was parsed
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

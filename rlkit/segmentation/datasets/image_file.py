"""Opening a picture's file, which may come from anybody: what decoding it costs is held against bounds beforehand."""

import contextlib
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from rlkit.errors import UserError
from rlkit.utils import paths

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")  # Pillow knows forty more, some of which run other programs
MOST_PIXELS = 2**25  # 33 megapixels: 8K video and most cameras. Decoded they take 230 MB, half of that Pillow's
MOST_BYTES = 8 * MOST_PIXELS  # of a file: as many pixels with four channels of 16 bits, not compressed
MOST_SCANS = 100  # of a JPEG; usual are 1 or 10. Each goes through all pixels, and needs no more than 20 bytes

_TILED = range(322, 326)  # TIFF's tags for the size, places and lengths of tiles
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # of a JPEG's segments; all else is data of a scan


class NoImage(UserError):  # noqa: N818 - the sentence is the user's error
    """A file that is of no format that can be read."""


def read_size(path: Path) -> tuple[int, int]:
    """Height and width of a picture, from its header alone.

    Raises:
        UserError: It is missing, no picture, or larger than may be.
    """
    with _opened(path) as (file, _):
        return file.height, file.width


def load_picture(path: Path, *, mode: str | None = None, upright: bool = False) -> Image.Image:
    """Decode a picture; of several in one file, the first.

    Args:
        path: The file.
        mode: What it is brought to, as Pillow names it, such as RGB; None leaves it as it is.
        upright: Whether it is turned the way up that the camera noted.

    Raises:
        UserError: It is missing, no picture, damaged, or larger than may be; then nothing of it was decoded.
    """
    with _opened(path) as (file, stream):
        _check_cost(path, file, stream)
        if upright:
            ImageOps.exif_transpose(file, in_place=True)
        file.load()
        return file if mode in (None, file.mode) else file.convert(mode)


def check_pixels(path: Path, width: int, height: int) -> None:
    """Refuse what has more pixels than may be.

    Raises:
        UserError: It has.
    """
    if width * height > MOST_PIXELS:
        raise UserError(
            f"{path} has {width}×{height} pixels, {width * height / 1e6:.0f} million: at most {MOST_PIXELS / 1e6:.1f} "
            "million are read. Make it smaller first, to half its width and height for instance.",
            exit_code=1,
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[ImageFile.ImageFile, BinaryIO]]:
    """A picture whose header has been read, and its file."""
    try:
        with paths.open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MOST_BYTES:
                raise UserError(
                    f"{path} has {size / 2**20:.0f} MiB: at most {MOST_BYTES / 2**20:.0f} MiB are read as a picture.",
                    exit_code=1,
                )
            with Image.open(stream, formats=FORMATS) as file:
                check_pixels(path, file.width, file.height)
                yield file, stream
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"There is no picture {path}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(
            f"{path} has more pixels than are read, which are {MOST_PIXELS / 1e6:.1f} million. Make it smaller first.",
            exit_code=1,
        ) from error
    except UnidentifiedImageError as error:
        raise NoImage(
            f"{path} cannot be read as a picture: it is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or its "
            "beginning is damaged.",
            exit_code=1,
        ) from error
    except Exception as error:  # whatever Pillow's decoder of that format stumbled over
        what = str(error) or type(error).__name__
        raise UserError(f"{path} cannot be read as a picture, it may be damaged: {what}.", exit_code=1) from error


def _check_cost(path: Path, file: ImageFile.ImageFile, stream: BinaryIO) -> None:
    """Refuse what would cost far more memory or time than its pixels do.

    Raises:
        UserError: It would.
    """
    if file.format == "TIFF" and _is_tiled(stream):
        raise UserError(
            f"{path} is a TIFF in tiles, which may be much larger than the picture: save it as PNG, JPEG, or TIFF in "
            "strips.",
            exit_code=1,
        )
    if file.format in ("JPEG", "MPO"):
        stream.seek(0)
        content = stream.read(MOST_BYTES)
        if content.count(b"\xff\xda") > MOST_SCANS and _scans(content) > MOST_SCANS:
            raise UserError(
                f"{path} is a JPEG of more than {MOST_SCANS} scans, which take very long: save it again.",
                exit_code=1,
            )


def _scans(content: bytes) -> int:
    """How many scans the first picture in a JPEG's file has."""
    count, place = 0, 2
    while found := _MARKER.search(content, place):
        marker, place = found[1][0], found.end()
        if marker == 0xD9:  # the picture's end; a preview or a short film may follow
            break
        count += marker == 0xDA
        if marker not in (0x01, 0xD8):  # these two have nothing behind them, all others a length and so many bytes
            place += int.from_bytes(content[place : place + 2], "big")
    return count


def _is_tiled(stream: BinaryIO) -> bool:
    """Whether a TIFF's first directory speaks of tiles, in whatever way: Pillow and libtiff may read it differently."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", head, 2)[0] == 43
    place, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    stream.seek(struct.unpack_from(order + place, head, 8 if big else 4)[0])
    (entries,) = struct.unpack(order + count, stream.read(8 if big else 2))
    tags = (struct.unpack_from(f"{order}H", stream.read(entry).ljust(2, b"\0"))[0] for _ in range(min(entries, 2**16)))
    return any(tag in _TILED for tag in tags)

"""Decoding of untrusted image files: formats, pixels and cost are checked before anything is decoded."""

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

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")  # Pillow has forty more, some of which run other programs
MAX_PIXELS = 2**25  # 33 megapixels, as 8K video; 230 MB while decoding
MAX_BYTES = 8 * MAX_PIXELS  # of a file: uncompressed with four channels of 16 bits
MAX_SCANS = 100  # of a JPEG; usual are 1 to 10. A scan of 20 bytes costs a pass over all pixels

_TILED = range(322, 326)  # TIFF tags of the size, offsets and lengths of tiles
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # of a JPEG segment; everything else is scan data


class NotAnImageError(UserError):
    """The file has no supported image format."""


def read_size(path: Path) -> tuple[int, int]:
    """Read the height and width of an image from its header.

    Raises:
        UserError: It is missing, no image, or too large.
    """
    with _opened(path) as (file, _):
        return file.height, file.width


def load_picture(path: Path, *, mode: str | None = None, upright: bool = False) -> Image.Image:
    """Decode an image; the first one of a file with several.

    Args:
        path: The file.
        mode: Pillow mode to convert to, such as RGB; None keeps the file's.
        upright: Whether to apply the EXIF orientation.

    Raises:
        UserError: It is missing, no image, damaged, or too large (then nothing was decoded).
    """
    with _opened(path) as (file, stream):
        _check_cost(path, file, stream)
        if upright:
            ImageOps.exif_transpose(file, in_place=True)
        file.load()
        return file if mode in (None, file.mode) else file.convert(mode)


def check_pixels(path: Path, width: int, height: int) -> None:
    """Check the number of pixels.

    Raises:
        UserError: It exceeds `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise UserError(
            f"{path} has {width}×{height} pixels, {width * height / 1e6:.0f} million: at most {MAX_PIXELS / 1e6:.1f} "
            "million are read. Make it smaller first, to half its width and height for instance.",
            exit_code=1,
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[ImageFile.ImageFile, BinaryIO]]:
    """Open an image, reading only its header; yields it and its file."""
    try:
        with paths.open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > MAX_BYTES:
                raise UserError(
                    f"{path} has {size / 2**20:.0f} MiB: at most {MAX_BYTES / 2**20:.0f} MiB are read as a picture.",
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
            f"{path} has too many pixels: at most {MAX_PIXELS / 1e6:.1f} million are read. Make it smaller first.",
            exit_code=1,
        ) from error
    except UnidentifiedImageError as error:
        raise NotAnImageError(
            f"{path} cannot be read as a picture: it is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, or its "
            "beginning is damaged.",
            exit_code=1,
        ) from error
    except Exception as error:  # Pillow's decoders raise errors of many types
        what = str(error) or type(error).__name__
        raise UserError(f"{path} cannot be read as a picture, it may be damaged: {what}.", exit_code=1) from error


def _check_cost(path: Path, file: ImageFile.ImageFile, stream: BinaryIO) -> None:
    """Check for files that cost far more memory or time than their number of pixels suggests.

    Raises:
        UserError: It is such a file.
    """
    if file.format == "TIFF" and _is_tiled(stream):
        raise UserError(
            f"{path} is a tiled TIFF, whose tiles may be much larger than the picture: save it as PNG, JPEG, or TIFF "
            "in strips.",
            exit_code=1,
        )
    if file.format in ("JPEG", "MPO"):
        stream.seek(0)
        content = stream.read(MAX_BYTES)
        if content.count(b"\xff\xda") > MAX_SCANS and _scans(content) > MAX_SCANS:
            raise UserError(
                f"{path} is a JPEG of more than {MAX_SCANS} scans, which take very long: save it again.",
                exit_code=1,
            )


def _scans(content: bytes) -> int:
    """Count the scans of the first image in a JPEG file."""
    count, place = 0, 2
    while found := _MARKER.search(content, place):
        marker, place = found[1][0], found.end()
        if marker == 0xD9:  # end of image; a preview or a video may follow
            break
        count += marker == 0xDA
        if marker not in (0x01, 0xD8):  # all markers but these two are followed by a length and its bytes
            place += int.from_bytes(content[place : place + 2], "big")
    return count


def _is_tiled(stream: BinaryIO) -> bool:
    """Whether a TIFF's first directory has any tag of tiles; Pillow and libtiff may interpret these differently."""
    stream.seek(0)
    head = stream.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = struct.unpack_from(f"{order}H", head, 2)[0] == 43
    place, count, entry = ("Q", "Q", 20) if big else ("I", "H", 12)
    stream.seek(struct.unpack_from(order + place, head, 8 if big else 4)[0])
    (entries,) = struct.unpack(order + count, stream.read(8 if big else 2))
    tags = (struct.unpack_from(f"{order}H", stream.read(entry).ljust(2, b"\0"))[0] for _ in range(min(entries, 2**16)))
    return any(tag in _TILED for tag in tags)

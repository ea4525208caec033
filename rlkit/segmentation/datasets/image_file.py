"""Decoding of untrusted image files: formats, pixels and cost are checked before anything is decoded."""

import contextlib
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from rlkit.errors import UserError
from rlkit.utils import paths

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")  # Pillow has forty more, some of which run other programs
MAX_PIXELS = 2**25  # 33 megapixels, as 8K video; 230 MB while decoding
MAX_BYTES = 8 * MAX_PIXELS  # of a file: uncompressed with four channels of 16 bits
MAX_SCANS = 100  # of a JPEG; usual are 1 to 10. A scan of 20 bytes costs a pass over all pixels

MAX_CHUNKS = 2**17  # of a PNG that are searched for metadata; usual are up to 10,000
ORIENTATION = 0x0112  # EXIF tag; 1 is upright, from 5 on height and width are exchanged
DEEP = 65_535 / 255  # values of 16 bits to a value of 8
MIN_DEEP = 4096  # maximum of a picture of 16 bits: below it fewer than 16 of 256 shades would be left

_TILED = range(322, 326)  # TIFF tags of the size, offsets and lengths of tiles
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # of a JPEG segment; everything else is scan data


class NotAnImageError(UserError):
    """The file has no supported image format."""


@dataclass(frozen=True)
class Header:
    """What an image's header tells.

    Args:
        stored: Height and width of the pixels as they are stored.
        orientation: By EXIF or XMP; 1 is upright.
        lossy: Whether the compression changes pixels.
    """

    stored: tuple[int, int]
    orientation: int = 1
    lossy: bool = False

    @property
    def turned(self) -> bool:
        """Whether the stored pixels are turned or mirrored against the scene."""
        return 2 <= self.orientation <= 8

    @property
    def upright(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        return (self.stored[1], self.stored[0]) if 5 <= self.orientation <= 8 else self.stored


def read_header(path: Path) -> Header:
    """Read the header of an image.

    Raises:
        UserError: It is missing, no image, or too large.
    """
    with _opened(path) as (file, stream):
        # Pillow turns a TIFF by itself, and gives the size after that.
        orientation = 1 if file.format == "TIFF" else _orientation(file, stream)
        return Header((file.height, file.width), orientation, _is_lossy(file, stream))


def read_size(path: Path) -> tuple[int, int]:
    """Read the height and width of an image, as stored, from its header.

    Raises:
        UserError: It is missing, no image, or too large.
    """
    return read_header(path).stored


def load_picture(path: Path) -> Image.Image:
    """Decode an image upright, by its EXIF orientation, in colour: mode RGB; the first one of a file with several.

    16 bits are scaled to 8.

    Raises:
        UserError: It is missing, no image, damaged, or too large (then nothing was decoded), or holds numbers that are
            no shades.
    """
    with _opened(path) as (file, stream):
        _check_cost(path, file, stream)
        ImageOps.exif_transpose(file, in_place=True)
        file.load()
        return in_colour(file, str(path))


def load_stored(path: Path, *, lossless: bool = False) -> Image.Image:
    """Decode an image as it is stored, in its own mode and orientation; for labels.

    Args:
        path: The file.
        lossless: Whether to refuse compression that changes pixels.

    Raises:
        UserError: It is missing, no image, damaged, or too large (then nothing was decoded).
    """
    with _opened(path) as (file, stream):
        _check_cost(path, file, stream)
        if lossless:
            check_lossless(path, Header((file.height, file.width), lossy=_is_lossy(file, stream)))
        file.load()
        return file


def in_colour(image: Image.Image, where: str) -> Image.Image:
    """Convert an image to 8-bit RGB; grey of 16 bits is scaled.

    Args:
        image: Of any mode.
        where: Its name, for errors.

    Raises:
        UserError: It holds integers of 32 bits or floats, whose range is unknown, or so little of 16 bits that scaling
            leaves fewer than 16 shades.
    """
    if image.mode.startswith("I;16"):
        values = np.asarray(image)
        highest = int(values.max(initial=0))
        if 0 < highest < MIN_DEEP:
            raise UserError(
                f"{where} is a picture of 16 bits, but its largest value is {highest:,} of 65,535: scaled to 8 bits it "
                "would be nearly black. Scale its values up to 65,535, or save it with 8 bits.",
                exit_code=1,
            )
        image = Image.fromarray(np.rint(values / DEEP).astype(np.uint8))
    elif image.mode in ("I", "F"):
        kind = "floats" if image.mode == "F" else "integers of 32 bits"
        raise UserError(
            f"{where} holds {kind}, whose range is unknown: save it as a picture of 8 or 16 bits.", exit_code=1
        )
    return image if image.mode == "RGB" else image.convert("RGB")


def check_lossless(path: Path, header: Header) -> None:
    """Check that the compression of a label file changes no pixels.

    Raises:
        UserError: It does.
    """
    if header.lossy:
        raise UserError(
            f"The label file {path} is compressed as a photo is (JPEG, or WebP with loss), which invents classes along "
            "edges: save the labels again, from their source, as PNG. A converted JPEG keeps its errors.",
        )


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


def _orientation(file: ImageFile.ImageFile, stream: BinaryIO) -> int:
    """The EXIF or XMP orientation; 1 for none. A PNG is decoded only if it has metadata behind its pixels."""
    if file.format == "PNG" and "exif" not in file.info and not _has_late_metadata(stream):
        found = Image.Image.getexif(file).get(ORIENTATION, 1)  # PNG's own method decodes the pixels
    else:
        found = file.getexif().get(ORIENTATION, 1)
    return found if isinstance(found, int) else 1


def _has_late_metadata(stream: BinaryIO) -> bool:
    """Whether EXIF data or texts follow the pixels of a PNG."""
    place, pixels, late = stream.tell(), False, False
    stream.seek(8)
    for _ in range(MAX_CHUNKS):
        head = stream.read(8)
        pixels |= head[4:] == b"IDAT"
        late = pixels and head[4:] in (b"eXIf", b"iTXt", b"zTXt", b"tEXt")
        if late or len(head) < 8:
            break
        stream.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    stream.seek(place)
    return late


def _is_lossy(file: ImageFile.ImageFile, stream: BinaryIO) -> bool:
    """Whether the compression of an image may change pixels."""
    if file.format != "WEBP":
        return file.format in ("JPEG", "MPO") or "jpeg" in str(file.info.get("compression", ""))
    place = stream.tell()
    stream.seek(12)
    kind = stream.read(4)
    stream.seek(place)
    return kind != b"VP8L"


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

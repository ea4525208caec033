"""What a picture's file may cost: pixels, bytes, scans and tiles are held against bounds before anything is decoded."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from rlkit.errors import UserError
from rlkit.segmentation.datasets.image_file import (
    MAX_BYTES,
    MAX_PIXELS,
    MAX_SCANS,
    NotAnImageError,
    load_picture,
    load_stored,
    read_header,
    read_size,
)


def png_of(width, height):
    """A PNG whose header promises so many pixels, of which none is there."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", b""), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_in_tiles(side, size=16, width_tag=322):
    """A grey TIFF of a few pixels in one tile of `side` pixels, most of which lie outside of the picture."""
    data = zlib.compress(bytes(side * side))
    entries = [
        *((256, 4, size), (257, 4, size), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)),
        *((width_tag, 4, side), (323, 4, side), (324, 4, 0), (325, 4, len(data))),
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    entries[8] = (324, 4, start)
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + struct.pack("<I", 0) + data


def jpeg_with_scans(more):
    """A progressive JPEG whose last scan is there `more` times more."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(256, size=(32, 32, 3), dtype=np.uint8)).save(
        file, "JPEG", progressive=True
    )
    content = file.getvalue()
    scan = content[content.rfind(b"\xff\xda") : -2]
    return content[:-2] + more * scan + content[-2:]


@pytest.fixture
def undecoded(monkeypatch):
    """Fails where a picture is decoded."""
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("it was decoded"))


# 13,000² are beyond what Pillow warns of, 20,000² beyond what it opens.
@pytest.mark.parametrize("side", [5_793, 13_000, 20_000])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(side, tmp_path, undecoded):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(side, side))
    for read in (load_picture, read_size):
        with pytest.raises(UserError, match=r"bomb\.png has .*pixels.*33\.6 million.*Make it smaller"):
            read(path)


@pytest.mark.filterwarnings("error")
def test_pillows_own_warning_is_a_sentence_too(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of(13_000, 13_000))
    with pytest.raises(UserError, match=r"bomb\.png has too many pixels"):
        load_picture(path)


def test_a_photo_of_24_megapixels_is_read(tmp_path):
    Image.new("RGB", (6000, 4000)).save(tmp_path / "photo.jpg")
    assert read_size(tmp_path / "photo.jpg") == (4000, 6000)
    assert load_picture(tmp_path / "photo.jpg").size == (6000, 4000)
    assert MAX_PIXELS >= 7680 * 4320


def test_a_file_that_is_far_too_long_is_refused_unread(tmp_path):
    path = tmp_path / "long.webp"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UserError, match=r"long\.webp has 256 MiB: at most"):
        load_picture(path)


def test_a_small_picture_in_a_huge_tile_is_refused(tmp_path, undecoded):
    path = tmp_path / "tile.tif"
    path.write_bytes(tiff_in_tiles(2048))
    with pytest.raises(UserError, match=r"tile\.tif is a tiled TIFF"):
        load_picture(path)


def test_a_tile_that_pillow_does_not_notice_is_refused(tmp_path, undecoded):
    content = bytearray(tiff_in_tiles(64))
    place = content.index(struct.pack("<HH", 322, 4))
    content[place : place + 4] = struct.pack("<HH", 322, 17)  # of a type that only libtiff knows
    (tmp_path / "tile.tif").write_bytes(content)
    with pytest.raises(UserError, match=r"tile\.tif is a tiled TIFF"):
        load_picture(tmp_path / "tile.tif")


def test_a_jpeg_of_thousands_of_scans_is_refused(tmp_path, undecoded):
    path = tmp_path / "slow.jpg"
    path.write_bytes(jpeg_with_scans(MAX_SCANS))
    with pytest.raises(UserError, match=rf"slow\.jpg is a JPEG of more than {MAX_SCANS} scans"):
        load_picture(path)


def test_what_follows_a_jpeg_in_its_file_does_not_count_as_scans(tmp_path):
    path = tmp_path / "motion.jpg"
    path.write_bytes(jpeg_with_scans(0) + 1000 * b"\xff\xda\x00\x02")
    assert load_picture(path).size == (32, 32)


@pytest.mark.parametrize("kind", ["GIF", "PPM", "ICO", "EPS", "PDF", "PCX"])
def test_other_formats_are_not_opened(kind, tmp_path):
    path = tmp_path / "picture.png"
    Image.new("RGB", (16, 16)).save(path, kind)
    with pytest.raises(NotAnImageError, match=r"picture\.png cannot be read as a picture: it is no PNG, JPEG"):
        load_picture(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_a_file_that_breaks_off_is_named_whatever_its_format(kind, tmp_path):
    path = tmp_path / "half"
    pixels = np.random.default_rng(0).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, kind)
    assert load_picture(path).size == (64, 64)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="half cannot be read as a picture"):
        load_picture(path)


@pytest.mark.filterwarnings("ignore")  # of Pillow, about what is odd
def test_damaged_files_raise_only_user_errors(tmp_path):
    random = np.random.default_rng(0)
    path = tmp_path / "damaged"
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "JPEG", "BMP", "WEBP", "TIFF"):
        file = io.BytesIO()
        Image.fromarray(random.integers(256, size=(24, 32, 3), dtype=np.uint8)).save(file, kind, exif=exif)
        for _ in range(60):
            content = np.frombuffer(file.getvalue(), np.uint8).copy()
            content[random.integers(min(300, len(content)), size=6)] = random.integers(256, size=6)
            path.write_bytes(content.tobytes())
            try:
                load_picture(path)
                read_header(path)
            except UserError as error:
                assert "damaged" in str(error)  # noqa: PT017 - either is right


def test_of_several_pictures_in_one_file_the_first_is_read(tmp_path):
    path = tmp_path / "pages.tif"
    pages = [Image.new("L", (8, 8), shade) for shade in (10, 20, 30)]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert load_picture(path).getpixel((0, 0)) == (10, 10, 10)


@pytest.mark.parametrize("read", [load_picture, read_size])
def test_a_pipe_is_refused_at_once(read, tmp_path, soon):
    os.mkfifo(tmp_path / "pipe.png")
    with soon(), pytest.raises(UserError, match=r"pipe\.png is not a regular file"):
        read(tmp_path / "pipe.png")


def test_links_to_pictures_are_followed(tmp_path):
    Image.new("L", (5, 4)).save(tmp_path / "there.png")
    (tmp_path / "here.png").symlink_to("there.png")
    assert read_size(tmp_path / "here.png") == (4, 5)


def turned(path, orientation, late=False, size=(8, 4)):
    """A picture whose first row is white as stored, with an orientation tag; `late` behind the pixels of a PNG."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))
    if late:
        content = path.read_bytes()
        place = content.index(b"eXIf") - 4
        chunk = content[place : place + 12 + int.from_bytes(content[place : place + 4], "big")]
        path.write_bytes(content[:place] + content[place + len(chunk) : -12] + chunk + content[-12:])
    return path


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "late.png", "a.tif"])
@pytest.mark.parametrize(("orientation", "row"), [(1, "top"), (3, "bottom"), (6, "right"), (8, "left")])
def test_a_picture_is_upright_whatever_its_format(name, orientation, row, tmp_path):
    path = turned(tmp_path / name, orientation, late=name == "late.png")
    image = np.asarray(load_picture(path)).mean(axis=-1)
    shades = {"top": image[0], "bottom": image[-1], "left": image[:, 0], "right": image[:, -1]}
    assert shades[row].mean() > 200
    assert image.mean() < 150
    assert read_header(path).upright == image.shape


def test_a_png_is_not_decoded_for_its_orientation(tmp_path, undecoded):
    Image.new("L", (8, 4)).save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png").upright == (4, 8)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_is_scaled_to_8(suffix, tmp_path):
    values = np.linspace(0, 65_535, 256).reshape(16, 16).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / f"deep.{suffix}")
    pixels = np.asarray(load_picture(tmp_path / f"deep.{suffix}"))
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels[..., 0].ravel().astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("highest", [200, 4095])
def test_a_picture_of_16_bits_that_would_turn_black_is_refused(highest, tmp_path):
    Image.fromarray(np.full((8, 8), highest, np.uint16)).save(tmp_path / "dark.png")
    with pytest.raises(UserError, match=rf"dark\.png is a picture of 16 bits, but its largest value is {highest:,}"):
        load_picture(tmp_path / "dark.png")


@pytest.mark.parametrize(("kind", "word"), [(np.float32, "floats"), (np.int32, "integers of 32 bits")])
def test_numbers_that_are_no_shades_are_refused(kind, word, tmp_path):
    Image.fromarray(np.ones((8, 8), kind)).save(tmp_path / "heights.tif")
    with pytest.raises(UserError, match=rf"heights\.tif holds {word}"):
        load_picture(tmp_path / "heights.tif")


@pytest.mark.parametrize(
    ("name", "options", "lossy"),
    [
        ("a.jpg", {}, True),
        ("a.webp", {}, True),
        ("b.webp", {"lossless": True}, False),
        ("a.tif", {"compression": "jpeg"}, True),
        ("b.tif", {"compression": "tiff_lzw"}, False),
        ("a.png", {}, False),
    ],
)
def test_labels_compressed_with_loss_are_refused(name, options, lossy, tmp_path):
    Image.new("RGB", (32, 32)).save(tmp_path / name, **options)
    if lossy:
        with pytest.raises(UserError, match=r"invents classes along edges: save the labels again"):
            load_stored(tmp_path / name, lossless=True)
    else:
        load_stored(tmp_path / name, lossless=True)
    load_stored(tmp_path / name)

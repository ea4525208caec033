"""Photos, folders, videos and sources, and what is wrong with them."""

import os
import struct

import numpy as np
import pytest
from PIL import Image

from rlkit.errors import UserError
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.visualization import sources
from rlkit.segmentation.visualization.sources import read_photo, views_of_path, views_of_source
from rlkit.viewer.video import VideoWriter


def write_video(path, pictures, rate):
    with VideoWriter(path, rate) as video:
        for picture in pictures:
            video.write(picture)


class Source:
    """Gives batches of four images, each batch under a condition of its own."""

    def __init__(self, conditions):
        self.conditions = conditions
        self.drawn = 0

    def measured(self, split):
        for condition in self.conditions:
            self.drawn += 1
            images, labels = np.zeros((4, 8, 8, 3), np.uint8), np.zeros((4, 8, 8), np.uint8)
            yield LabelledImages(images, labels, tuple(f"{condition} {n}" for n in range(4)), (condition,) * 4)


def captions(views):
    return [view.caption for view in views.views]


def test_each_condition_is_shown_before_any_is_shown_twice():
    assert captions(views_of_source(Source(["rain", "rain", "sun"]), "test", 3)) == ["rain 0", "sun 0", "rain 0"]


def test_no_more_batches_are_read_than_needed():
    source = Source([f"weather {number}" for number in range(50)])
    assert len(captions(views_of_source(source, "test", 3))) == 3
    assert source.drawn == 4


def test_a_source_of_one_condition_gives_as_many_as_it_has():
    views = views_of_source(Source([""]), "test", 20)
    assert views.count == len(captions(views)) == 4


def test_chosen_images_keep_no_batch_in_memory():
    views = list(views_of_source(Source([""] * 9), "test", 20).views)
    assert len(views) == 20
    assert all(view.image.base is None and view.truth.base is None for view in views)


def test_images_are_spread_over_a_folder(tmp_path):
    for number in range(9):
        Image.fromarray(np.full((4, 5, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    assert captions(views_of_path(tmp_path, None)) == [f"{number}.png" for number in range(9)]
    assert captions(views_of_path(tmp_path, 3)) == ["0.png", "4.png", "8.png"]


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "CMYK"])
def test_photos_of_any_kind_are_read_as_colours(mode, tmp_path):
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    Image.new(mode, (5, 4)).save(path)
    assert read_photo(path).shape == (4, 5, 3)


def test_a_photo_is_rotated_by_its_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("RGB", (8, 4)).save(tmp_path / "photo.jpg", exif=exif)
    assert read_photo(tmp_path / "photo.jpg").shape == (8, 4, 3)


def test_a_video_is_read_at_its_rate_and_up_to_a_number(tmp_path):
    write_video(tmp_path / "video.mp4", [np.full((31, 45, 3), 40 * number, np.uint8) for number in range(6)], rate=4.0)
    views = views_of_path(tmp_path / "video.mp4", None)
    shown = list(views.views)
    assert views.rate == pytest.approx(4)
    assert views.count == len(shown) == 6
    assert shown[0].image.shape == (32, 46, 3)
    means = [view.image.mean() for view in shown]
    assert np.abs(np.array(means) - [40 * number for number in range(6)]).max() < 6
    assert shown[2].caption == "video.mp4, 0.50 s"
    assert len(list(views_of_path(tmp_path / "video.mp4", 2).views)) == 2


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "holds no pictures"),
        (lambda path: path.write_text("words"), "neither a picture nor a video"),
    ],
)
def test_unusable_paths_are_named(make, sentence, tmp_path):
    path = tmp_path / "thing"
    make(path)
    with pytest.raises(UserError, match=sentence):
        list(views_of_path(path, 3).views)


def test_damaged_images_and_videos_are_named(tmp_path):
    photo, video = tmp_path / "photo.png", tmp_path / "video.mp4"
    Image.new("RGB", (64, 64), "red").save(photo)
    photo.write_bytes(photo.read_bytes()[:60])
    video.write_bytes(b"no video at all")
    for path in (photo, video):
        with pytest.raises(UserError, match=path.name):
            list(views_of_path(path, 3).views)


def test_a_photo_is_reduced_to_what_can_be_shown(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "MAX_SHOWN", 20 * 30)
    pixels = np.random.default_rng(0).integers(256, size=(60, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    means = pixels.reshape(20, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(read_photo(tmp_path / "photo.png") - means).max() <= 1.0
    Image.fromarray(pixels[:20, :30]).save(tmp_path / "small.png")
    assert (read_photo(tmp_path / "small.png") == pixels[:20, :30]).all()


def test_videos_are_reduced_as_photos_are(monkeypatch, tmp_path):
    write_video(tmp_path / "video.mp4", [np.zeros((32, 48, 3), np.uint8)] * 2, rate=4.0)
    monkeypatch.setattr(sources, "MAX_SHOWN", 32 * 48 // 4)
    assert [view.image.shape for view in views_of_path(tmp_path / "video.mp4", None).views] == [(16, 24, 3)] * 2


def test_a_photo_of_too_many_pixels_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("rlkit.segmentation.datasets.image_file.MAX_PIXELS", 999)
    Image.new("L", (40, 25)).save(tmp_path / "photo.png")
    with pytest.raises(UserError, match=r"photo\.png has 40×25 pixels.*Make it smaller"):
        read_photo(tmp_path / "photo.png")


def test_a_video_of_too_many_pixels_is_refused_before_a_frame_is_read(tmp_path):
    path = tmp_path / "bomb.gif"
    Image.new("P", (16, 16)).save(path)
    small, large = struct.pack("<HH", 16, 16), struct.pack("<HH", 13_000, 13_000)
    path.write_bytes(path.read_bytes().replace(small, large))
    with pytest.raises(UserError, match=r"bomb\.gif has 13000×13000 pixels.*Make it smaller"):
        views_of_path(path, 3)


def test_a_list_of_other_files_is_no_video(tmp_path):
    write_video(tmp_path / "video.mp4", [np.zeros((32, 48, 3), np.uint8)] * 2, rate=4.0)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile video.mp4\n")
    with pytest.raises(UserError, match=r"list\.mp4 cannot be read as a video"):
        views_of_path(tmp_path / "list.mp4", None)


def test_a_truncated_video_is_named(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(30, 64, 64, 3), dtype=np.uint8)
    path = tmp_path / "video.mp4"
    write_video(path, noise, rate=10.0)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            shown = len(list(views_of_path(path, None).views))
        except UserError as error:
            assert "video.mp4" in str(error)  # noqa: PT017 - what was whole may be shown
        else:
            assert shown <= 30


@pytest.mark.parametrize("name", ["pipe.png", "pipe.mp4"])
def test_a_pipe_is_refused_at_once(name, tmp_path, soon):
    os.mkfifo(tmp_path / name)
    with soon(), pytest.raises(UserError, match=rf"{name} is not a regular file"):
        list(views_of_path(tmp_path / name, None).views)

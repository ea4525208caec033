from pathlib import Path

import imageio.v2 as imageio
import numpy as np
import pytest

from rlkit.errors import UserError
from rlkit.viewer.video import VideoWriter


def greys(count, height=32, width=48):
    return [np.full((height, width, 3), 30 * number, np.uint8) for number in range(count)]


def write(path, pictures, rate=4.0):
    with VideoWriter(path, rate) as video:
        for picture in pictures:
            video.write(picture)
    return video


def read(path):
    with imageio.get_reader(path) as video:
        return [np.asarray(picture) for picture in video], video.get_meta_data()


def test_pictures_are_read_back_as_they_were_written_with_even_sides(tmp_path):
    assert write(tmp_path / "video.mp4", greys(6, 31, 45)).frames == 6
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]
    pictures, meta = read(tmp_path / "video.mp4")
    assert meta["fps"] == 4.0
    assert pictures[0].shape == (32, 46, 3)
    assert np.abs([picture.mean() - 30 * number for number, picture in enumerate(pictures)]).max() < 6
    assert len(pictures) == 6


def test_a_picture_may_last_several_frames(tmp_path):
    with VideoWriter(tmp_path / "video.gif", 10.0) as video:
        video.write(greys(1)[0], 3)
        video.write(greys(2)[1])
    pictures, meta = read(tmp_path / "video.gif")
    assert meta["duration"] == 100  # ms
    assert (video.frames, len(pictures)) == (4, 4)


def test_a_written_picture_may_be_changed_afterwards(tmp_path):
    picture = np.full((32, 48, 3), 200, np.uint8)
    with VideoWriter(tmp_path / "video.mp4", 4.0) as video:
        for _ in range(5):
            video.write(picture)
            picture -= 40
    means = [shown.mean() for shown in read(tmp_path / "video.mp4")[0]]
    assert np.abs(np.array(means) - [200, 160, 120, 80, 40]).max() < 6


def test_pictures_of_another_size_are_fitted_into_that_of_the_first(tmp_path):
    write(tmp_path / "video.mp4", [*greys(1), np.full((16, 16, 3), 200, np.uint8)])
    second = read(tmp_path / "video.mp4")[0][1]
    assert second.shape == (32, 48, 3)
    assert second[:, 12:36].mean() == pytest.approx(200, abs=8)
    assert second[:, :4].mean() < 40
    assert second[:, -4:].mean() < 40


def test_an_existing_file_is_never_overwritten(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(UserError, match="exists already"):
        VideoWriter(path, 4.0)
    assert path.read_bytes() == b"precious"


def test_a_file_that_appears_while_writing_is_not_overwritten_either(tmp_path):
    path = tmp_path / "video.mp4"
    video = VideoWriter(path, 4.0)
    video.write(greys(1)[0], 3)
    path.write_bytes(b"precious")
    with pytest.raises(UserError, match="meanwhile"):
        video.close()
    assert path.read_bytes() == b"precious"
    kept = next(other for other in tmp_path.iterdir() if other != path)
    assert len(read(kept)[0]) == 3


def test_what_was_written_before_an_interruption_is_kept(tmp_path):
    def interrupted():
        yield from greys(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "video.mp4", interrupted())
    assert len(read(tmp_path / "video.mp4")[0]) == 3


def test_a_video_without_pictures_leaves_no_file(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 4.0):
        pass
    with pytest.raises(RuntimeError), VideoWriter(tmp_path / "b.mp4", 4.0):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["video.avi", "video", "video.png"])
def test_an_unknown_suffix_is_refused(tmp_path, name):
    with pytest.raises(UserError, match=r"\.mp4 or \.gif"):
        VideoWriter(tmp_path / name, 4.0)


@pytest.mark.parametrize("folder", ["missing", "file"])
def test_a_folder_that_cannot_be_written_is_reported(tmp_path, folder):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="Cannot write into the folder"):
        VideoWriter(tmp_path / folder / "video.mp4", 4.0)


PROGRAMS = {  # text of a program in place of ffmpeg, and what is said of it
    "missing": (None, "ffmpeg, which does not exist; correct or unset it"),
    "broken": ("#!/bin/sh\nexit 3", "ffmpeg, which fails with status 3"),
    "another": ("#!/bin/sh\necho hello", "ffmpeg, which is another program"),
    "no program": ("text", "ffmpeg, which cannot be run (Exec format error)"),
    "without encoders": (
        "#!/bin/sh\necho ffmpeg version 0; [ $1 = -version ]",
        "has no encoder of H.264; record a .gif",
    ),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_an_encoder_that_is_missing_or_broken_is_named_and_nothing_is_left(tmp_path, monkeypatch, kind):
    text, said = PROGRAMS[kind]
    if text is not None:
        (tmp_path / "ffmpeg").write_text(text)
        (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "ffmpeg"))
    (tmp_path / "videos").mkdir()
    with pytest.raises(UserError) as caught:
        write(tmp_path / "videos/video.mp4", greys(2))
    assert said in str(caught.value)
    assert "disk" not in str(caught.value)
    assert list((tmp_path / "videos").iterdir()) == []


def test_an_encoder_that_stops_is_quoted(tmp_path, monkeypatch):
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\n[ "$1" = -version ] && echo ffmpeg version 0 && exit\necho "no palette" >&2; exit 9')
    program.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
    with pytest.raises(UserError, match="ffmpeg failed: no palette; the unfinished file was removed"):
        write(tmp_path / "video.gif", greys(2))
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


@pytest.mark.parametrize(
    "name", ["12:30.mp4", "http:lap.gif", "-y.mp4", "100%d.mp4", "two\nlines.mp4", "x" * 250 + ".mp4"]
)
def test_a_name_with_special_characters_is_only_a_name(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write(Path(name), greys(3))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert len(read(tmp_path / name)[0]) == 3


def test_a_name_that_is_not_possible_is_refused_before_the_work(tmp_path):
    with pytest.raises(UserError, match="File name too long"):
        VideoWriter(tmp_path / f"{'x' * 300}.mp4", 4.0)
    assert list(tmp_path.iterdir()) == []


def test_a_video_for_which_the_disk_has_no_room_is_removed(tmp_path, small_files):
    noise = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), dtype=np.uint8)
    with small_files(20_000), pytest.raises(UserError, match=r"the limit on the size of a file .*was removed"):
        write(tmp_path / "video.mp4", noise)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_names_the_video_that_is_kept(tmp_path, capsys):
    def interrupted():
        yield from greys(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "video.mp4", interrupted())
    assert f"{tmp_path / 'video.mp4'} holds what was recorded before (2 pictures)" in capsys.readouterr().err


def test_an_unfinished_video_is_not_hidden(tmp_path):
    with VideoWriter(tmp_path / "lap.mp4", 4.0):
        assert [path.name.startswith("lap.unfinished-") for path in tmp_path.iterdir()] == [True]

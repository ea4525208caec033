"""`rlkit perception predict` as a stranger meets it."""

import re

import numpy as np
import pytest
from PIL import Image

from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks import build_network
from rlkit.segmentation.visualization.sources import views_of_path
from rlkit.spaces import Classes


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    card = ModelCard("segnet-compact", Classes(("other", "road"), ("road",)), (32, 48), {"data": "photos"})
    SegmentationModel(build_network("segnet-compact", 2), card).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).integers(0, 255, (40 + number, 60, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def _no_display(monkeypatch, tmp_path):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.chdir(tmp_path)


def test_photos_become_a_sheet(rlkit, model, photos, capsys):
    assert rlkit("perception", "predict", model, "--input", photos, "--out", "sheet.png") == 0
    assert "3 pictures: sheet.png" in capsys.readouterr().out
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 900


def test_without_a_display_a_sheet_is_written_under_a_free_name(rlkit, model, photos, tmp_path, capsys):
    for _ in range(2):
        assert rlkit("perception", "predict", model, "--input", photos / "0.png") == 0
    assert "no display" in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("*.png")} == {"perception-1.png", "perception-2.png"}


def test_a_folder_becomes_a_film_and_a_film_another(rlkit, model, photos, tmp_path, capsys):
    assert rlkit("perception", "predict", model, "--input", photos, "--out", "a.mp4") == 0
    assert rlkit("perception", "predict", model, "--input", "a.mp4", "--num-images", 2, "--out", "b.mp4") == 0
    assert "2 pictures, 2 per second: b.mp4" in capsys.readouterr().out
    assert len(list(views_of_path(tmp_path / "b.mp4", None).views)) == 2


@pytest.mark.parametrize(("out", "told"), [("sheet.png", "3 pictures: sheet.png"), ("a.mp4", "3 pictures, 2 per")])
def test_files_of_a_folder_that_cannot_be_read_are_skipped_and_said(rlkit, model, photos, out, told, capsys):
    (photos / "00-broken.png").write_bytes((photos / "0.png").read_bytes()[:100])
    (photos / "words.jpg").write_text("no picture")
    (photos / "._0.png").write_bytes(b"resource fork")
    assert rlkit("perception", "predict", model, "--input", photos, "--out", out) == 0
    said = capsys.readouterr()
    assert told in said.out
    assert "2 of 5 pictures could not be read and were skipped" in said.out
    lines = [line for line in said.err.splitlines() if line.startswith("skipped: ")]
    assert [name in line for name, line in zip(("00-broken.png", "words.jpg"), lines, strict=True)] == [True, True]


@pytest.mark.parametrize("out", ["sheet.png", "a.mp4"])
def test_a_folder_of_which_nothing_can_be_read_is_an_error(rlkit, model, out, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.png").write_text("no picture")
    assert rlkit("perception", "predict", model, "--input", "photos", "--out", out) == 1
    assert "none of 1 pictures can be read" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_single_file_that_cannot_be_read_is_an_error(rlkit, model, tmp_path, capsys):
    (tmp_path / "a.png").write_text("no picture")
    assert rlkit("perception", "predict", model, "--input", "a.png", "--out", "sheet.png") == 2
    assert "neither a picture nor a video" in capsys.readouterr().err


def test_a_simulators_pictures_are_shown_beside_their_truth(rlkit, model, capsys):
    data = ["--data", "sim", "--env-kwargs", "num_circuits=2", "weather=clear", "--num-images", 2]
    assert rlkit("perception", "predict", model, *data, "--out", "sheet.png") == 0
    told = capsys.readouterr().out
    assert "only drivable or not is shown" in told
    assert "2 pictures: sheet.png" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--data is needed"),
        (["--input", "nowhere"], "nowhere"),
        (["--input", "photos", "--data", "sim"], "leave one out"),
        (["--input", "photos", "--split", "val"], "--split"),
        (["--input", "photos", "--out", "sheet.gif"], ".mp4"),
        (["--input", "photos", "--out", "none/sheet.png"], "does not exist"),
        (["--input", "photos", "--num-images", "0"], "--num-images 0"),
        (["--input", "photos", "--samples", "0"], "--samples 0"),
        (["--input", "photos", "--network", "a:B"], "leave --network out"),
        (["--data", "nowhere"], "nowhere"),
    ],
)
def test_the_likeliest_mistakes_are_named_in_a_sentence(rlkit, arguments, sentence, model, photos, tmp_path, capsys):
    assert rlkit("perception", "predict", model, *arguments) in (1, 2)
    assert sentence in re.sub(r"\s+", " ", capsys.readouterr().err)
    assert {path.name for path in tmp_path.iterdir()} == {"photos"}


def test_nothing_that_exists_is_overwritten(rlkit, model, photos, tmp_path, capsys):
    (tmp_path / "sheet.png").write_text("mine")
    assert rlkit("perception", "predict", model, "--input", photos, "--out", "sheet.png") == 1
    assert (tmp_path / "sheet.png").read_text() == "mine"


def test_what_is_no_model_is_named(rlkit, tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("words")
    assert rlkit("perception", "predict", "notes.txt") == 2
    assert "notes.txt" in capsys.readouterr().err

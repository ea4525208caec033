import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rlkit.cli.options import write_result
from rlkit.cli.perception.evaluate import RESULT, Evaluate, usual_data
from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks import build_network
from rlkit.segmentation.config import SegmentationConfig
from rlkit.segmentation.hyperparameters import Hyperparameters
from rlkit.spaces import Classes
from rlkit.utils.terminal import printable

CLASSES = Classes(("grass", "road"), ("road",))


@pytest.fixture
def model(tmp_path) -> Path:
    network = build_network("segnet-compact", 2, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "model.safetensors"
    SegmentationModel(network, ModelCard("segnet-compact", CLASSES, (32, 32), {"data": "camvid"})).save(path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    """Own pictures: two to learn from, two of each of two splits."""
    rng = np.random.default_rng(0)
    for split in ("train", "dry", "wet"):
        for kind in ("images", "masks"):
            (tmp_path / "data" / kind / split).mkdir(parents=True)
        for number in range(2):
            name = f"{split}/{split}{number}.png"
            Image.fromarray(rng.integers(256, size=(24, 32, 3), dtype=np.uint8)).save(tmp_path / "data/images" / name)
            Image.fromarray(rng.integers(2, size=(24, 32), dtype=np.uint8)).save(tmp_path / "data/masks" / name)
    (tmp_path / "data" / "classes.json").write_text(json.dumps(CLASSES.to_json()))
    return tmp_path / "data"


def test_every_split_is_measured_printed_and_written(model, folder, tmp_path, capsys):
    Evaluate(str(model), data=str(folder), json=str(tmp_path / "figures.json")).run()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["split"] == "dry"
    assert {split: part["pictures"] for split, part in figures["splits"].items()} == {"dry": 2, "wet": 2}
    assert figures["frames_per_second"] > 0
    printed = capsys.readouterr().out
    assert "drivable IoU" in printed
    assert "resized" in printed


def test_one_split_may_be_named(model, folder, capsys):
    Evaluate(str(model), data=str(folder), split="wet", json="-").run()
    figures = json.loads(capsys.readouterr().out)
    assert figures["split"] == "wet"
    assert "splits" not in figures
    assert set(figures["iou"]) == {"grass", "road"}


def test_figures_may_be_measured_again_but_nothing_else_is_overwritten(model, folder, tmp_path):
    target = tmp_path / "figures.json"
    for _ in range(2):
        Evaluate(str(model), data=str(folder), split="wet", json=str(target)).run()
    target.write_text('{"precious": 1}')
    with pytest.raises(UserError, match="not an earlier result"):
        Evaluate(str(model), data=str(folder), json=str(target)).run()


def test_an_earlier_result_is_known_by_its_keys(tmp_path):
    write_result(str(tmp_path / "a.json"), dict.fromkeys(RESULT), RESULT)
    write_result(str(tmp_path / "a.json"), dict.fromkeys(RESULT), RESULT)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"split": "foggy"}, "no split 'foggy': it has dry, wet"),
        ({"num_images": 0}, "--num-images 0"),
        ({"samples": 0}, "--samples 0"),
        ({"seed": -1}, "--seed -1"),
        ({"env_kwargs": (("weather=fog",),)}, "belong to a simulator"),
        ({"network": "my_package:MyNet"}, "the network of .* is 'segnet-compact'"),
        ({"data": "/no/such/folder"}, "There is no folder /no/such/folder"),
    ],
)
def test_what_is_wrong_is_said(model, folder, wrong, message):
    with pytest.raises(UserError, match=message):
        Evaluate(str(model), **{"data": str(folder), **wrong}).run()


def test_a_model_of_other_classes_is_refused_before_anything_is_measured(model):
    with pytest.raises(UserError, match="cannot be compared class by class"):
        Evaluate(str(model), data="sim", num_images=1, env_kwargs=(("num_circuits=1", "camera_size=[16,32]"),)).run()


def test_data_is_what_the_model_was_trained_on_where_that_is_known(model, tmp_path):
    cards = {
        data: ModelCard("segnet-compact", CLASSES, (32, 32), {"data": data}) for data in ("sim", "env:a/B-v0", "camvid")
    }
    assert [usual_data(str(model), cards[data]) for data in ("sim", "env:a/B-v0")] == ["sim", "env:a/B-v0"]
    with pytest.raises(UserError, match=r"--data is needed.*trained on camvid"):
        usual_data(str(model), cards["camvid"])
    config = SegmentationConfig(
        data="/somewhere/camvid",
        env_kwargs={},
        val_fraction=0.1,
        size=(32, 32),
        classes=CLASSES,
        pictures=10,
        network="segnet-compact",
        preset="files",
        hyperparameters=dataclasses.asdict(Hyperparameters()),
        steps=1,
        seed=0,
        device="cpu",
        val_freq=1,
        save_freq=1,
    )
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(json.dumps(config.to_json()))
    assert usual_data(str(tmp_path / "run"), cards["camvid"]) == "/somewhere/camvid"


@pytest.mark.parametrize("name", ["q[/n]", "[bold]x", "[link=file:///x]y[/link]", "a\x1b[2J"])
def test_names_are_no_markup_and_do_not_steer_the_terminal(model, folder, tmp_path, capsys, name):
    place = tmp_path / f"{name.replace('/', '')}.safetensors"
    model.rename(place)
    renamed = tmp_path / name.replace("/", "")
    folder.rename(renamed)
    Evaluate(str(place), data=str(renamed), split="dry").run()
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert printable(renamed.name) in "".join(said.split("\n"))

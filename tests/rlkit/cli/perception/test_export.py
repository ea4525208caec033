import pytest

from rlkit.cli.perception.export import Export
from rlkit.errors import UserError


@pytest.fixture
def model_file(tmp_path):
    from rlkit.perception.model import SegmentationModel
    from rlkit.perception.model_card import ModelCard
    from rlkit.perception.networks import build_network
    from rlkit.spaces import Classes

    model = SegmentationModel(
        build_network("segnet-compact", 2), ModelCard("segnet-compact", Classes(("other", "road"), ("road",)), (32, 32))
    )
    model.save(tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def test_a_model_becomes_a_program_and_the_difference_is_told(model_file, tmp_path, capsys):
    Export(str(model_file), format="torch", out=tmp_path / "m.pt2").run()
    assert (tmp_path / "m.pt2").is_file()
    assert "probabilities" in capsys.readouterr().out


def test_a_folder_of_pictures_calibrates_the_integers(model_file, tmp_path, capsys, monkeypatch):
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    import numpy as np

    from rlkit.segmentation import datasets
    from rlkit.segmentation.datasets.base import LabelledImages

    class Source:
        def training(self, batch_size, generator):
            while True:
                images = generator.integers(0, 256, (batch_size, 32, 32, 3), dtype=np.uint8)
                yield LabelledImages(images, images[..., 0], ("",) * batch_size, ("",) * batch_size)

    asked = {}
    monkeypatch.setattr(datasets, "open_dataset", lambda name, **options: asked.update(options, name=name) or Source())
    Export(str(model_file), format="onnx-int8", out=tmp_path / "m.onnx", data="photos", calibration=8).run()
    assert (asked["name"], asked["size"]) == ("photos", (32, 32))
    assert "have the model's class" in capsys.readouterr().out


def test_a_fixed_batch_and_the_opset_are_told(model_file, tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="needs the extra export")
    Export(str(model_file), out=tmp_path / "m.onnx", batch=1).run()
    assert "ONNX opset 18, a batch of 1 (all shapes are fixed), tested with" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"batch": 0}, "--batch 0"),
        ({"out": "m.bin"}, r"ends in \.onnx"),
        ({"calibration": 9}, "belong to --format onnx-int8"),
        ({"format": "onnx-int8", "calibration": 2}, "at least 8"),
        ({"network": "my_package:Net"}, "is 'segnet-compact'"),
    ],
)
def test_mistakes_are_named_before_anything_is_made(model_file, tmp_path, options, sentence):
    if "out" in options:
        options = options | {"out": tmp_path / options["out"]}
    with pytest.raises(UserError, match=sentence):
        Export(str(model_file), **options).run()
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def test_a_model_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="neither a perception run nor a model"):
        Export(str(tmp_path / "none")).run()

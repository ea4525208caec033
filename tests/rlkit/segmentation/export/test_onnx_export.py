import numpy as np
import pytest
import torch

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks.segnet import SegNet
from rlkit.segmentation.datasets.base import LabelledImages
from rlkit.segmentation.export.onnx_export import calibration_images, export_int8
from rlkit.spaces import Classes

onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("onnxscript", reason="needs the extra export")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = SegNet(3, widths=(8, 8), depths=(1, 1))
    network.train()(torch.rand(4, 3, 16, 16))
    return SegmentationModel(network, ModelCard("small", Classes(("sky", "road", "line"), ("road",)), (16, 16)))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (10, 16, 16, 3), dtype=np.uint8)


def test_int8_convolutions_predict_nearly_the_same(model, pictures, tmp_path):
    import onnx

    made = export_int8(model, tmp_path / "m.onnx", pictures)
    assert made.agreement > 0.9
    nodes = onnx.load(tmp_path / "m.onnx").graph.node
    fed_by = {output: node.op_type for node in nodes for output in node.output}
    inputs = [fed_by[name] for node in nodes if node.op_type == "Conv" for name in node.input]
    assert set(inputs) == {"DequantizeLinear"}
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    floats = pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255
    (found,) = session.run(None, {"pictures": floats})
    assert np.abs(found - model.probabilities(pictures)).mean() < 0.05


def test_int8_takes_a_fixed_batch(model, pictures, tmp_path):
    made = export_int8(model, tmp_path / "m.onnx", pictures, 3)
    assert made.agreement > 0.9
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == [3, 3, 16, 16]


@pytest.mark.parametrize("shape", [(10, 16, 20, 3), (3, 16, 16, 3)])
def test_pictures_of_another_size_or_too_few_are_refused(model, tmp_path, shape):
    with pytest.raises(UserError, match="at least 8 calibration images of 16×16"):
        export_int8(model, tmp_path / "m.onnx", np.zeros(shape, np.uint8))
    assert not list(tmp_path.iterdir())


def test_calibration_takes_as_many_training_pictures_as_asked_for():
    class Source:
        def training(self, batch_size, generator):
            while True:
                images = generator.integers(0, 256, (batch_size, 8, 8, 3), dtype=np.uint8)
                yield LabelledImages(images, images[..., 0], ("",) * batch_size, ("",) * batch_size)

    first, again = (calibration_images(Source(), np.random.default_rng(3), 21) for _ in range(2))
    assert first.shape == (21, 8, 8, 3)
    assert np.array_equal(first, again)

import json

import numpy as np
import pytest
import torch

from rlkit.errors import UserError
from rlkit.perception.model import SegmentationModel
from rlkit.perception.model_card import ModelCard
from rlkit.perception.networks.segnet import SegNet
from rlkit.segmentation.export import onnx_export
from rlkit.segmentation.export.common import Exported, as_input, compare
from rlkit.segmentation.export.onnx_export import EXTRA, export_onnx, need
from rlkit.segmentation.export.torch_export import export_torch
from rlkit.spaces import Classes

SIZE = (13, 18)  # odd, so that pooling loses a row


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    network = SegNet(3, widths=(4, 6), depths=(2, 1), dropout=(0.0, 0.5))
    network.train()(torch.rand(4, 3, *SIZE))
    return SegmentationModel(network, ModelCard("small", Classes(("sky", "road", "line"), ("road",)), SIZE))


@pytest.fixture(scope="module")
def pictures():
    pictures = np.random.default_rng(1).integers(0, 256, (7, *SIZE, 3), dtype=np.uint8)
    pictures[0] = 128  # in a uniform picture all maxima are equal
    return pictures


def test_the_torch_program_runs_by_itself_on_any_number_of_pictures(model, pictures, tmp_path):
    made = export_torch(model, tmp_path / "m.pt2")
    assert (made.path, made.equal, made.agreement) == (tmp_path / "m.pt2", 1.0, 1.0)
    assert made.difference <= 1e-5
    extra = {"card.json": ""}
    program = torch.export.load(tmp_path / "m.pt2", extra_files=extra).module()
    with torch.no_grad():
        found = program(torch.from_numpy(as_input(pictures))).numpy()
    assert np.allclose(found, model.probabilities(pictures), atol=1e-4)
    assert json.loads(extra["card.json"])["classes"]["names"] == ["sky", "road", "line"]


def test_onnx_runtime_predicts_the_same_as_torch(model, pictures, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")
    onnx = pytest.importorskip("onnx", reason="needs the extra export")
    made = export_onnx(model, tmp_path / "m.onnx")
    assert made.equal == 1.0
    assert "within" in str(made)
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (given,), (taken,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1:]) == ("pictures", "tensor(float)", [3, *SIZE])
    assert (taken.name, taken.shape[1:]) == ("probabilities", [3, *SIZE])
    (found,) = session.run(None, {"pictures": as_input(pictures)})
    assert np.allclose(found, model.probabilities(pictures), atol=1e-4)
    proto = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(proto, full_check=True)
    assert "MaxUnpool" not in {node.op_type for node in proto.graph.node}
    assert json.loads(session.get_modelmeta().custom_metadata_map["card"]) == json.loads(
        json.dumps(model.card.to_json())
    )


@pytest.mark.parametrize("batch", [1, 3])
def test_a_fixed_batch_leaves_no_symbolic_shape(model, pictures, tmp_path, batch):
    onnx = pytest.importorskip("onnx", reason="needs the extra export")
    pytest.importorskip("onnxscript", reason="needs the extra export")
    reference = pytest.importorskip("onnx.reference", reason="needs the extra export")
    made = export_onnx(model, tmp_path / "m.onnx", batch)
    assert made.agreement in (None, 1.0)
    assert f"ONNX opset 18, a batch of {batch} (all shapes are fixed), tested with ONNX Runtime" in str(made)
    proto = onnx.load(tmp_path / "m.onnx")
    assert [one.version for one in proto.opset_import if one.domain == ""] == [18]
    values = [*proto.graph.input, *proto.graph.output, *onnx.shape_inference.infer_shapes(proto).graph.value_info]
    assert not [value.name for value in values for side in value.type.tensor_type.shape.dim if side.dim_param]
    (found,) = reference.ReferenceEvaluator(proto).run(None, {"pictures": as_input(pictures[1 : 1 + batch])})
    assert np.allclose(found, model.probabilities(pictures[1 : 1 + batch]), atol=1e-4)


def test_a_file_for_any_batch_runs_in_the_reference_evaluator_too(model, pictures, tmp_path):
    pytest.importorskip("onnxscript", reason="needs the extra export")
    reference = pytest.importorskip("onnx.reference", reason="needs the extra export")
    made = export_onnx(model, tmp_path / "m.onnx")
    assert "ONNX opset 18, any batch size" in str(made)
    (found,) = reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"pictures": as_input(pictures[1:])})
    assert np.allclose(found, model.probabilities(pictures[1:]), atol=1e-4)


def test_a_torch_program_may_have_a_fixed_batch(model, tmp_path):
    assert export_torch(model, tmp_path / "m.pt2", 2).agreement == 1.0


@pytest.mark.parametrize("batch", [0, -1, 2000])
def test_a_batch_out_of_range_is_refused(model, tmp_path, batch):
    with pytest.raises(UserError, match=f"--batch {batch}: expected a whole number from 1 to 1024"):
        export_torch(model, tmp_path / "m.pt2", batch)


def test_onnx_is_written_without_comparison_if_no_runtime_is_installed(model, tmp_path, monkeypatch):
    pytest.importorskip("onnxscript", reason="needs the extra export")

    def missing(content):
        raise ModuleNotFoundError("onnxruntime")

    monkeypatch.setattr(onnx_export, "session_of", missing)
    made = export_onnx(model, tmp_path / "m.onnx")
    assert made.difference is None
    assert EXTRA in str(made)
    assert (tmp_path / "m.onnx").stat().st_size == made.bytes


def test_a_missing_package_is_named_with_what_to_type():
    with pytest.raises(
        UserError, match=r"needs the package 'no_such_package': pip install \"rlkit-toolkit\[export\]\""
    ):
        need("no_such_package")


@pytest.mark.parametrize(("export", "suffix"), [(export_torch, ".pt2"), (export_onnx, ".onnx")])
def test_nothing_is_overwritten_and_targets_are_checked_first(model, tmp_path, export, suffix):
    (tmp_path / f"mine{suffix}").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        export(model, tmp_path / f"mine{suffix}")
    assert (tmp_path / f"mine{suffix}").read_text() == "mine"
    with pytest.raises(UserError, match=f"ends in {suffix}"):
        export(model, tmp_path / "m.bin")
    with pytest.raises(UserError, match=r"folder .* does not exist"):
        export(model, tmp_path / "nowhere" / f"m{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == [f"mine{suffix}"]


def test_a_file_with_other_probabilities_is_removed(model, tmp_path):
    (tmp_path / "m.onnx").write_text("wrong")
    with pytest.raises(UserError, match="was removed"):
        compare(model, tmp_path / "m.onnx", lambda pictures: np.full((len(pictures), 3, *SIZE), 1 / 3, np.float32))
    assert not (tmp_path / "m.onnx").exists()


def test_a_network_that_cannot_be_traced_is_refused(tmp_path):
    class ByLuck(torch.nn.Conv2d):
        def forward(self, pictures):
            return super().forward(pictures) * (2 if pictures.mean() > 0.5 else 1)

    model = SegmentationModel(ByLuck(3, 3, 1), ModelCard("luck", Classes(("a", "b", "c"), ("a",)), SIZE))
    with pytest.raises(UserError, match="'luck' cannot be exported"):
        export_torch(model, tmp_path / "m.pt2")
    assert not list(tmp_path.iterdir())


def test_the_result_is_described_in_one_line(tmp_path):
    assert str(Exported(tmp_path, 2_000_000, 1e-7, 1.0, 1.0)).endswith(
        "2.00 MB, probabilities within 1.0e-07 of the model's"
    )
    assert "99.900% of pixels within 1e-04" in str(Exported(tmp_path, 1, 0.1, 0.999, 0.9999))
    assert "98.00% of pixels have the model's class" in str(Exported(tmp_path, 1, 0.5, 0.1, 0.98))

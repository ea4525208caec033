import pytest
import torch

from rlkit.errors import UserError
from rlkit.perception.networks import build_detector, build_network
from rlkit.perception.networks.layers import fold_batch_norm
from rlkit.perception.networks.segnet import SegNetCompact


def build(num_objects=2, num_classes=9):
    return build_detector("centernet-compact", num_objects, num_classes, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("num_classes", "parameters"), [(9, 402_448), (0, 396_487)])
def test_it_has_less_than_half_a_million_parameters(num_classes, parameters):
    assert sum(parameter.numel() for parameter in build(2, num_classes).parameters()) == parameters


def test_its_heads_see_a_picture_at_a_quarter_and_at_full_resolution():
    with torch.inference_mode():
        output = build().eval()(torch.rand(2, 3, 34, 47))
    assert output.centres.shape == (2, 2, 8, 11)
    assert output.boxes.shape == (2, 4, 8, 11)
    assert output.distances.shape == (2, 8, 11)
    assert output.classes.shape == (2, 9, 34, 47)
    assert build(1, 0).eval()(torch.rand(1, 3, 32, 32)).classes is None


def test_untrained_it_expects_few_objects():
    with torch.inference_mode():
        centres = build().eval()(torch.rand(2, 3, 64, 64)).centres
    assert float(centres.sigmoid().median()) == pytest.approx(0.1, abs=0.05)


def test_with_weights_of_the_compact_segnet_its_classes_of_pixels_are_the_same():
    segnet, detector = SegNetCompact(9).eval(), build().eval()
    missing, unexpected = detector.load_state_dict(segnet.state_dict(), strict=False)
    assert unexpected == []
    assert {name.partition(".")[0] for name in missing} == {"lateral", "objects", "output"}
    images = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        assert torch.equal(detector(images).classes, segnet(images))


def test_batch_norm_folds_into_all_convolutions():
    detector = build().eval()
    for norm in (layer for layer in detector.modules() if isinstance(layer, torch.nn.BatchNorm2d)):
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 2)
    folded = fold_batch_norm(detector)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    images = torch.rand(1, 3, 32, 64)
    with torch.inference_mode():
        for ours, theirs in zip(detector(images), folded(images), strict=True):
            assert torch.allclose(ours, theirs, atol=1e-3, rtol=1e-3)


def test_a_name_that_is_no_detector_is_refused():
    with pytest.raises(UserError, match=r"no detector 'centernet-compac'\. Did you mean centernet-compact"):
        build_detector("centernet-compac", 1, 0)
    with pytest.raises(UserError, match="finds objects in boxes"):
        build_network("centernet-compact", 2)

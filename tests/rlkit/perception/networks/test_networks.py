import sys

import pytest
import torch
from torch import nn

from rlkit.errors import UserError
from rlkit.nn.layers import set_dropout_generator
from rlkit.perception.networks import NETWORKS, build_network, check_network
from rlkit.perception.networks.fcn import FCN
from rlkit.perception.networks.segnet import SegNet, local_response_norm

SMALL = ("segnet-compact", "segnet-basic", "fcn8s-compact")


def counted(module):
    return sum(parameter.numel() for parameter in module.parameters())


def shape_only(name, num_classes):
    with torch.device("meta"):  # shapes without memory: FCN has half a gigabyte of weights
        return NETWORKS[name](num_classes)


@pytest.mark.parametrize(
    ("name", "num_classes", "parameters"),
    [
        ("segnet", 11, 29_449_355),
        ("segnet", 12, 29_449_932),
        ("segnet", 2, 29_444_162),
        ("segnet", 19, 29_453_971),
        ("segnet", 32, 29_461_472),
        ("bayesian-segnet", 11, 29_449_355),
        ("segnet-basic", 11, 1_416_587),
        # VGG16's convolutions, fc6 and fc7 as convolutions, scores: 14,714,688 + 102,764,544 + 16,781,312 + 4,097 C.
        ("fcn32s", 11, 134_305_611),
        # More: scores of two poolings, 513 C and 257 C, and two learned enlargements of 4 · 4 · C · C.
        ("fcn8s", 11, 134_305_611 + 770 * 11 + 32 * 11**2),
    ],
)
def test_parameters_are_those_of_the_paper(name, num_classes, parameters):
    assert counted(shape_only(name, num_classes)) == parameters


def test_segnets_blocks_have_the_published_sizes():
    network = shape_only("segnet", 11)
    assert [counted(block) for block in network.encoders] == [38_976, 221_952, 1_476_864, 5_902_848, 7_082_496]
    *decoders, last = [counted(block) for block in network.decoders]
    assert decoders == [7_082_496, 5_902_080, 1_476_480, 221_760]
    assert last + counted(network.classifier) == 37_056 + 577 * 11
    convolutions = [layer.weight.numel() for layer in network.encoders.modules() if isinstance(layer, nn.Conv2d)]
    assert (len(convolutions), sum(convolutions)) == (13, 14_710_464)


def test_compact_networks_have_at_most_two_megabytes():
    assert counted(build_network("segnet-compact", 9)) == 381_225
    assert counted(build_network("fcn8s-compact", 9)) <= 381_225


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(32, 32), (84, 84), (45, 70)])
def test_every_pixel_gets_a_score_per_class_at_any_size(name, size):
    network = build_network(name, 5).eval()
    with torch.inference_mode():
        assert network(torch.rand(2, 3, *size)).shape == (2, 5, *size)


@pytest.mark.parametrize("pool_first", [False, True])
def test_each_decoder_puts_values_where_its_encoder_found_the_maxima(pool_first):
    network = SegNet(3, widths=(4, 8), depths=(2, 1), pool_first=pool_first).eval()
    picture = torch.rand(2, 3, 11, 14)
    x, memory = network.scaling(picture), []
    for encode in network.encoders:
        x = encode(x)
        assert bool((x < 0).any()) == pool_first
        size = x.shape[-2:]
        x, indices = nn.functional.max_pool2d(x, 2, return_indices=True)
        x = x.relu()
        memory.append((indices, size))
    for decode in network.decoders:
        indices, size = memory.pop()
        x = decode(nn.functional.max_unpool2d(x, indices, [2, 2], output_size=size))
    assert torch.equal(network(picture), network.classifier(x))


def test_an_odd_row_dropped_by_pooling_has_scores():
    network = SegNet(2, widths=(4,), depths=(1,)).eval()
    assert network(torch.rand(1, 3, 5, 7)).isfinite().all()


def test_bayesian_segnet_has_dropout_after_three_encoders_and_decoders_only_with_a_generator():
    network = shape_only("bayesian-segnet", 2)
    shares = [
        [getattr(layer, "p", 0.0) for layer in layers]
        for layers in (network.encoder_dropouts, network.decoder_dropouts)
    ]
    assert shares == [[0.0, 0.0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.0, 0.0]]
    small = SegNet(2, widths=(4, 8), depths=(1, 1), dropout=(0.0, 0.5)).eval()
    picture = torch.rand(1, 3, 8, 8)
    assert torch.equal(small(picture), small(picture))
    set_dropout_generator(small, torch.Generator().manual_seed(0))
    assert not torch.equal(small(picture), small(picture))


def test_local_response_norm_equals_torchs():
    pictures = torch.rand(2, 3, 6, 7) * 255
    theirs = nn.functional.local_response_norm(pictures, size=5, alpha=1e-4, beta=0.75)
    assert torch.allclose(local_response_norm(pictures), theirs, rtol=1e-5)


def test_upsampling_is_initialised_as_bilinear():
    layer = build_network("fcn8s-compact", 3).upsamplings[0]
    scores = torch.rand(1, 3, 6, 6)
    bilinear = nn.functional.interpolate(scores, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.allclose(layer(scores)[..., 1:-1, 1:-1], bilinear[..., 1:-1, 1:-1], atol=1e-6)


@pytest.mark.parametrize("skips", [0, 2])
def test_all_classes_of_fcn_have_the_same_score_before_training(skips, monkeypatch):
    """Long et al. 2015 begin with score layers of zeros; the rest is initialised as usual."""
    small = lambda classes: FCN(classes, skips, widths=(4, 4, 4), depths=(1, 1, 1), dense_width=8, dense_kernel=1)  # noqa: E731
    monkeypatch.setitem(NETWORKS, "fcn-small", small)
    for name in ("fcn8s-compact", "fcn-small"):
        network = build_network(name, 3, generator=torch.Generator().manual_seed(0))
        assert not network(torch.rand(1, 3, 32, 64)).any()
        layers = [network.score, *network.skip_scores]
        assert not any(parameter.any() for layer in layers for parameter in layer.parameters())
        assert network.fc7.weight.std() > 0
        loss = nn.functional.cross_entropy(network(torch.rand(1, 3, 32, 64)), torch.ones(1, 32, 64).long())
        loss.backward()
        assert all(layer.weight.grad.any() for layer in layers)


def test_the_generator_determines_the_weights_and_torchs_global_one_is_unchanged():
    def weights(seed):
        return build_network("segnet-compact", 4, generator=torch.Generator().manual_seed(seed)).state_dict()

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_weights_have_kaiming_initialisation():
    network = build_network("segnet-basic", 4, generator=torch.Generator().manual_seed(0))
    weight = network.encoders[1][0].weight
    assert weight.std().item() == pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.02)


def test_an_unknown_name_offers_the_nearest():
    with pytest.raises(UserError, match=r"no network 'segnet-compcat'.*Did you mean segnet-compact"):
        build_network("segnet-compcat", 2)


@pytest.fixture
def own_code(tmp_path, monkeypatch):
    (tmp_path / "our_networks.py").write_text(
        "import torch\n"
        "class Small(torch.nn.Conv2d):\n"
        "    def __init__(self, num_classes): super().__init__(3, num_classes, 3, padding=1)\n"
        "class Halved(torch.nn.Conv2d):\n"
        "    def __init__(self, num_classes): super().__init__(3, num_classes, 2, stride=2)\n"
        "class Grey(torch.nn.Conv2d):\n"
        "    def __init__(self, num_classes): super().__init__(1, num_classes, 1)\n"
        "def broken(num_classes): raise ValueError('no luck')\n"
        "def nothing(num_classes): return 3\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "our_networks"
    sys.modules.pop("our_networks", None)


def test_a_users_own_network_is_built_if_named(own_code):
    made = [
        build_network(f"{own_code}:Small", 4, allow_code=True, generator=torch.Generator().manual_seed(1))
        for _ in range(2)
    ]
    assert made[0].out_channels == 4
    assert torch.equal(made[0].weight, made[1].weight)


def test_code_that_a_file_names_is_not_imported_by_itself(own_code):
    with pytest.raises(UserError, match="not imported unless requested"):
        build_network(f"{own_code}:Small", 4)
    assert own_code not in sys.modules


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Halved", r"scores of shape \(1, 4, 64, 96\) for one image, not \(1, 4, 32, 48\)"),
        ("Grey", "fails on an image"),
        ("broken", "cannot be constructed: ValueError: no luck"),
        ("nothing", "returns a int, not a torch.nn.Module"),
        ("Smal", "Did you mean Small"),
    ],
)
def test_an_object_that_is_no_segmentation_network_is_refused(own_code, name, sentence):
    with pytest.raises(UserError, match=sentence):
        build_network(f"{own_code}:{name}", 4, allow_code=True)


def test_a_module_that_does_not_import_is_named():
    with pytest.raises(UserError, match=r"our_missing_networks:Net.*does not import"):
        build_network("our_missing_networks:Net", 4, allow_code=True)


def test_check_network_keeps_the_training_mode():
    network = build_network("segnet-compact", 3).train()
    check_network(network, 3)
    assert network.training

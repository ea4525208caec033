"""The weights that ship are small, say what they are, and find the road."""

import pytest

from rlkit.captioning.captioner import load_captioner, read_captioner_card
from rlkit.captioning.slots import SlotAccuracy
from rlkit.commentary.dataset import CommentaryDataset
from rlkit.detection.datasets import open_boxes
from rlkit.detection.evaluation import evaluate as evaluate_detector
from rlkit.perception.detector import load_detector
from rlkit.perception.model import find_model, load_model, pretrained_names
from rlkit.perception.model_card import is_captioner, is_detector, read_detector_card, read_model_card
from rlkit.segmentation.datasets import open_dataset
from rlkit.segmentation.evaluation import evaluate

LARGEST = 2_000_000  # bytes


@pytest.mark.parametrize("name", pretrained_names())
def test_shipped_weights_are_small_and_have_a_model_card(name):
    path = find_model(f"pretrained:{name}")
    assert path.stat().st_size <= LARGEST
    assert path.with_suffix(".md").read_text().startswith(f"# {name}")
    read = read_captioner_card if is_captioner(path) else read_detector_card if is_detector(path) else read_model_card
    trained = read(path).trained
    assert trained["pictures"] is None or trained["pictures"] > 0
    assert not str(trained["data"]).startswith("/")


@pytest.mark.parametrize(("split", "least"), [("test", 0.96), ("held-out", 0.93)])
def test_the_compact_segnet_generalises_to_unseen_circuits(split, least):
    model = load_model(find_model("pretrained:segnet-compact"))
    source = open_dataset("sim", pictures=2, env_kwargs={"num_circuits": 4})
    assert evaluate(model, source, split, timed=False).drivable_iou > least


@pytest.mark.parametrize(("split", "least"), [("test", 0.75), ("held-out", 0.7)])
def test_the_compact_detector_finds_cars_and_cones_on_unseen_circuits(split, least):
    detector = load_detector(find_model("pretrained:centernet-compact"))
    kwargs = {"num_circuits": 4, "traffic": 20, "obstacles": 20}
    result = evaluate_detector(
        detector, open_boxes("sim", pictures=16, env_kwargs=kwargs), split, min_height=8.0, timed=False
    )
    assert result.precision.ap50 > least
    assert result.precision.distance_error < 0.08
    assert result.drivable_iou > 0.93


def test_detector_and_commentaries_are_small_together():
    names = ("centernet-compact", "commentary-en", "commentary-ko")
    assert sum(find_model(f"pretrained:{name}").stat().st_size for name in names) <= 3_000_000


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_commentary_is_mostly_right_on_unseen_circuits(language):
    captioner = load_captioner(find_model(f"pretrained:commentary-{language}"))
    source = CommentaryDataset(language, measured=128)
    slots = SlotAccuracy(source)
    for batch in source.measured("test"):
        slots.add(batch, captioner.describe(batch.images, batch.signals, source))
    result = slots.result()
    assert result.grammatical == 1.0
    assert result.by_slot["manoeuvre"] > 0.85
    assert result.by_slot["cause"] > 0.85

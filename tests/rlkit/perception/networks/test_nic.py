"""A captioner's features of objects, and its decoder word by word."""

import numpy as np
import pytest
import torch

from rlkit.captioning.beam_search import beam_search
from rlkit.captioning.captioner import Captioner, CaptionerCard
from rlkit.captioning.features import Features
from rlkit.captioning.vocabulary import BEGIN, Vocabulary
from rlkit.perception.networks import build_captioner
from rlkit.perception.networks.decoding import Candidates
from rlkit.perception.networks.nic import LEAST_SCORE, MEASURES, measures

VOCABULARY = Vocabulary(("a", "car", "cone", "."))


def captioner(frames=2, signals=("speed", "curvature"), objects=("car", "cone")):
    network = build_captioner(
        "nic-compact", len(VOCABULARY), frames, len(signals), len(objects), torch.Generator().manual_seed(0)
    )
    return Captioner(network, CaptionerCard("nic-compact", (96, 128), VOCABULARY, frames, signals, objects))


def found(distances, scores):
    count = len(distances)
    boxes = torch.tensor([[32.0, 48.0, 96.0, 72.0]]).expand(count, 4)[None]
    labels = torch.arange(count)[None] % 2
    return Candidates(boxes, labels, torch.tensor([scores]), torch.tensor([distances]))


def test_objects_are_sorted_by_distance_and_uncertain_ones_are_zero():
    rows = measures(found([20.0, 5.0, 1.0], [0.9, 0.8, LEAST_SCORE / 2]), 2, (96, 128))[0]
    assert rows.shape == (3, 2 + MEASURES)
    assert rows[:, :2] == pytest.approx(np.array([[0.0, 0.8], [0.9, 0.0], [0.0, 0.0]]))
    assert rows[:, 3].tolist() == pytest.approx([0.25, 1.0, 0.0])  # distances in 20 m
    assert rows[0, 4].item() == 0.0  # straight ahead
    assert not rows[2].any()


def test_pictures_encoded_one_by_one_are_examples():
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 96, 128, 3), dtype=np.uint8)
    model = captioner()
    together = model.encode_examples(images)
    apart = [Features.of_pictures([model.encode(picture[None]) for picture in example]) for example in images]
    joined = Features.joined(apart)
    assert together.grid.shape == (3, 32, 24, 32)
    assert together.objects.shape == (3, 2, 6, 2 + MEASURES)
    np.testing.assert_allclose(joined.grid, together.grid, atol=1e-4)
    np.testing.assert_allclose(joined.objects, together.objects, atol=1e-3)


@pytest.mark.parametrize("objects", [("car", "cone"), ()])
def test_the_decoder_without_torch_scores_words_as_the_network(objects):
    model = captioner(objects=objects)
    images = np.random.default_rng(1).integers(0, 256, (2, 2, 96, 128, 3), dtype=np.uint8)
    features, signals = model.encode_examples(images), np.ones((2, 2), np.float32)
    words = torch.tensor([[BEGIN, 4, 5, 7], [BEGIN, 6, 4, 5]])
    with torch.inference_mode():
        memory = model.network.remember(features.encoded("cpu"), torch.from_numpy(signals))
        expected = model.network.decode(memory, words).log_softmax(2).numpy()
    decoder = model._decoder
    recalled, state = decoder.recall(memory), memory.state.numpy()[:, None]
    for place in range(words.shape[1]):
        state, scores = decoder.step(recalled, state, words[:, place : place + 1].numpy())
        np.testing.assert_allclose(scores[:, 0], expected[:, place], atol=1e-4)
    assert len(beam_search(decoder, recalled)) == 2


def test_signals_and_objects_change_what_is_said():
    model = captioner()
    images = np.zeros((1, 2, 96, 128, 3), np.uint8)
    features = model.encode_examples(images)
    other = Features(features.grid, features.objects + 1.0)
    with torch.inference_mode():
        states = [
            model.network.remember(some.encoded("cpu"), torch.full((1, 2), value)).state
            for some, value in ((features, 0.0), (features, 1.0), (other, 0.0))
        ]
    assert not torch.allclose(states[0], states[1])
    assert not torch.allclose(states[0], states[2])

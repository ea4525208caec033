"""Examples from the simulator: the same by the same seed, and what they say is true of them."""

import numpy as np
import pytest

from rlkit.commentary.dataset import CommentaryDataset
from rlkit.env.config import EnvConfig
from rlkit.errors import UserError


@pytest.fixture(scope="module")
def source():
    made = CommentaryDataset("en", selected=6, measured=6)
    yield made
    made.close()


def test_a_batch_depends_only_on_the_generators_state(source):
    generator = np.random.default_rng(3)
    stream = source.training(4, generator)
    next(stream)
    state = generator.bit_generator.state
    second = next(stream)
    stream.close()
    again = np.random.default_rng(0)
    again.bit_generator.state = state
    repeated = next(source.training(4, again))
    assert (second.images == repeated.images).all()
    assert (second.signals == repeated.signals).all()
    assert (second.captions, second.names) == (repeated.captions, repeated.names)


def test_examples_have_two_pictures_numbers_and_true_sentences(source):
    (batch,) = source.selection()
    assert batch.images.shape == (6, 2, *source.size, 3)
    assert batch.images.dtype == np.uint8
    assert batch.signals.shape == (6, len(source.signals))
    assert np.isfinite(batch.signals).all()
    assert (batch.images[:, 0] != batch.images[:, 1]).any()
    for captions, slots in zip(batch.captions, batch.slots, strict=True):
        assert len(captions) == 5
        for caption in captions:
            assert set(caption) <= set(source.words)
            assert source.slots_of(caption) == slots
    assert batch.conditions == ("train",) * 6


def test_validation_examples_are_the_same_every_time(source):
    other = CommentaryDataset("en", selected=6, measured=6)
    (first,), (second,) = source.selection(), other.selection()
    assert (first.images == second.images).all()
    assert first.captions == second.captions


def test_examples_are_drawn_evenly_over_manoeuvre_and_cause(source):
    batch = next(source.training(24, np.random.default_rng(1)))
    pairs = [(slots["manoeuvre"], slots["cause"]) for slots in batch.slots]
    assert len(set(pairs)) >= 8
    assert max(map(pairs.count, pairs)) <= 6


def test_an_unknown_split_is_refused(source):
    with pytest.raises(UserError, match="no split 'x': it has test, held-out"):
        next(source.measured("x"))


def test_an_environment_without_facts_is_refused():
    with pytest.raises(UserError, match="CartPole-v1 has no facts for a commentary: it needs a method situation"):
        CommentaryDataset(driver="random", environment=EnvConfig("CartPole-v1"))

"""Evaluate a captioner: BLEU and CIDEr by the public scorer, slots of a grammar, and two baselines on the same data."""

import importlib
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from rlkit.captioning.captioner import Captioner, Floats
from rlkit.captioning.datasets.base import CaptionDataset, CaptionedImages, Grammar, Tokens
from rlkit.captioning.features import Features
from rlkit.captioning.slots import SlotAccuracy
from rlkit.errors import UserError
from rlkit.segmentation.evaluation import without_nan
from rlkit.segmentation.loader import opened_stream

EXTRA = 'pip install "rlkit-toolkit[captioning]"'
REMEMBERED = 2048  # training examples of the baselines
DRAWN = 64  # of them at once
TIMED = 30  # sentences


def check_scorer() -> None:
    """Check that pycocoevalcap is installed.

    Raises:
        UserError: It is not.
    """
    try:
        importlib.import_module("pycocoevalcap.cider.cider")
    except ModuleNotFoundError as error:
        raise UserError(f"Captioners are measured by the package {error.name!r}: {EXTRA}", exit_code=1) from error


def scores(references: Sequence[Sequence[Tokens]], sentences: Sequence[Tokens]) -> dict[str, float]:
    """BLEU-4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015) of sentences in tokens, by pycocoevalcap.

    Raises:
        UserError: It is not installed.
    """
    check_scorer()
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    truth = {number: [" ".join(tokens) for tokens in some] for number, some in enumerate(references)}
    found = {number: [" ".join(tokens)] for number, tokens in enumerate(sentences)}
    bleu, _ = Bleu(4).compute_score(truth, found, verbose=0)
    cider, _ = Cider().compute_score(truth, found)
    return {"bleu4": float(bleu[3]), "cider": float(cider)}


def evaluate(
    captioner: Captioner, source: CaptionDataset, split: str | None = None, *, name: str = "", limit: int | None = None
) -> dict[str, Any]:
    """Evaluate a captioner on a split of a data set.

    Beside it stand the sentence of the most similar training example (cosine of the encoder's features and of the
    signals) and the most frequent training sentence, of `REMEMBERED` examples.

    Args:
        captioner: The captioner.
        source: The data set, with the captioner's pictures and signals.
        split: Name of the split; None for the first.
        name: Of the captioner; "" for that of its network.
        limit: Maximum number of examples; None for all.

    Returns:
        The figures, as JSON holds them.

    Raises:
        UserError: There is no such split or no example in it, or the scorer is not installed.
    """
    split = source.splits[0] if split is None else split
    known, sentences_known = _training_examples(captioner, source)
    frequent = Counter(sentences_known).most_common(1)[0][0]
    grammar = source if isinstance(source, Grammar) else None
    batches: list[CaptionedImages] = []
    found: dict[str, list[list[Tokens]]] = {"": [], "nearest_neighbour": [], "most_frequent": []}
    count, spent, timed, ungrammatical = 0, [], 0, 0
    for pictures in source.measured(split):
        batch = pictures if limit is None else pictures.part(slice(0, limit - count))
        if not len(batch):
            break
        features = captioner.encode_examples(batch.images)
        sentences, again = _sentences(captioner, features, batch.signals, grammar)
        ungrammatical += again
        found[""].append(sentences)
        nearest = (_described(features, batch) @ known.T).argmax(1)
        found["nearest_neighbour"].append([sentences_known[index] for index in nearest.tolist()])
        found["most_frequent"].append([frequent] * len(batch))
        for row in range(min(TIMED - timed, len(batch))):
            began = time.perf_counter()  # the earlier pictures were encoded before
            newest = captioner.encode(batch.images[row, :1])
            earlier = Features(features.grid[row : row + 1], features.objects[row : row + 1, 1:])
            captioner.describe_encoded(Features.of_pictures([newest, earlier]), batch.signals[row : row + 1], grammar)
            spent.append(time.perf_counter() - began)
            timed += 1
        batches.append(batch)
        count += len(batch)
    if not count:
        raise UserError(f"{source.name} has no examples in the split {split!r}.")
    figures = {key: _figures(grammar, batches, some) for key, some in found.items()}
    by_condition = {}
    conditions = sorted({one for batch in batches for one in batch.conditions})
    for condition in conditions if len(conditions) > 1 else []:
        by_condition[condition] = _figures(grammar, batches, found[""], condition)
    result: dict[str, Any] = without_nan(
        {
            "model": name or captioner.card.network,
            "parameters": captioner.parameters,
            "pictures": count,
            "data": source.name,
            "split": split,
            **figures.pop(""),
            **figures,
            "conditions": by_condition,
            # Of sentences found without the grammar; those that are none of it were searched for again.
            "searched_again": None if grammar is None else ungrammatical / count,
            "ms_per_sentence": 1e3 * float(np.median(spent)),
            "notes": list(source.notes),
        }
    )
    return result


def _sentences(
    captioner: Captioner, features: Features, signals: Floats, grammar: Grammar | None
) -> tuple[list[Tokens], int]:
    """Sentences of the grammar about examples, and how many the search without it did not find."""
    sentences = captioner.describe_encoded(features, signals)
    if grammar is None:
        return sentences, 0
    wrong = [row for row, tokens in enumerate(sentences) if grammar.slots_of(tokens) is None]
    if wrong:
        again = captioner.describe_encoded(features.part(wrong), signals[wrong], grammar)
        for row, tokens in zip(wrong, again, strict=True):
            sentences[row] = tokens
    return sentences, len(wrong)


def _figures(
    grammar: Grammar | None,
    batches: Sequence[CaptionedImages],
    found: Sequence[Sequence[Tokens]],
    condition: str | None = None,
) -> dict[str, Any]:
    """Scores and slots of some sentences; of the examples of one condition where it is given."""
    slots = SlotAccuracy(grammar)
    references: list[Sequence[Tokens]] = []
    sentences: list[Tokens] = []
    for batch, some in zip(batches, found, strict=True):
        for row, tokens in enumerate(some):
            if condition is None or batch.conditions[row] == condition:
                slots.add(batch.part(slice(row, row + 1)), [tokens])
                references.append(batch.captions[row])
                sentences.append(tokens)
    result = slots.result()
    return scores(references, sentences) | (result.to_json() if result.pictures else {})


def _training_examples(captioner: Captioner, source: CaptionDataset) -> tuple[Floats, list[Tokens]]:
    """Descriptions and a sentence of each of some training examples, always the same."""
    pictures = source.training_pictures
    wanted = REMEMBERED if pictures is None else min(REMEMBERED, pictures)
    described, sentences = [], []
    with opened_stream(source, min(DRAWN, wanted), np.random.default_rng(0)) as stream:
        for batch in itertools.islice(stream, -(-wanted // min(DRAWN, wanted))):
            described.append(_described(captioner.encode_examples(batch.images), batch))
            sentences += [some[0] for some in batch.captions]
    return np.concatenate(described), sentences


def _described(features: Features, batch: CaptionedImages) -> Floats:
    """(B, n) unit vectors: features in 3×4 parts of the newest picture, and signals."""
    count, width, rows, columns = features.grid.shape
    parts = features.grid.reshape(count, width, 3, rows // 3, 4, columns // 4).mean((3, 5)).reshape(count, -1)
    parts /= np.linalg.norm(parts, axis=1, keepdims=True) + 1e-6
    signals = batch.signals / (np.linalg.norm(batch.signals, axis=1, keepdims=True) + 1e-6)
    joined: Floats = np.concatenate([parts, signals], 1).astype(np.float32)
    return joined

"""Training a captioner: its step on a batch, and its validation by the likelihood of sentences and by slots."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.captioning.captioner import Captioner
from rlkit.captioning.config import CaptionConfig
from rlkit.captioning.datasets.base import CaptionDataset, CaptionedImages, Grammar
from rlkit.captioning.features import Features
from rlkit.captioning.learner import CaptionLearner, padded
from rlkit.captioning.slots import SlotAccuracy
from rlkit.captioning.visualization import CaptionRow, draw_captions
from rlkit.captioning.vocabulary import PADDING
from rlkit.perception.networks.nic import NICCompact
from rlkit.segmentation.loader import TrainingPictures
from rlkit.segmentation.network_trainer import NetworkTrainer, SelectionPictures, Validated
from rlkit.training.progress import Reporter
from rlkit.training.run_folder import RunFolder

ROWS = 4  # of a sheet of predictions


class CaptionTrainer(NetworkTrainer[CaptionConfig, CaptionedImages]):
    """The training of a captioner.

    Args:
        run: Its folder; best/model.safetensors is the best model, pictures/000000400.png a sheet of sentences.
        pictures: Training batches.
        source: The data set, whose validation examples select the best weights.
        learner: The network and its optimizer.
        reporter: Shows progress.
    """

    learner: CaptionLearner

    def __init__(
        self,
        run: RunFolder[CaptionConfig],
        pictures: TrainingPictures[CaptionedImages],
        source: CaptionDataset,
        learner: CaptionLearner,
        reporter: Reporter,
    ):
        super().__init__(run, pictures, learner, reporter)
        self._grammar = source if isinstance(source, Grammar) else None
        self._selection: SelectionPictures[CaptionedImages] = SelectionPictures(source)
        self._encoded: dict[int, Features] = {}  # features of validation batches, where the encoder is frozen

    def update(self, batch: CaptionedImages) -> Tensor:
        """Take a gradient step, and return the loss."""
        return self.learner.update(batch, self.steps)

    def validate(self, network: nn.Module, check: Callable[[], object]) -> Validated:
        """Measure the mean log-probability of a word of the references, and slots where there is a grammar."""
        captioner = self.model(network, {})
        total = words = 0.0
        slots = SlotAccuracy(self._grammar)
        rows: list[CaptionRow] = []
        count = 0
        for number, batch in enumerate(self._selection):
            check()
            features = self._features(captioner, number, batch)
            likelihood, tokens = log_likelihood(captioner, features, batch)
            total, words = total + likelihood, words + tokens
            count += len(batch)
            shown = slice(0, None if slots.measures(batch) else 1)
            sentences = captioner.describe_encoded(features.part(shown), batch.signals[shown])
            slots.add(batch, sentences)
            # The first of each batch shows another place or time than the one before.
            if len(rows) < ROWS:
                rows.append(CaptionRow(batch.images[0, 0], sentences[0], batch.captions[0], batch.names[0]))
        if count == 0:
            return Validated({}, 0, "", lambda title: draw_captions(rows, title))
        scores = {"likelihood": total / words}
        summary = f"perplexity {np.exp(-scores['likelihood']):.3f}"
        result = slots.result()
        if result.pictures:
            scores |= {"slots": result.mean, "grammatical": result.grammatical}
            scores |= {f"slot/{name}": value for name, value in result.by_slot.items()}
            summary += f", slots {result.mean:.1%}, grammatical {result.grammatical:.1%}"
        return Validated(scores, count, summary, lambda title: draw_captions(rows, f"{title}: {summary}"))

    def model(self, network: nn.Module, trained: Mapping[str, Any]) -> Captioner:
        """The model with its card."""
        assert isinstance(network, NICCompact)
        return Captioner(network, self.config.card(trained), self.learner.device)

    def _features(self, captioner: Captioner, number: int, batch: CaptionedImages) -> Features:
        """Features of validation batch `number`."""
        if number in self._encoded:
            return self._encoded[number]
        features = captioner.encode_examples(batch.images)
        if self.config.settings.freeze_encoder:
            self._encoded[number] = features
        return features


@torch.inference_mode()
def log_likelihood(captioner: Captioner, features: Features, batch: CaptionedImages) -> tuple[float, int]:
    """The sum of the log-probabilities of all words of all references, and their number.

    Args:
        captioner: The captioner.
        features: Of the examples.
        batch: The examples.
    """
    network, device = captioner.network, captioner.device
    rows = np.repeat(np.arange(len(batch)), [len(some) for some in batch.captions])
    captions = [tokens for some in batch.captions for tokens in some]
    memory = network.remember(features.encoded(device), torch.from_numpy(batch.signals).to(device))
    tokens = torch.from_numpy(padded(captions, captioner.card.vocabulary)).to(device)
    logits = network.decode(memory.repeated(torch.from_numpy(rows).to(device)), tokens[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PADDING, reduction="sum")
    return -float(loss), int((tokens[:, 1:] != PADDING).sum())

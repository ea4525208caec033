"""A gradient step of a captioner: cross-entropy of each word after those before it (teacher forcing)."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.captioning.beam_search import LONGEST
from rlkit.captioning.datasets.base import CaptionedImages, Tokens
from rlkit.captioning.hyperparameters import CaptionHyperparameters
from rlkit.captioning.vocabulary import PADDING, Vocabulary
from rlkit.nn.utils import computing_in
from rlkit.perception.model import as_floats
from rlkit.perception.networks.nic import Encoded, NICCompact
from rlkit.segmentation.learner import NetworkLearner, estimate_statistics
from rlkit.spaces import Pixels

REFERENCES = 7  # purpose of a generator


class CaptionLearner(NetworkLearner):
    """A captioner with its optimizer and the EMA of its weights; arguments as those of `NetworkLearner`.

    Args:
        network: One of `networks.CAPTIONERS`.
        vocabulary: Its words.
        settings: Hyperparameters.
        steps: Budget in steps.
        seed: Fixes everything random.
        device: Device of the network.
    """

    settings: CaptionHyperparameters

    def __init__(
        self,
        network: NICCompact,
        vocabulary: Vocabulary,
        settings: CaptionHyperparameters,
        steps: int,
        *,
        seed: int = 0,
        device: str = "cpu",
    ):
        if settings.freeze_encoder:
            network.freeze_encoder()
        network.dropout.p = settings.dropout
        super().__init__(network, settings, steps, seed=seed, device=device)
        self._vocabulary = vocabulary

    def update(self, batch: CaptionedImages, step: int) -> Tensor:
        """Take a gradient step, which depends on the arguments and the state alone.

        Args:
            batch: Examples; one reference of each is drawn.
            step: Number of steps taken before.

        Returns:
            The mean loss of a word; on a GPU it may still be being computed.
        """
        generator = np.random.default_rng([self._seed, REFERENCES, step])
        drawn = [some[int(generator.integers(len(some)))] for some in batch.captions]
        tokens = torch.from_numpy(padded(drawn, self._vocabulary)).to(self.device)
        examples: Tensor | Encoded
        if batch.features is None:
            examples = frames_as_floats(self.moved(batch.images))
        else:
            examples = batch.features.encoded(self.device)
        signals = torch.from_numpy(batch.signals).to(self.device)

        def loss_of(logits: Tensor) -> Tensor:
            smoothing = self.settings.label_smoothing
            scores, truth = logits.float().flatten(0, 1), tokens[:, 1:].flatten()
            return F.cross_entropy(scores, truth, ignore_index=PADDING, label_smoothing=smoothing)

        return self.descend_on((examples, signals, tokens[:, :-1]), loss_of, step)

    def estimate_statistics(self, network: nn.Module, pictures: Sequence[Pixels]) -> None:
        """Estimate batch norm of the encoder; `pictures` are (B, F, H, W, 3) uint8."""
        assert isinstance(network, NICCompact)
        batches = (as_floats(self.moved(batch.reshape(-1, *batch.shape[2:]))) for batch in pictures)
        with computing_in(self._precision, self.device):
            estimate_statistics(_Encoding(network), batches)


class _Encoding(nn.Module):
    """The encoder alone."""

    def __init__(self, network: NICCompact):
        super().__init__()
        self.encoder = network.encoder

    def forward(self, images: Tensor) -> None:
        """(N, 3, H, W)."""
        self.encoder.features(images)


def padded(captions: Sequence[Tokens], vocabulary: Vocabulary) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
    """Numbers of sentences, from `BEGIN` on, (B, T) int64; those of more than `LONGEST` words lack their end."""
    numbers = [vocabulary.encode(tokens)[: LONGEST + 2] for tokens in captions]
    table = np.full((len(numbers), max(map(len, numbers))), PADDING)
    for row, sentence in zip(table, numbers, strict=True):
        row[: len(sentence)] = sentence
    return table


def frames_as_floats(images: Tensor) -> Tensor:
    """(B, F, H, W, 3) uint8 -> (B, F, 3, H, W) float32 in [0, 1]."""
    return as_floats(images.flatten(0, 1)).view(*images.shape[:2], 3, *images.shape[2:4])

"""Where a network is unsure: Monte-Carlo dropout (Gal, Ghahramani 2016) and measures of how much its answers spread."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from rlkit.nn.layers import Dropout, set_dropout_generator

Map = npt.NDArray[np.float32]
_FOREIGN = (nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Uncertainty:
    """What a network found, and three measures of doubt for every pixel; each is 0 where it is certain.

    Args:
        probabilities: (N, C, H, W) float32, the mean over the samples.
        entropy: (N, H, W) float32, predictive entropy in shares of the largest possible one, 0 to 1: all doubt.
        mutual_information: (N, H, W) float32, on the same scale: how far the samples disagree, which is the doubt
            that more training pictures would take away. 0 everywhere if there was only one sample.
        one_minus_confidence: (N, H, W) float32, 1 − the largest probability.
        samples: How many answers were asked for; 1 where the network has no dropout.
    """

    probabilities: Map
    entropy: Map
    mutual_information: Map
    one_minus_confidence: Map
    samples: int

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put together what was measured of several batches in the same way."""
        return cls(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.entropy for part in parts]),
            np.concatenate([part.mutual_information for part in parts]),
            np.concatenate([part.one_minus_confidence for part in parts]),
            parts[0].samples,
        )


def has_dropout(network: nn.Module) -> bool:
    """Whether a network can give answers that differ."""
    return any(_drops(layer) for layer in network.modules())


def measure_uncertainty(
    scores: Callable[[Tensor], Tensor],
    pictures: Tensor,
    samples: int,
    generator: torch.Generator,
    network: nn.Module,
) -> Uncertainty:
    """Ask a network several times with dropout (Kendall et al. 2017); once if it has none, or for one sample.

    Batch normalisation stays as it was trained. The mean of more than about 6 samples is better than one answer
    without dropout, and from about 40 on it stays the same (Kendall et al. 2017).

    Args:
        scores: (N, 3, H, W) floats from 0 to 1 -> (N, C, H, W) logits, computed by the network.
        pictures: What it is to look at.
        samples: How many times, at least 1.
        generator: What dropout draws from, on the network's device.
        network: In evaluation mode, to which it comes back.

    Raises:
        ValueError: `samples` is below 1.
    """
    if samples < 1:
        raise ValueError(f"samples = {samples}: at least one is needed")
    with torch.inference_mode():
        if samples == 1 or not has_dropout(network):
            return _spread(iter([scores(pictures).softmax(1)]))
        with _dropout(network, generator):
            return _spread(scores(pictures).softmax(1) for _ in range(samples))


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy over the classes in shares of its largest value, log C: (N, C, H, W) -> (N, H, W), 0 to 1."""
    entropies: Tensor = torch.special.entr(probabilities).sum(1)
    return entropies / float(np.log(probabilities.shape[1]))


def _spread(answers: Iterator[Tensor]) -> Uncertainty:
    """Measure from a stream, so that memory does not grow with the number of samples."""
    first = next(answers)
    total, entropies, count = first.clone(), entropy(first), 1
    for answer in answers:
        total += answer
        entropies += entropy(answer)
        count += 1
    mean = total / count
    predictive = entropy(mean)
    # The mean entropy of the samples is at most the entropy of their mean, but for rounding.
    mutual = (predictive - entropies / count).clamp_(min=0)
    confidence = mean.amax(1)
    return Uncertainty(_numpy(mean), _numpy(predictive), _numpy(mutual), _numpy(1 - confidence), count)


@contextlib.contextmanager
def _dropout(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Let a network's dropout act, and nothing else that training would change."""
    foreign = [layer for layer in network.modules() if isinstance(layer, _FOREIGN)]
    devices = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=bool(foreign)):
        if foreign:  # torch's own layers know its global generator only: it is lent a seed of ours and put back
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator, device=generator.device)))
        set_dropout_generator(network, generator)
        for layer in foreign:
            layer.train()
        try:
            yield
        finally:
            set_dropout_generator(network, None)
            for layer in foreign:
                layer.eval()


def _drops(layer: nn.Module) -> bool:
    share = layer.p if isinstance(layer, Dropout) else layer.p if isinstance(layer, _FOREIGN) else 0.0
    return share > 0


def _numpy(tensor: Tensor) -> Map:
    array: Map = tensor.cpu().numpy()
    return array

"""Uncertainty of a segmentation network by Monte-Carlo dropout (Gal, Ghahramani 2016)."""

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
_TORCH_DROPOUT = (nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@dataclass(frozen=True)
class Uncertainty:
    """Class probabilities and two measures of uncertainty per pixel, both 0 where the network is certain.

    Args:
        probabilities: (N, C, H, W) float32, mean over the samples.
        entropy: (N, H, W) float32, predictive entropy divided by its maximum, 0 to 1: total uncertainty.
        mutual_information: (N, H, W) float32, on the same scale: disagreement of the samples, which estimates epistemic
            uncertainty. 0 for a single sample.

        samples: Number of forward passes; 1 for a network without dropout.
    """

    probabilities: Map
    entropy: Map
    mutual_information: Map

    samples: int

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Concatenate the results of several batches."""
        return cls(
            np.concatenate([part.probabilities for part in parts]),
            np.concatenate([part.entropy for part in parts]),
            np.concatenate([part.mutual_information for part in parts]),
            parts[0].samples,
        )


def has_dropout(network: nn.Module) -> bool:
    """Whether a network has a dropout layer with a probability above 0."""
    return any(_dropout_rate(layer) > 0 for layer in network.modules())


def measure_uncertainty(
    scores: Callable[[Tensor], Tensor],
    images: Tensor,
    samples: int,
    generator: torch.Generator,
    network: nn.Module,
) -> Uncertainty:
    """Run a network several times with dropout; once without dropout for one sample, or if it has none.

    Batch normalisation stays in evaluation mode. The mean of more than about 6 samples is more accurate than one pass
    without dropout, and about 40 samples suffice (Kendall et al. 2017).

    Args:
        scores: (N, 3, H, W) float in [0, 1] -> (N, C, H, W) logits, by the network.
        images: (N, 3, H, W) float in [0, 1].
        samples: Number of passes, at least 1.
        generator: Random numbers of dropout, on the network's device.
        network: In evaluation mode, which is restored.

    Raises:
        ValueError: `samples` is below 1.
    """
    if samples < 1:
        raise ValueError(f"samples = {samples}: at least one is needed")
    with torch.inference_mode():
        if samples == 1 or not has_dropout(network):
            return _summary(iter([scores(images).softmax(1)]))
        with _dropout(network, generator):
            return _summary(scores(images).softmax(1) for _ in range(samples))


def entropy(probabilities: Tensor) -> Tensor:
    """Entropy over the classes divided by its maximum, log C: (N, C, H, W) -> (N, H, W), 0 to 1."""
    entropies: Tensor = torch.special.entr(probabilities).sum(1)
    return entropies / float(np.log(probabilities.shape[1]))


def _summary(samples: Iterator[Tensor]) -> Uncertainty:
    """Reduce a stream of probabilities, so that memory does not grow with the number of samples."""
    first = next(samples)
    total, entropies, count = first.clone(), entropy(first), 1
    for sample in samples:
        total += sample
        entropies += entropy(sample)
        count += 1
    mean = total / count
    predictive = entropy(mean)
    # Not negative by Jensen's inequality, except for rounding.
    mutual = (predictive - entropies / count).clamp_(min=0)
    return Uncertainty(_numpy(mean), _numpy(predictive), _numpy(mutual), count)


@contextlib.contextmanager
def _dropout(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Enable dropout and leave everything else in evaluation mode."""
    foreign = [layer for layer in network.modules() if isinstance(layer, _TORCH_DROPOUT)]
    devices = [generator.device] if generator.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices, enabled=bool(foreign)):
        if foreign:  # torch's own layers draw from its global generator: seed it here, fork_rng restores it
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


def _dropout_rate(layer: nn.Module) -> float:
    return layer.p if isinstance(layer, (Dropout, *_TORCH_DROPOUT)) else 0.0


def _numpy(tensor: Tensor) -> Map:
    array: Map = tensor.cpu().numpy()
    return array

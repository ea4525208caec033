"""Convolution, batch normalisation, ReLU: what every block of these networks is made of."""

from collections.abc import Sequence

from torch import nn


def convolution(
    inputs: int, outputs: int, kernel: int = 3, *, batch_norm: bool = True, relu: bool = True
) -> nn.Sequential:
    """A convolution that keeps height and width, then batch normalisation and ReLU unless they are not wanted.

    Args:
        inputs: Channels that come in.
        outputs: Channels that go out.
        kernel: Its side, in pixels; odd.
        batch_norm: Whether to normalise (Ioffe, Szegedy 2015).
        relu: Whether to rectify.
    """
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def convolutions(
    inputs: int, widths: Sequence[int], *, batch_norm: bool = True, last_relu: bool = True
) -> nn.Sequential:
    """3×3 convolutions, one after the other.

    Args:
        inputs: Channels that come in.
        widths: Channels that each gives; none for a block that passes everything on.
        batch_norm: Whether each is normalised.
        last_relu: Whether the last one is rectified, as the others are.
    """
    block = nn.Sequential()
    for number, width in enumerate(widths, start=1):
        block.append(convolution(inputs, width, batch_norm=batch_norm, relu=last_relu or number < len(widths)))
        inputs = width
    return block

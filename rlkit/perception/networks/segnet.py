"""SegNet and SegNet-Basic (Badrinarayanan, Kendall, Cipolla 2017), a compact SegNet, and Bayesian SegNet (2017)."""

from collections.abc import Sequence

from torch import Tensor, nn

from rlkit.nn.layers import Dropout
from rlkit.perception.networks.layers import ImageNetScaling, convolution, convolutions, pool, unpool
from rlkit.perception.networks.vgg16 import DEPTHS, WIDTHS

LEVELS, WIDTH, KERNEL = 4, 64, 7

COMPACT_WIDTHS = (16, 32, 64, 96, 128)
COMPACT_DEPTHS = (1, 1, 1, 1, 1)

DROPOUT = (0.0, 0.0, 0.5, 0.5, 0.5)


class SegNet(nn.Module):
    """An encoder with max pooling, and a decoder that upsamples with the encoder's pooling indices.

    With the widths and depths of VGG16 (Simonyan, Zisserman 2015), the defaults, this is SegNet as published:
    29,449,355 parameters for 11 classes. Every convolution is 3×3 with batch normalisation and ReLU, except the last,
    the classifier.

    Args:
        num_classes: C.
        widths: Channels of each encoder block.
        depths: Convolutions of each encoder block and of its decoder block.
        pool_first: Pool before the last ReLU of an encoder block rather than after it. The maxima are the same, the
            ReLU has a quarter of the inputs, and the indices are informative in windows without a positive value too.
        dropout: Dropout probability after each block, in training and Monte-Carlo sampling; see
            `set_dropout_generator`.
    """

    def __init__(
        self,
        num_classes: int,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        *,
        pool_first: bool = False,
        dropout: Sequence[float] | None = None,
    ):
        super().__init__()
        levels = range(len(widths))
        rates = dropout or [0.0 for _ in levels]
        inputs = [3, *widths[:-1]]
        self.scaling = ImageNetScaling()
        self.encoders = nn.ModuleList(
            convolutions(inputs[k], [widths[k]] * depths[k], last_relu=not pool_first) for k in levels
        )
        self.decoders = nn.ModuleList(
            convolutions(widths[k], [widths[k]] * (depths[k] - 1) + ([widths[k - 1]] if k else []))
            for k in levels[::-1]
        )
        self.classifier = nn.Conv2d(widths[0], num_classes, 3, padding=1)
        self.after_pooling = nn.ReLU(inplace=True) if pool_first else nn.Identity()
        self.encoder_dropouts = nn.ModuleList(_dropout(rate) for rate in rates)
        self.decoder_dropouts = nn.ModuleList(_dropout(rate) for rate in rates[::-1])

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        x = self.scaling(images)
        pooled = []
        for encode, drop in zip(self.encoders, self.encoder_dropouts, strict=True):
            x = encode(x)
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            x = drop(self.after_pooling(x))
            pooled.append((indices, size))
        for decode, drop in zip(self.decoders, self.decoder_dropouts, strict=True):
            x = drop(decode(unpool(x, *pooled.pop())))
        scores: Tensor = self.classifier(x)
        return scores


def _dropout(rate: float) -> nn.Module:
    return Dropout(rate) if rate else nn.Identity()


class SegNetBasic(nn.Module):
    """SegNet-Basic: four encoders and four decoders of one 7×7 convolution with 64 channels; decoders have no ReLU.

    Its input is scaled by local response normalisation (Krizhevsky et al. 2012), as in the authors' model files.
    1,416,587 parameters for 11 classes.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.encoders = nn.ModuleList(convolution(WIDTH if k else 3, WIDTH, KERNEL) for k in range(LEVELS))
        self.decoders = nn.ModuleList(convolution(WIDTH, WIDTH, KERNEL, relu=False) for _ in range(LEVELS))
        self.classifier = nn.Conv2d(WIDTH, num_classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        x = local_response_norm(images * 255.0)
        pooled = []
        for encode in self.encoders:
            x = encode(x)
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            pooled.append((indices, size))
        for decode in self.decoders:
            x = decode(unpool(x, *pooled.pop()))
        scores: Tensor = self.classifier(x)
        return scores


def local_response_norm(images: Tensor) -> Tensor:
    """Local response normalisation over five neighbouring channels (here all three), α = 1e-4, β = 0.75.

    Args:
        images: (B, 3, H, W) float from 0 to 255.
    """
    return images / (1.0 + 1e-4 / 5 * images.square().sum(1, keepdim=True)) ** 0.75


class SegNetCompact(SegNet):
    """SegNet with five blocks of few channels, for real time on a CPU. 381,225 parameters for 9 classes.

    The layers at full resolution take most of the time, and CPUs compute 16 channels as fast as 8: hence 16 there, and
    more in deeper blocks.

    Args:
        num_classes: C.
        widths: Channels of each encoder block.
        depths: Convolutions of each block.
    """

    def __init__(
        self, num_classes: int, widths: tuple[int, ...] = COMPACT_WIDTHS, depths: tuple[int, ...] = COMPACT_DEPTHS
    ):
        super().__init__(num_classes, widths, depths, pool_first=True)


class BayesianSegNet(SegNet):
    """Bayesian SegNet: dropout of 0.5 after the three deepest encoders and decoders.

    For Monte-Carlo dropout see `rlkit.perception.uncertainty`. Dropout is active only while a generator is set by
    `rlkit.nn.layers.set_dropout_generator`, in training as well.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes, dropout=DROPOUT)

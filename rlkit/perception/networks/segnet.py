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
    """Encoder blocks that halve the picture, and decoder blocks that undo it by the places of the encoder's maxima.

    With the numbers of VGG16 (Simonyan, Zisserman 2015), which are the defaults, this is SegNet as published:
    29,449,355 parameters for 11 classes. Every convolution is 3×3 with batch normalisation and ReLU, but the last,
    which gives the scores.

    Args:
        num_classes: C.
        widths: Channels of each encoder block.
        depths: Convolutions of each encoder block, and of the decoder block that answers it.
        pool_first: Whether an encoder block pools before its last ReLU rather than after it. The maxima are the same
            then, a quarter of the numbers has to be rectified, and where nothing in a window is positive the decoder
            still learns which pixel came nearest, rather than always the first one.
        dropout: For each block, the share of features that are dropped while sampling (and training); see
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
        shares = dropout or [0.0 for _ in levels]
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
        # The same share after an encoder block and after the decoder block that answers it.
        self.encoder_dropouts = nn.ModuleList(_dropout(share) for share in shares)
        self.decoder_dropouts = nn.ModuleList(_dropout(share) for share in shares[::-1])

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        x = self.scaling(pictures)
        memory = []
        for encode, drop in zip(self.encoders, self.encoder_dropouts, strict=True):
            x = encode(x)
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            x = drop(self.after_pooling(x))
            memory.append((indices, size))
        for decode, drop in zip(self.decoders, self.decoder_dropouts, strict=True):
            x = drop(decode(unpool(x, *memory.pop())))
        scores: Tensor = self.classifier(x)
        return scores


def _dropout(share: float) -> nn.Module:
    return Dropout(share) if share else nn.Identity()


class SegNetBasic(nn.Module):
    """Four encoders and four decoders of one 7×7 convolution with 64 channels each; decoders have no ReLU.

    The picture's brightness is evened out first by local response normalisation (Krizhevsky et al. 2012) over the
    colours of each pixel, as in the authors' own files. 1,416,587 parameters for 11 classes.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__()
        self.encoders = nn.ModuleList(convolution(WIDTH if k else 3, WIDTH, KERNEL) for k in range(LEVELS))
        self.decoders = nn.ModuleList(convolution(WIDTH, WIDTH, KERNEL, relu=False) for _ in range(LEVELS))
        self.classifier = nn.Conv2d(WIDTH, num_classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        x = even_out(pictures * 255.0)
        memory = []
        for encode in self.encoders:
            x = encode(x)
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            memory.append((indices, size))
        for decode in self.decoders:
            x = decode(unpool(x, *memory.pop()))
        scores: Tensor = self.classifier(x)
        return scores


def even_out(pictures: Tensor) -> Tensor:
    """Local response normalisation over five neighbouring channels, α = 1e-4, β = 0.75: of three, over all of them.

    Args:
        pictures: (B, 3, H, W) floats from 0 to 255, for which these numbers are meant.
    """
    return pictures / (1.0 + 1e-4 / 5 * pictures.square().sum(1, keepdim=True)) ** 0.75


class SegNetCompact(SegNet):
    """SegNet's five encoders and decoders, pooling indices and all, at a size that runs in real time on a processor.

    The full-resolution layers take most of the time, and a processor computes 16 channels as fast as 8; so there are
    16 there and ever more below, where they cost little. 381,225 parameters for 9 classes.

    Args:
        num_classes: C.
        widths: Channels of each encoder block; each block halves the picture.
        depths: Convolutions of each block.
    """

    def __init__(
        self, num_classes: int, widths: tuple[int, ...] = COMPACT_WIDTHS, depths: tuple[int, ...] = COMPACT_DEPTHS
    ):
        super().__init__(num_classes, widths, depths, pool_first=True)


class BayesianSegNet(SegNet):
    """SegNet with dropout of one half after its three deepest encoders and decoders.

    Several passes with dropout (Monte-Carlo samples, `rlkit.perception.uncertainty`) differ where the network is
    unsure. Dropout acts only while a generator is handed in by `rlkit.nn.layers.set_dropout_generator`, for training as
    well.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes, dropout=DROPOUT)

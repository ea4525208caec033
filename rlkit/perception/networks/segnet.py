"""SegNet (Badrinarayanan, Kendall, Cipolla 2017), as published, small, and Bayesian: one shape with other numbers."""

from collections.abc import Sequence

from torch import Tensor, nn

from rlkit.nn.dropout import Dropout
from rlkit.perception.networks.blocks import convolutions
from rlkit.perception.networks.scaling import ImageNetScaling
from rlkit.perception.networks.unpooling import pool, unpool
from rlkit.perception.networks.vgg16 import DEPTHS, WIDTHS


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
        dropout: For each block, the share of features that are dropped while sampling (and training); see `drop_with`.
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

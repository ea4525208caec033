"""Fully convolutional networks: FCN-32s and FCN-8s (Long, Shelhamer, Darrell 2015), and a compact FCN-8s."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.nn.layers import Dropout
from rlkit.perception.networks.layers import ImageNetScaling, convolutions
from rlkit.perception.networks.vgg16 import DEPTHS, WIDTHS


class FCN(nn.Module):
    """An image classifier with its dense layers as convolutions, whose scores are upsampled to the image's size.

    FCN-32s upsamples the deepest scores 32 times; FCN-8s adds the scores of pool4 and pool3 at their resolutions. As in
    the paper, upsampling in between is by learned transposed convolutions initialised as bilinear, and the last step
    is fixed bilinear interpolation. Images are padded to the next multiple of 32, rather than by 100 pixels as in the
    paper.

    Args:
        num_classes: C.
        skips: Number of skip connections: 0 for FCN-32s, 2 for FCN-8s.
        widths: Channels of each encoder block.
        depths: Convolutions of each encoder block.
        dense_width: Channels of fc6 and fc7.
        dense_kernel: Side of fc6's kernel, in pixels.
        dropout: Dropout probability after fc6 and fc7; see `rlkit.nn.layers.set_dropout_generator`.
        batch_norm: Whether the encoder has batch normalisation; the paper's has none.
    """

    def __init__(
        self,
        num_classes: int,
        skips: int,
        *,
        widths: Sequence[int] = WIDTHS,
        depths: Sequence[int] = DEPTHS,
        dense_width: int = 4096,
        dense_kernel: int = 7,
        dropout: float = 0.5,
        batch_norm: bool = False,
    ):
        super().__init__()
        inputs = [3, *widths[:-1]]
        levels = range(len(widths))
        self.scaling = ImageNetScaling()
        self.encoders = nn.ModuleList(
            convolutions(inputs[k], [widths[k]] * depths[k], batch_norm=batch_norm) for k in levels
        )
        self.fc6 = nn.Conv2d(widths[-1], dense_width, dense_kernel, padding=dense_kernel // 2)
        self.fc7 = nn.Conv2d(dense_width, dense_width, 1)
        self.dropout = Dropout(dropout)
        self.score = nn.Conv2d(dense_width, num_classes, 1)
        self.skip_scores = nn.ModuleList(nn.Conv2d(widths[-2 - k], num_classes, 1) for k in range(skips))
        self.upsamplings = nn.ModuleList(_bilinear_doubling(num_classes) for _ in range(skips))

    @torch.no_grad()
    def zero_scores(self) -> None:
        """Set the layers that score classes to zero, as the paper initialises them: all classes are equal at first."""
        for layer in (self.score, *self.skip_scores):
            for parameter in layer.parameters():
                parameter.zero_()

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) floats from 0 to 1 -> (B, C, H, W) logits."""
        height, width = images.shape[-2:]
        multiple = 2 ** len(self.encoders)
        x = F.pad(self.scaling(images), (0, -width % multiple, 0, -height % multiple))
        size = x.shape[-2:]
        pooled = []
        for encode in self.encoders:
            x = F.max_pool2d(encode(x), 2)
            pooled.append(x)
        x = self.dropout(F.relu(self.fc6(x)))
        x = self.dropout(F.relu(self.fc7(x)))
        scores: Tensor = self.score(x)
        for upsample, score, earlier in zip(self.upsamplings, self.skip_scores, pooled[-2::-1], strict=False):
            scores = upsample(scores) + score(earlier)
        scores = F.interpolate(scores, size=size, mode="bilinear", align_corners=False)
        return scores[..., :height, :width]


class FCN32s(FCN):
    """FCN-32s: no skip connections. 134,305,611 parameters for 11 classes.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes, skips=0)


class FCN8s(FCN):
    """FCN-8s: skip connections from pool4 and pool3, trained all at once. 134,317,953 parameters for 11 classes.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes, skips=2)


class FCN8sCompact(FCN):
    """FCN-8s with few channels and batch normalisation, for comparison with the compact SegNet.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(
            num_classes,
            skips=2,
            widths=(16, 32, 64, 96, 128),
            depths=(1, 1, 1, 1, 1),
            dense_width=128,
            dense_kernel=3,
            batch_norm=True,
        )


@torch.no_grad()
def _bilinear_doubling(channels: int) -> nn.ConvTranspose2d:
    """A transposed convolution (4×4, stride 2) initialised as bilinear upsampling of each channel."""
    layer = nn.ConvTranspose2d(channels, channels, 4, stride=2, padding=1, bias=False)
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    layer.weight.zero_()
    for channel in range(channels):
        layer.weight[channel, channel] = torch.outer(ramp, ramp)
    return layer

"""SegNet-Basic (Badrinarayanan, Kendall, Cipolla 2017): four levels of wide kernels, no VGG16."""

from torch import Tensor, nn

from rlkit.perception.networks.blocks import convolution
from rlkit.perception.networks.unpooling import pool, unpool

LEVELS, WIDTH, KERNEL = 4, 64, 7


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

"""A SegNet for a processor: the published shape with few channels."""

from rlkit.perception.networks.segnet import SegNet

WIDTHS = (16, 32, 64, 96, 128)
DEPTHS = (1, 1, 1, 1, 1)


class SegNetCompact(SegNet):
    """SegNet's five encoders and decoders, pooling indices and all, at a size that runs in real time on a processor.

    The full-resolution layers take most of the time, and a processor computes 16 channels as fast as 8; so there are
    16 there and ever more below, where they cost little. 381,225 parameters for 9 classes.

    Args:
        num_classes: C.
        widths: Channels of each encoder block; each block halves the picture.
        depths: Convolutions of each block.
    """

    def __init__(self, num_classes: int, widths: tuple[int, ...] = WIDTHS, depths: tuple[int, ...] = DEPTHS):
        super().__init__(num_classes, widths, depths, pool_first=True)

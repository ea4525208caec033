"""A detector on SegNet's compact encoder: centres of objects (CenterNet, Zhou et al. 2019) and classes of pixels.

One network with two heads, as YOLOP (Wu et al. 2022) and TwinLiteNet (Che et al. 2023). Both share the encoder and the
decoder down to a quarter of the image's resolution.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rlkit.perception.networks.layers import convolution, pool, unpool
from rlkit.perception.networks.segnet import SegNetCompact

STRIDE = 4  # pixels per cell of the object head
LEVEL = 2  # encoder block at this stride
LATERAL, WIDTH = 32, 64  # channels of the object head
REGRESSED = 5  # numbers per cell beside the classes: offset, size and distance
PRIOR = 0.1  # probability of a centre in an untrained network (Lin et al. 2017)


class DetectorOutput(NamedTuple):
    """What a detector computes of B images of height H and width W, for K kinds of objects and C classes of pixels.

    Args:
        centres: (B, K, h, w) logits that a cell holds the centre of an object; h = H // 4, w = W // 4.
        boxes: (B, 4, h, w), the box of an object whose centre is in the cell: horizontal and vertical offset of its
            centre from that of the cell, and the logarithms of its width and height; in cells.
        distances: (B, h, w), logarithm of its distance in metres.
        classes: (B, C, H, W) logits of every pixel; None for a network without that head.
    """

    centres: Tensor
    boxes: Tensor
    distances: Tensor
    classes: Tensor | None

    def floats(self) -> "DetectorOutput":
        """The same in float32."""
        classes = None if self.classes is None else self.classes.float()
        return DetectorOutput(self.centres.float(), self.boxes.float(), self.distances.float(), classes)


class CenterNetCompact(SegNetCompact):
    """`SegNetCompact` with a second head for objects at a quarter of the resolution.

    That head sees the encoder's features of its resolution beside the decoder's, which know the whole image (Lin et al.
    2017, feature pyramids). Its parameters have the names of `SegNetCompact`, whose weights can initialise it.
    420,880 parameters for 2 kinds of objects and 9 classes of pixels, 414,919 without the latter.

    Args:
        num_objects: K.
        num_classes: C; 0 for no classes of pixels, and no decoder beyond the object head.
    """

    def __init__(self, num_objects: int, num_classes: int = 0):
        super().__init__(max(1, num_classes))
        self.num_classes = num_classes
        inner = len(self.encoders) - LEVEL  # blocks of the decoder up to the object head
        if num_classes == 0:
            self.decoders = self.decoders[:inner]
            del self.classifier
        self._inner = inner
        widths = [encoder[-1][0].out_channels for encoder in self.encoders]  # type: ignore[index]
        self.lateral = convolution(widths[LEVEL], LATERAL, 1)
        self.objects = convolution(LATERAL + widths[LEVEL - 1], WIDTH)
        self.output = nn.Conv2d(WIDTH, num_objects + REGRESSED, 1)

    @torch.no_grad()
    def expect_few_objects(self) -> None:
        """Set the biases of the centres so that an untrained network expects `PRIOR` of them."""
        assert self.output.bias is not None
        self.output.bias[:-REGRESSED] = -math.log((1 - PRIOR) / PRIOR)

    def forward(self, images: Tensor) -> DetectorOutput:  # type: ignore[override]
        """(B, 3, H, W) floats from 0 to 1, at least 32 pixels high and wide."""
        x = self.scaling(images)
        pooled = []
        near: list[Tensor] = []
        for level, encode in enumerate(self.encoders):
            x = encode(x)
            if level == LEVEL:
                near.append(self.lateral(F.relu(x)))
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            x = self.after_pooling(x)
            pooled.append((indices, size))
        for decode in self.decoders[: self._inner]:
            x = decode(unpool(x, *pooled.pop()))
        found = self.output(self.objects(torch.cat([*near, x], 1)))
        classes = None
        if self.num_classes:
            for decode in self.decoders[self._inner :]:
                x = decode(unpool(x, *pooled.pop()))
            classes = self.classifier(x)
        return DetectorOutput(found[:, :-REGRESSED], found[:, -REGRESSED:-1], found[:, -1], classes)

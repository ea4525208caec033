"""SegNet's compact encoder, shared by a head for objects and one for the classes of pixels.

One network with two heads, as YOLOP (Wu et al. 2022) and TwinLiteNet (Che et al. 2023). Both share the encoder and the
decoder down to a quarter of the image's resolution.
"""

import torch.nn.functional as F
from torch import Tensor

from rlkit.perception.networks.layers import convolution, pool, unpool
from rlkit.perception.networks.segnet import SegNetCompact

LEVEL = 2  # encoder block at the stride of the object head, which is `decoding.STRIDE`
WIDTH = 64  # channels of the features for objects
COMMON = 32  # channels of the features common to both heads


class SharedEncoder(SegNetCompact):
    """`SegNetCompact` with features for objects at a quarter of the resolution.

    These are of the encoder's features of that resolution and of the decoder's, which know the whole image, by their
    sum (Lin et al. 2017, feature pyramids): side by side they would take 0.5 ms more, of 3.5. Parameters have the names
    of `SegNetCompact`, whose weights can initialise them.

    Args:
        num_classes: C; 0 for no classes of pixels, and no decoder beyond the features for objects.
    """

    def __init__(self, num_classes: int = 0):
        super().__init__(max(1, num_classes))
        self.num_classes = num_classes
        inner = len(self.encoders) - LEVEL  # blocks of the decoder up to the object head
        if num_classes == 0:
            self.decoders = self.decoders[:inner]
            del self.classifier
        self._inner = inner
        widths = [encoder[-1][0].out_channels for encoder in self.encoders]  # type: ignore[index]
        self.lateral = convolution(widths[LEVEL], widths[LEVEL - 1], 1, relu=False)
        self.objects = convolution(widths[LEVEL - 1], WIDTH)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features for objects, (B, 64, H // 4, W // 4), and (B, C, H, W) logits of every pixel.

        Args:
            images: (B, 3, H, W) floats from 0 to 1, at least 32 pixels high and wide.
        """
        near, x, pooled = self._at_quarter(images)
        found: Tensor = self.objects(F.relu(near + x))
        if not self.num_classes:
            return found, None
        for decode in self.decoders[self._inner :]:
            x = decode(unpool(x, *pooled.pop()))
        return found, self.classifier(x)

    def common(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features for objects, (B, 64, H // 4, W // 4), and those common to both heads, (B, 32, H // 4, W // 4).

        Args:
            images: As for `features`.
        """
        near, x, _ = self._at_quarter(images)
        return self.objects(F.relu(near + x)), x

    def _at_quarter(self, images: Tensor) -> tuple[Tensor, Tensor, list[tuple[Tensor, tuple[int, int]]]]:
        """Features of encoder and decoder at a quarter of the resolution, and the indices of the poolings left."""
        x = self.scaling(images)
        pooled = []
        for level, encode in enumerate(self.encoders):
            x = encode(x)
            if level == LEVEL:
                near = self.lateral(F.relu(x))
            size = (x.shape[-2], x.shape[-1])
            x, indices = pool(x)
            x = self.after_pooling(x)
            pooled.append((indices, size))
        for decode in self.decoders[: self._inner]:
            x = decode(unpool(x, *pooled.pop()))
        return near, x, pooled

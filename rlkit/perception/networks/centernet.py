"""A one-stage detector on SegNet's compact encoder: centres of objects (CenterNet, Zhou et al. 2019)."""

import math

import torch
from torch import Tensor, nn

from rlkit.perception.networks.decoding import Candidates, DetectorOutput, decode
from rlkit.perception.networks.shared_encoder import WIDTH, SharedEncoder

REGRESSED = 5  # numbers per cell beside the classes: offset, size and distance
PRIOR = 0.1  # probability of a centre in an untrained network (Lin et al. 2017)


class CenterNetCompact(SharedEncoder):
    """`SharedEncoder` with a convolution that finds centres, boxes and distances.

    402,448 parameters for 2 kinds of objects and 9 classes of pixels, 396,487 without the latter.

    Args:
        num_objects: K.
        num_classes: C; 0 for no classes of pixels.
    """

    def __init__(self, num_objects: int, num_classes: int = 0):
        super().__init__(num_classes)
        self.output = nn.Conv2d(WIDTH, num_objects + REGRESSED, 1)

    @torch.no_grad()
    def expect_few_objects(self) -> None:
        """Set the biases of the centres so that an untrained network expects `PRIOR` of them."""
        assert self.output.bias is not None
        self.output.bias[:-REGRESSED] = -math.log((1 - PRIOR) / PRIOR)

    def forward(self, images: Tensor) -> DetectorOutput:  # type: ignore[override]
        """(B, 3, H, W) floats from 0 to 1, at least 32 pixels high and wide."""
        features, classes = self.features(images)
        return self.found(features)._replace(classes=classes)

    def found(self, features: Tensor) -> DetectorOutput:
        """Centres, boxes and distances by features for objects, without the classes of pixels."""
        found = self.output(features)
        return DetectorOutput(found[:, :-REGRESSED], found[:, -REGRESSED:-1], found[:, -1], None)

    def candidates(self, output: DetectorOutput, size: tuple[int, int], most: int) -> Candidates:
        """The most certain objects of an output, see `decode`."""
        return decode(output, size, most)

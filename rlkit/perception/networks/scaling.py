"""Bringing pictures to the range that networks learn from best."""

import torch
from torch import Tensor, nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # red, green, blue, of 1; what published VGG16 weights expect
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


class ImageNetScaling(nn.Module):
    """Subtract ImageNet's mean colour and divide by its deviation: (B, 3, H, W) from 0 to 1 -> about -2 to 2."""

    scale: Tensor
    shift: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, deviation = (torch.tensor(x).view(1, 3, 1, 1) for x in (IMAGENET_MEAN, IMAGENET_DEVIATION))
        self.register_buffer("scale", 1 / deviation, persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Scale pictures, in one pass over their pixels."""
        return torch.addcmul(self.shift, pictures, self.scale)

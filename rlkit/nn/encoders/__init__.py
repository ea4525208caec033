"""Encoders: from a picture to a vector of features.

To add one, write a class made from (channels, height, width) in a file of its own, and name it in `ENCODERS`. It reads
floats (B, C, H, W) in [0, 1] and gives (B, F); its layers are drawn by whoever builds the network (He et al. 2015).
"""

from rlkit.nn.encoders.observation import (
    ENCODERS,
    ObservationEncoder,
    choose_encoder,
    default_encoder,
    is_small,
    is_tiny,
)

__all__ = ["ENCODERS", "ObservationEncoder", "choose_encoder", "default_encoder", "is_small", "is_tiny"]

"""Batch normalisation folded into the convolution before it: the same numbers in half the passes over memory."""

import copy
from collections import Counter

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """Copy a network for inference, with each normalisation that directly follows a convolution folded into it.

    Only neighbours in an `nn.Sequential` are folded, since nothing else says which layer's output goes where; a layer
    that is used at several places stays as it is.

    Args:
        network: Any; it is not changed.

    Returns:
        A copy in evaluation mode that computes the same up to rounding.
    """
    copied = copy.deepcopy(network).eval()
    uses = Counter(id(child) for module in copied.modules() for child in module.children())
    for block in copied.modules():
        if not isinstance(block, nn.Sequential):
            continue
        for place in range(len(block) - 1):
            convolution, normalisation = block[place], block[place + 1]
            if (
                isinstance(convolution, nn.Conv2d)
                and isinstance(normalisation, nn.BatchNorm2d)
                and normalisation.track_running_stats
                and uses[id(convolution)] == uses[id(normalisation)] == 1
            ):
                block[place] = fuse_conv_bn_eval(convolution, normalisation)
                block[place + 1] = nn.Identity()
    return copied

"""Bayesian SegNet (Kendall, Badrinarayanan, Cipolla 2017): SegNet that can say where it is unsure."""

from rlkit.perception.networks.segnet import SegNet

DROPOUT = (0.0, 0.0, 0.5, 0.5, 0.5)


class BayesianSegNet(SegNet):
    """SegNet with dropout of one half after its three deepest encoders and decoders.

    Several passes with dropout (Monte-Carlo samples, `rlkit.perception.uncertainty`) differ where the network is
    unsure. Dropout acts only while a generator is handed in by `rlkit.nn.dropout.drop_with`, for training as well.

    Args:
        num_classes: C.
    """

    def __init__(self, num_classes: int):
        super().__init__(num_classes, dropout=DROPOUT)

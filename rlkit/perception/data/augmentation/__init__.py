"""Changing pictures and labels by chance, so that a network learns what matters and not one camera or season."""

from rlkit.perception.data.augmentation.recipe import FILES, NOTHING, SIMULATOR, Augmentation

__all__ = ["FILES", "NOTHING", "SIMULATOR", "Augmentation"]

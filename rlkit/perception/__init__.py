"""Perception while driving: segmentation networks, and the way from a camera's picture to what a driver sees."""

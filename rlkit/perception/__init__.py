"""Perception while driving: segmentation networks, and the way from a camera's image to what a driver sees."""

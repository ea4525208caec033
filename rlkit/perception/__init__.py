"""Perception at inference time: from a camera image to the drivable area in the observation."""

"""Sensors of the car: bird's-eye view, front camera with segmentation, lidar, state and preview."""

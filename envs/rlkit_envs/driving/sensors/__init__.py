"""What a driver gets to see: bird's view, front camera and its labels, lidar, and numbers."""

"""Finding the drivable area in a camera's picture: networks, data, training, measuring, and what feeds a driver."""

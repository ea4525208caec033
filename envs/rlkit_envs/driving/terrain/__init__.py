"""The ground of a circuit as rasters near the road, and what stands beside it."""

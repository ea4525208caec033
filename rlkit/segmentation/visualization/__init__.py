"""Show predictions of a segmentation network as sheets, videos and in a window."""

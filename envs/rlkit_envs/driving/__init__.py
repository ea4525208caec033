"""A driving simulator in compiled batches: procedural and real circuits, a car with a grip limit, a bird's-eye view."""

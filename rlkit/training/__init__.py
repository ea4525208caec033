"""Training: the loop, evaluation, checkpoints, run folders and metrics."""

"""Training a detector: `train(folder)` makes a run folder, `resume` continues it."""

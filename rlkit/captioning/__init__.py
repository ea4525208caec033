"""Training a captioner, which describes pictures in words: `train("sim")` makes a run folder, `resume` continues it."""

"""What concerns many runs: several seeds, hyperparameter search, reports, plots and statistics."""

"""What is tried with an environment, one file for each kind of trouble."""

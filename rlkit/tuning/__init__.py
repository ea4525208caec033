"""Searching for good hyperparameters: what is searched, one trial, and the study that remembers all of them."""

"""The car: its figures, tyres and motion, what its limits are, what it stands on, and how it is driven."""

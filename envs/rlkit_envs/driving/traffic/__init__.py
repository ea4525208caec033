"""Other road users: how they drive, where they begin, and what happens when cars touch."""

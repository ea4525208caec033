"""Other road users: how they drive, where they begin, what happens when cars touch, and how to give way."""

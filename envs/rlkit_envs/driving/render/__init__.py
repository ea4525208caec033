"""Pictures for people; no agent sees them."""
